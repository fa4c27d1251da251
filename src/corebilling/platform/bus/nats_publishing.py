"""Publishing to JetStream: many messages at once, but of one resource only one at a time.

What is sent while the stream has no leader, or just before a connection breaks, is lost, and what follows on the next
connection is not: sent all at once, a resource's second event would reach the stream before its first. So a batch goes in waves,
none with two messages of a key, and a wave that isn't acknowledged whole is the last one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import NoStreamResponseError

from corebilling.platform.bus.nats_topology import TROUBLE
from corebilling.platform.bus.port import ACKNOWLEDGED, Outcome, OutgoingMessage, PublishResult

_ANSWER_SECONDS = 5.0
_MESSAGES_A_WRITE = 100
"""nats-py writes to the socket whenever it gets a turn: one write for each message costs half of the throughput."""
_HELD_BACK = PublishResult(Outcome.HELD_BACK, "waits behind an earlier message of its resource")


async def publish_in_waves(
    js: JetStreamContext, prefix: str, messages: Sequence[OutgoingMessage], largest: int
) -> tuple[list[PublishResult], bool]:
    """One result for each message, in order, and whether the stream is gone. Bodies hold up to `largest` bytes."""
    results = [_unknown("not sent")] * len(messages)
    refused: set[UUID] = set()
    for wave in _waves(messages):
        answers: dict[int, asyncio.Future[Any]] = {}
        in_trouble = False
        for sent, place in enumerate(wave, 1):
            if sent % _MESSAGES_A_WRITE == 0:
                await asyncio.sleep(0)
            message = messages[place]
            if message.key in refused:
                results[place] = _HELD_BACK
            elif len(message.body) > largest:
                results[place] = _refused(f"{len(message.body)} bytes; the bus takes at most {largest}")
                refused.add(message.key)
            else:
                try:
                    answers[place] = await js.publish_async(
                        f"{prefix}.{message.subject}", message.body, headers={Header.MSG_ID: message.id}
                    )
                except TROUBLE as error:
                    results[place], in_trouble = _unknown(error), True
                    break
        if answers:
            await asyncio.wait(answers.values(), timeout=_ANSWER_SECONDS)
        for place, answer in answers.items():
            results[place] = _result(answer)
            in_trouble |= results[place] is not ACKNOWLEDGED
        if in_trouble:
            return results, any(_stream_is_gone(answer) for answer in answers.values())
    return results, False


def _waves(messages: Sequence[OutgoingMessage]) -> Sequence[Sequence[int]]:
    """Places of messages that may go together: the first ones of all keys, then the second ones, and so on."""
    waves: list[list[int]] = []
    gone: defaultdict[UUID, int] = defaultdict(int)
    for place, message in enumerate(messages):
        wave = gone[message.key]
        gone[message.key] += 1
        if wave == len(waves):
            waves.append([])
        waves[wave].append(place)
    return waves


def _result(answer: asyncio.Future[Any]) -> PublishResult:
    if not answer.done():
        answer.cancel()
        return _unknown("no acknowledgement in time")
    error = answer.exception()
    return ACKNOWLEDGED if error is None else _unknown(error)


def _stream_is_gone(answer: asyncio.Future[Any]) -> bool:
    return not answer.cancelled() and answer.done() and isinstance(answer.exception(), NoStreamResponseError)


def _refused(error: str) -> PublishResult:
    return PublishResult(Outcome.REFUSED, error)


def _unknown(error: object) -> PublishResult:
    return PublishResult(Outcome.UNKNOWN, error if isinstance(error, str) else repr(error))
