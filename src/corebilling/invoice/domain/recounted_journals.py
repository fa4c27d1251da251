"""Journals of an invoice as they should be, against those that the ledger holds."""

from collections import Counter
from collections.abc import Iterator, Sequence

from corebilling.invoice.domain.findings import Difference, compared
from corebilling.kernel.journal import JournalDraft, PostedJournal

Side = tuple[str, str]
"""The account with the customer, where there is one, to tell entries apart."""


def of_journal(wanted: JournalDraft, posted: Sequence[PostedJournal]) -> Iterator[Difference]:
    """What differs in the one journal that there should be: entries by account, and what is put off."""
    name = wanted.document_type
    found = [one for one in posted if one.document_type == name]
    yield from compared(f"{name} journals", len(found), 1)
    for journal in found[:1]:
        yield from compared(f"{name} journal: currency", journal.currency, wanted.currency)
        kept, made = _kept(journal), _made(wanted)
        for side in sorted(kept.keys() | made.keys()):
            account, customer = side
            whose = f" of customer {customer}" if customer else ""
            yield from compared(f"{name} journal: {account}{whose}", kept[side], made[side])
        before, again = Counter(journal.deferrals), Counter(wanted.deferrals)
        for deferral in before - again:
            yield Difference(None, f"{name} journal: deferral", _told(deferral), "none")
        for deferral in again - before:
            yield Difference(None, f"{name} journal: deferral", "none", _told(deferral))


def of_none(name: str, posted: Sequence[PostedJournal]) -> Iterator[Difference]:
    """Whether there is none, where nothing was to be posted."""
    yield from compared(f"{name} journals", sum(one.document_type == name for one in posted), 0)


def _kept(journal: PostedJournal) -> Counter[Side]:
    found: Counter[Side] = Counter()
    for entry in journal.entries:
        found[entry.account, str(entry.customer_id or "")] += entry.amount_minor
    return found


def _made(wanted: JournalDraft) -> Counter[Side]:
    found: Counter[Side] = Counter()
    for entry in wanted.entries:
        account = entry.account if entry.product is None else f"{entry.account}.{entry.product}"
        found[account, str(entry.customer_id or "")] += entry.amount_minor
    return found


def _told(deferral: object) -> str:
    amount, start, end, product = (
        getattr(deferral, name) for name in ("amount_minor", "starts_at", "ends_at", "product")
    )
    return f"{amount} from {start:%F %T} to {end:%F %T}" + (f" of {product}" if product else "")
