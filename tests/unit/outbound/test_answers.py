"""Servers that send more than an answer: over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from corebilling.platform.outbound.connections import OutboundSessions, read_some

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answering: Answering) -> AsyncIterator[str]:
    """Calls `answering` for every connection, once a request has come."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answering(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"


async def post(sessions: OutboundSessions, url: str) -> tuple[int, bytes]:
    async with sessions.session(private=True).post(url, read_bufsize=8192) as response:
        return response.status, await read_some(response, 16_384)


def sessions() -> OutboundSessions:
    return OutboundSessions(timeout_seconds=10, max_connections=4, name="test")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000, id="interim answers"),
        pytest.param(b"", b"\r\n" * 10_000, id="blank lines"),
        pytest.param(CHUNKED + b"1;", b"x" * 20_000, id="chunk extensions"),
        pytest.param(CHUNKED + b"1\r\na\r\n0\r\n", b"a: b\r\n" * 5000, id="trailers"),
    ],
)
async def test_what_never_becomes_an_answer_is_ended_before_the_time_limit(first: bytes, again: bytes) -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()

    async with server(flood) as url, sessions() as pools:
        with pytest.raises(aiohttp.ClientError):  # and no TimeoutError
            await post(pools, url)


async def test_answers_to_nothing_end_an_idle_connection() -> None:
    ended, connections = asyncio.Event(), []

    async def more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.write(OK)
        if len(connections) == 1:
            await idle.wait()
            writer.write(OK.replace(b"204", b"205"))
            try:
                await reader.read()
            finally:
                ended.set()

    idle = asyncio.Event()
    async with server(more) as url, sessions() as pools:
        assert await post(pools, url) == (204, b"")
        idle.set()
        await asyncio.wait_for(ended.wait(), 5)
        assert await post(pools, url) == (204, b"")
    assert len(connections) == 2


async def test_two_answers_at_once_are_no_answer_to_the_next_request() -> None:
    async def twice(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + OK.replace(b"204", b"205"))
        await writer.drain()

    async with server(twice) as url, sessions() as pools:
        assert [(await post(pools, url))[0] for _ in range(3)] == [204, 204, 204]


async def test_hints_before_an_answer_and_long_bodies_are_fine() -> None:
    async def long(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" + CHUNKED)
        while True:
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            await writer.drain()

    async with server(long) as url, sessions() as pools:
        assert await post(pools, url) == (200, b"x" * 16_384)


async def test_a_connection_is_used_again_after_an_answer_with_a_body() -> None:
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        while True:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.readuntil(b"\r\n\r\n")

    async with server(serve) as url, sessions() as pools:
        assert [await post(pools, url) for _ in range(3)] == [(200, b"ok")] * 3
    assert len(served) == 1
