"""How far a member of a Kafka group is: only what has no gap before it may be committed."""

from corebilling.platform.bus.kafka_progress import Partition, Receipt
from corebilling.platform.bus.port import Delivery

DUE, LATER = 10.0, 20.0


def taken(partition: Partition, *offsets: int) -> list[Delivery]:
    return [partition.take(b"%d" % offset, offset, DUE) for offset in offsets]


def test_nothing_is_committed_before_something_was_received() -> None:
    assert Partition().position is None


def test_the_position_is_the_first_message_still_open() -> None:
    partition = Partition()
    taken(partition, 5, 6, 7, 8)
    partition.acknowledge(6)
    partition.acknowledge(8)
    assert (partition.position, partition.open, partition.ahead) == (5, 2, 4)
    partition.acknowledge(5)
    assert partition.position == 7
    partition.acknowledge(7)
    assert (partition.position, partition.open, partition.ahead) == (9, 0, 0)


def test_a_message_passed_over_moves_the_position_unless_one_before_it_is_open() -> None:
    partition = Partition()
    partition.skip(0)
    assert partition.position == 1
    taken(partition, 1)
    partition.skip(2)
    assert partition.position == 1
    partition.acknowledge(1)
    assert partition.position == 3


def test_gaps_in_the_offsets_are_no_messages() -> None:
    partition = Partition()
    taken(partition, 3, 90)
    partition.acknowledge(3)
    assert partition.position == 90


def test_acknowledging_twice_or_what_was_never_taken_does_no_harm() -> None:
    partition = Partition()
    taken(partition, 1, 2)
    for offset in (1, 1, 77):
        partition.acknowledge(offset)
    assert partition.position == 2


def test_what_is_overdue_comes_again_with_the_receipt_it_had() -> None:
    partition = Partition()
    first, second, third = taken(partition, 1, 2, 3)
    partition.acknowledge(1)
    partition.extend(2, LATER)
    assert list(partition.overdue(DUE, LATER)) == [third]
    assert not list(partition.overdue(DUE, LATER)), "its next time is put off as well"
    assert list(partition.overdue(LATER, LATER + DUE)) == [second, third]
    assert first.receipt == Receipt(partition, 1)
