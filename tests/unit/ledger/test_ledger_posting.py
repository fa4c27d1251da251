from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.journal import EntryDraft, JournalDraft, PostedDocument
from corebilling.kernel.money import MAX_MINOR
from corebilling.ledger.domain.posting import digest, prepare
from corebilling.ledger.domain.proof import compare

AT = datetime(2026, 2, 1, tzinfo=UTC)
ID, TENANT = UUID(int=7), UUID(int=1)


def draft(*entries: tuple[str, int]) -> JournalDraft:
    return JournalDraft(
        TENANT, "invoice", UUID(int=2), "EUR", AT, "Invoice", tuple(EntryDraft(*entry) for entry in entries)
    )


def test_a_posting_totals_its_debits() -> None:
    posting = prepare(draft(("1200", 1190), ("4000", -1000), ("2200", -190)), ID, AT)
    assert posting.total_minor == 1190
    assert len(posting.digest) == 64


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [("1200", 100)],
        [("1200", 100), ("4000", -99)],
        [("1200", 100), ("4000", -100), ("4000", 0)],
        [("1200", MAX_MINOR + 1), ("4000", -MAX_MINOR - 1)],
        [("1200", MAX_MINOR), ("1200", 1), ("4000", -MAX_MINOR), ("4000", -1)],
    ],
)
def test_what_cannot_be_a_journal_is_refused_before_it_reaches_the_database(entries: list[tuple[str, int]]) -> None:
    with pytest.raises(Invalid, match="can't be posted"):
        prepare(draft(*entries), ID, AT)


def test_a_digest_depends_on_every_field_and_not_on_how_a_time_is_written() -> None:
    sound = draft(("1200", 100), ("4000", -100))
    whole = digest(sound, ID, AT)
    assert whole == digest(sound, ID, AT.astimezone(timezone(timedelta(hours=5))))
    changed = [
        msgspec.structs.replace(sound, **change)
        for change in (
            {"tenant_id": UUID(int=9)},
            {"document_type": "payment"},
            {"document_id": UUID(int=9)},
            {"currency": "USD"},
            {"effective_at": AT + timedelta(microseconds=1)},
            {"description": "Other"},
            {"entries": (EntryDraft("1200", 100, UUID(int=3)), EntryDraft("4000", -100))},
            {"entries": tuple(reversed(sound.entries))},
        )
    ]
    assert len({whole, digest(sound, UUID(int=8), AT), *(digest(one, ID, AT) for one in changed)}) == 2 + len(changed)


def test_the_proof_names_missing_different_and_orphan() -> None:
    def row(document: int, journal: int, total: int = 100) -> PostedDocument:
        return PostedDocument(TENANT, UUID(int=document), UUID(int=journal), "EUR", total)

    faults = compare("invoice", [row(1, 11), row(2, 12), row(3, 13)], [row(1, 11), row(3, 13, 99), row(4, 14)])
    assert [(fault.document_id.int, fault.fault) for fault in faults] == [
        (2, "missing"),
        (3, "different"),
        (4, "orphan"),
    ]
