"""What an inspection of the Kafka topic and its group finds, and what to do about it."""

from collections.abc import Iterator, Mapping

from corebilling.platform.bus.kafka_topology import Partitions, Topology, Wanted
from corebilling.platform.bus.port import Finding, Level

_DECLARE = "run: corebilling bus declare"


async def examine(topology: Topology, group: str) -> list[Finding]:
    """The topic against what is configured, and the group. Raises BusUnavailable."""
    there = await topology.partitions()
    if there is None:
        return [Finding(Level.ERROR, f"topic {topology.topic} doesn't exist", _DECLARE)]
    settings = {name: value for name, (value, _) in (await topology.settings()).items()}
    findings = [*_partitions(there, topology.wanted), *_settings(settings, topology.wanted)]
    backlog = await topology.backlog(group)
    if backlog is None:
        findings.append(Finding(Level.ERROR, f"group {group} doesn't exist", f"start a router, or {_DECLARE}"))
    else:
        findings.append(Finding(Level.OK, f"group {group}: {backlog} messages not acknowledged"))
    return findings


def _partitions(there: Partitions, wanted: Wanted) -> Iterator[Finding]:
    topic, count = wanted.topic, len(there.replicas)
    if count < wanted.partitions:
        yield Finding(Level.WARNING, f"topic {topic}: {count} partitions, {wanted.partitions} configured", _DECLARE)
    elif count > wanted.partitions:
        advice = "Kafka can't take partitions away: set KAFKA_PARTITIONS to what is there"
        yield Finding(Level.WARNING, f"topic {topic}: {count} partitions, {wanted.partitions} configured", advice)
    else:
        yield Finding(Level.OK, f"topic {topic}: {count} partitions")
    fewest = min(len(replicas) for replicas in there.replicas.values())
    if fewest < wanted.replication:
        advice = "move the topic with kafka-reassign-partitions, or set KAFKA_REPLICATION to what is there"
        yield Finding(Level.ERROR, f"topic {topic}: {fewest} replicas, {wanted.replication} configured", advice)
    behind = sorted(p for p, replicas in there.replicas.items() if len(there.in_step[p]) < len(replicas))
    if behind:
        advice = "see that every broker is up; writes stop when a majority of a partition's replicas is missing"
        yield Finding(Level.WARNING, f"topic {topic}: replicas of partitions {behind} are behind", advice)


def _settings(there: Mapping[str, str], wanted: Wanted) -> Iterator[Finding]:
    for name, value in wanted.settings.items():
        found = there.get(name, "")
        if found == value:
            yield Finding(Level.OK, f"topic {wanted.topic}: {name} is {value}")
        else:
            yield Finding(Level.ERROR, f"topic {wanted.topic}: {name} is {found}, {value} configured", _DECLARE)
