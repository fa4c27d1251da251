from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.journal import Deferral, EntryDraft, JournalDraft, PostedDocument
from corebilling.kernel.money import MAX_MINOR
from corebilling.ledger.domain.posting import prepare
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

    def digest(of: JournalDraft, journal_id: UUID = ID, posted_at: datetime = AT) -> str:
        return prepare(of, journal_id, posted_at).digest

    whole = digest(sound)
    assert whole == digest(sound, posted_at=AT.astimezone(timezone(timedelta(hours=5))))
    put_off = (EntryDraft("1200", 100), EntryDraft("2400", -100))
    year = Deferral(100, AT, AT + timedelta(days=365))
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
            {"entries": (EntryDraft("1200", 100), EntryDraft("4000", -100, product="api"))},
            {"entries": tuple(reversed(sound.entries))},
            {"entries": put_off, "deferrals": (year,)},
            {"entries": put_off, "deferrals": (msgspec.structs.replace(year, product="api"),)},
            {"entries": put_off, "deferrals": (msgspec.structs.replace(year, ends_at=AT + timedelta(days=364)),)},
        )
    ]
    assert len({whole, digest(sound, UUID(int=8)), *map(digest, changed)}) == 2 + len(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"entries": (EntryDraft("1200", 100), EntryDraft("2400", -100))},
        {"deferrals": (Deferral(100, AT, AT + timedelta(days=1)),)},
        {
            "entries": (EntryDraft("1200", 100), EntryDraft("2400", -100)),
            "deferrals": (Deferral(90, AT, AT + timedelta(days=1)), Deferral(10, AT, AT)),
        },
        {"entries": (EntryDraft("1200", 100), EntryDraft("4000", -100, product="No Slug"))},
        {"entries": (EntryDraft("1200", 100), EntryDraft("2200", -100, product="api"))},
    ],
    ids=["deferred without saying when", "said and not deferred", "an empty period", "no product", "no revenue"],
)
def test_revenue_is_put_off_as_far_as_somebody_will_earn_it(change: dict) -> None:
    with pytest.raises(Invalid, match="can't be posted"):
        prepare(msgspec.structs.replace(draft(("1200", 100), ("4000", -100)), **change), ID, AT)


def test_a_posting_into_a_closed_month_takes_effect_when_the_ledger_is_open() -> None:
    sound, opens = draft(("1200", 100), ("4000", -100)), AT + timedelta(days=3)
    moved = prepare(sound, ID, AT, open_from=opens)
    assert moved.effective_at == opens
    assert moved.digest == prepare(msgspec.structs.replace(sound, effective_at=opens), ID, AT).digest
    assert prepare(sound, ID, AT, open_from=AT - timedelta(days=3)).effective_at == AT


def test_the_proof_names_missing_different_and_orphan() -> None:
    def row(document: int, journal: int, total: int = 100) -> PostedDocument:
        return PostedDocument(TENANT, UUID(int=document), UUID(int=journal), "EUR", total)

    faults = compare("invoice", [row(1, 11), row(2, 12), row(3, 13)], [row(1, 11), row(3, 13, 99), row(4, 14)])
    assert [(fault.document_id.int, fault.fault) for fault in faults] == [
        (2, "missing"),
        (3, "different"),
        (4, "orphan"),
    ]
