"""What an inspection of the stream and the consumer on NATS finds, and what to do about it."""

from collections.abc import Iterator, Sequence

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ClusterInfo, ConsumerInfo, StreamInfo

from corebilling.platform.bus.nats_topology import (
    DECLARE,
    TROUBLE,
    Topology,
    consumer_info,
    stream_info,
    unacknowledged,
    word,
)
from corebilling.platform.bus.port import BusUnavailable, Finding, Level

_NEARLY_FULL = 0.8
_SILENT_SECONDS = 3.0
"""Replicas tell their leader each second that they live; the leader itself calls them offline much later."""


async def examine(topology: Topology, js: JetStreamContext, durable: str, subjects: Sequence[str]) -> list[Finding]:
    """What is there against what is wanted. Raises BusUnavailable."""
    try:
        stream = await stream_info(js, topology.stream)
        if stream is None:
            return [Finding(Level.ERROR, f"there is no stream {topology.stream}", DECLARE)]
        consumer = await consumer_info(js, topology.stream, durable)
    except TROUBLE as error:
        raise BusUnavailable(f"NATS: {error!r}") from error
    copies = stream.config.num_replicas or 1
    name = f"stream {topology.stream}"
    found = [*_stream(topology, stream), *_replicas(name, stream.cluster, copies)]
    found = found or [Finding(Level.OK, f"{name}: {stream.state.messages} messages, {copies} replicas")]
    if consumer is None:
        return [*found, Finding(Level.ERROR, f"there is no consumer {durable} on {name}", DECLARE)]
    name = f"consumer {durable}"
    troubles = [*_consumer(topology, name, subjects, consumer), *_replicas(name, consumer.cluster, copies)]
    return found + (troubles or [Finding(Level.OK, f"{name}: {unacknowledged(consumer)} not acknowledged")])


def _stream(topology: Topology, info: StreamInfo) -> Iterator[Finding]:
    for difference in topology.differences(info.config):
        yield Finding(Level.ERROR, f"stream {topology.stream}: {difference}", DECLARE)
    room = info.config.max_bytes
    if room and room > 0 and info.state.bytes > _NEARLY_FULL * room:
        yield Finding(
            Level.WARNING,
            f"stream {topology.stream} holds {info.state.bytes} of {room} bytes",
            "raise its max_bytes; a full stream refuses events and they wait in the outbox",
        )


def _consumer(topology: Topology, name: str, subjects: Sequence[str], info: ConsumerInfo) -> Iterator[Finding]:
    config = info.config
    if info.paused:
        yield Finding(Level.ERROR, f"{name} is paused", "resume it: `nats consumer resume`")
    if word(config.ack_policy) != AckPolicy.EXPLICIT.value:
        yield Finding(Level.ERROR, f"{name} doesn't acknowledge one by one", "delete it; routers make it")
    everything = f"{topology.prefix}.>"
    there = set(config.filter_subjects or [config.filter_subject or everything])
    missing = sorted({f"{topology.prefix}.{subject}" for subject in subjects} - there)
    if missing and everything not in there:
        advice = "routers of this release add them when they join: start one"
        yield Finding(Level.WARNING, f"{name} leaves out {', '.join(missing)}", advice)


def _replicas(name: str, cluster: ClusterInfo | None, copies: int) -> Iterator[Finding]:
    """Those beside the leader that have stopped to follow it, or never began."""
    peers = (cluster.replicas if cluster else None) or []
    if len(peers) + 1 < copies:
        yield Finding(
            Level.WARNING, f"{name}: {copies - 1 - len(peers)} replicas are still to be made", "wait, ask again"
        )
    for peer in peers:
        silent = (peer.active or 0) / 1e9
        if silent < _SILENT_SECONDS and peer.current:
            continue
        how = f"silent for {silent:.0f} s" if silent >= _SILENT_SECONDS else f"{peer.lag or 0} entries behind"
        yield Finding(Level.WARNING, f"{name}: replica {peer.name} isn't in step, {how}", "look at that server")
