"""A message that gets lost on its way to NATS is not overtaken by the next one of its resource."""

import asyncio
from typing import Any
from uuid import uuid4

import nats
import pytest
from nats.js import JetStreamContext

from corebilling.platform.bus import nats_publishing
from corebilling.platform.bus.nats_publishing import publish_in_waves
from corebilling.platform.bus.port import Outcome, OutgoingMessage


class Leaky(JetStreamContext):
    """A connection that loses one message, as one that breaks, or a stream without a leader, does."""

    lost = ""

    async def publish_async(self, subject: str, payload: bytes = b"", *args: Any, **options: Any) -> Any:
        if options["headers"]["Nats-Msg-Id"] == self.lost:
            return asyncio.get_running_loop().create_future()
        return await super().publish_async(subject, payload, *args, **options)


async def test_what_follows_a_lost_message_of_its_resource_is_not_sent(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_publishing, "_ANSWER_SECONDS", 0.2)
    place = f"order-{uuid4().hex[:8]}"
    nc = await nats.connect(nats_url)
    js = Leaky(nc)
    await js.add_stream(name=place, subjects=[f"{place}.>"])
    key, other = uuid4(), uuid4()
    first, second = (OutgoingMessage(str(uuid4()), "resource.changed", key, body) for body in (b"first", b"second"))
    elsewhere = OutgoingMessage(str(uuid4()), "resource.changed", other, b"elsewhere")
    js.lost = first.id
    results, stream_is_gone = await publish_in_waves(js, place, [first, second, elsewhere], 1_000)
    assert [result.outcome for result in results] == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.ACKNOWLEDGED]
    assert not stream_is_gone
    js.lost = ""
    results, _ = await publish_in_waves(js, place, [first, second], 1_000)
    assert {result.outcome for result in results} == {Outcome.ACKNOWLEDGED}
    stored = [(await js.get_msg(place, seq)).data for seq in range(1, 4)]
    assert stored == [b"elsewhere", b"first", b"second"]
    await js.delete_stream(place)
    await nc.close()
