"""Ratings that are invoiced together: kept until the last one of their group is there."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.invoice.ports import Subscriptions
from corebilling.invoice.queries import groups as queries
from corebilling.invoice.queries.models import Invoice
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import MAX_MINOR
from corebilling.platform.db import Tx

_json = msgspec.json.Encoder().encode
_rating = msgspec.json.Decoder(RatingCompleted)


class Bill(msgspec.Struct, frozen=True):
    """An invoice to be: of one rating, or of all ratings of a group. `cause` is the event that brought the last of them."""

    invoice_id: UUID
    ratings: tuple[RatingCompleted, ...]
    cause: Envelope[RatingCompleted]

    @property
    def tenant_id(self) -> UUID:
        """Whose invoice it is."""
        return self.cause.tenant_id


def claim_of(rating: RatingCompleted) -> str:
    """What a rating claims of its period: all of it, or what the n-th request for an invoice made due."""
    return rating.purpose if rating.purpose == "period" else f"{rating.purpose}:{rating.request_no}"


async def complete(tx: Tx, events: Sequence[Envelope[RatingCompleted]]) -> list[Bill]:
    """Keep these ratings, and answer the bills of the groups that are whole now. Groups are locked until commit."""
    last = {(event.tenant_id, _group(event.payload)): event for event in events}
    keys = sorted(last)
    await queries.lock_groups(tx.conn, tenant_ids=[t for t, _ in keys], group_ids=[g for _, g in keys])
    await queries.keep_ratings(
        tx.conn,
        tenant_ids=[event.tenant_id for event in events],
        group_ids=[event.payload.group_id for event in events],
        rating_ids=[event.payload.rating_id for event in events],
        subscription_ids=[event.payload.subscription_id for event in events],
        ratings=[_json(event.payload) for event in events],
    )
    found: dict[tuple[UUID, UUID], list[RatingCompleted]] = defaultdict(list)
    for row in await queries.ratings_of_groups(
        tx.conn, tenant_ids=[t for t, _ in keys], group_ids=[g for _, g in keys]
    ):
        found[row.tenant_id, row.group_id].append(_rating.decode(row.rating))
    return [
        Bill(new_id(), together, last[key])
        for key, ratings in found.items()
        if len(ratings) == ratings[0].group_size
        for together in _parts(ratings)
    ]


def _parts(ratings: Sequence[RatingCompleted]) -> list[tuple[RatingCompleted, ...]]:
    """All of them, or each alone where they come to more than a document can hold."""
    if sum(rating.total_minor for rating in ratings) <= MAX_MINOR:
        return [tuple(ratings)]
    return [(rating,) for rating in ratings]


async def note_invoices(tx: Tx, bills: Sequence[Bill]) -> None:
    """Note which invoice each rating of a group is on."""
    rows = [(bill, rating) for bill in bills for rating in bill.ratings]
    await queries.invoiced(
        tx.conn,
        tenant_ids=[bill.tenant_id for bill, _ in rows],
        group_ids=[rating.group_id for _, rating in rows],
        rating_ids=[rating.rating_id for _, rating in rows],
        invoice_ids=[bill.invoice_id for bill, _ in rows],
    )


async def names(tx: Tx, subscriptions: Subscriptions, bills: Sequence[Bill]) -> dict[tuple[UUID, UUID], str]:
    """What to call the subscriptions of these bills: their external id, or else their id. One question for each tenant."""
    wanted: dict[UUID, set[UUID]] = defaultdict(set)
    for bill in bills:
        wanted[bill.tenant_id].update(rating.subscription_id for rating in bill.ratings)
    found = {(tenant_id, one): str(one) for tenant_id, ids in wanted.items() for one in ids}
    for tenant_id, ids in wanted.items():
        for known in await subscriptions.attributions(tx, tenant_id, sorted(map(str, ids)), []):
            if known.external_id is not None and known.subscription_id in ids:
                found[tenant_id, known.subscription_id] = known.external_id
    return found


async def ratings_of(
    tx: Tx, tenant_id: UUID, rows: Mapping[UUID, Invoice]
) -> dict[UUID, tuple[tuple[UUID, UUID], ...]]:
    """The ratings of each invoice with their subscriptions, in the order of its lines."""
    found: dict[UUID, list[tuple[UUID, UUID]]] = {
        invoice_id: [(row.rating_id, row.subscription_id)] if row.rating_id and row.subscription_id else []
        for invoice_id, row in rows.items()
    }
    groups = [(row.group_id, invoice_id) for invoice_id, row in rows.items() if row.group_id is not None]
    if groups:
        for one in await queries.ratings_on_invoices(
            tx.conn,
            tenant_id=tenant_id,
            group_ids=[group_id for group_id, _ in groups],
            invoice_ids=[invoice_id for _, invoice_id in groups],
        ):
            found[one.invoice_id].append((one.rating_id, one.subscription_id))
    return {invoice_id: tuple(ratings) for invoice_id, ratings in found.items()}


def _group(rating: RatingCompleted) -> UUID:
    assert rating.group_id is not None
    return rating.group_id
