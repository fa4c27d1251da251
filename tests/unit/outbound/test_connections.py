"""Names that hang, and names that don't."""

import asyncio
import socket
import threading

from corebilling.platform.outbound.connections import OutboundSessions


async def test_names_that_hang_delay_no_name_that_resolved_before(monkeypatch) -> None:
    release, asked = threading.Event(), threading.Semaphore(0)

    def look_up(host: str, port: int, *_: object) -> list[object]:
        asked.release()
        if host != "quick.example.com":
            release.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with OutboundSessions(timeout_seconds=5, max_connections=4, name="test") as sessions:
        resolver = sessions.session(private=False).connector._resolver
        await resolver.resolve("quick.example.com", 443)
        hanging = [asyncio.create_task(resolver.resolve(f"n{n}.example.com", 443)) for n in range(100)]
        await asyncio.to_thread(lambda: [asked.acquire(timeout=30) for _ in range(20)])
        [found] = await asyncio.wait_for(resolver.resolve("quick.example.com", 443), 30)
        assert found["host"] == "93.184.216.34"
        assert not any(task.done() for task in hanging)
        release.set()
        await asyncio.gather(*hanging)
