"""What the database says in the end, asked by an administrator who sees every tenant's rows."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_LIVE_RATING = "('usage.reported', 'usage.rated')"
_UNBILLED = f"""
SELECT EXISTS (SELECT 1 FROM test_clocks WHERE target_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE status = 'pending')
    OR EXISTS (SELECT 1 FROM billing_events WHERE status IN ('pending', 'failed') AND subject NOT IN {_LIVE_RATING})
"""
_UNFINISHED = """
SELECT EXISTS (SELECT 1 FROM test_clocks WHERE target_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE status = 'pending')
    OR EXISTS (SELECT 1 FROM billing_events WHERE status IN ('pending', 'failed'))
    OR EXISTS (SELECT 1 FROM rating_due)
"""
_MISSING = """
SELECT s.consumer, s.subject, count(*) FROM billing_events e
JOIN unnest(%s::text[], %s::text[]) AS s(subject, consumer) ON s.subject = e.subject
WHERE NOT EXISTS (
  SELECT 1 FROM inbox i WHERE i.tenant_id = e.tenant_id AND i.consumer = s.consumer AND i.event_id = e.event_id)
GROUP BY 1, 2
"""
_PROGRESS = """
SELECT (SELECT count(*) FROM billing_cycles WHERE state = 'closed')
     + (SELECT count(*) FROM inbox WHERE consumer IN ('invoice', 'webhook'))
     + (SELECT count(*) FROM webhook_deliveries WHERE status = 'delivered')
"""
_UNHANDLED = """
SELECT count(*) FROM billing_events e
JOIN unnest(%s::text[], %s::text[]) AS s(subject, consumer) ON s.subject = e.subject
WHERE NOT EXISTS (
  SELECT 1 FROM inbox i WHERE i.tenant_id = e.tenant_id AND i.consumer = s.consumer AND i.event_id = e.event_id)
"""


class Records:
    """One connection that is made anew for each question, and again while the server is away."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            try:
                conn = await psycopg.AsyncConnection.connect(self._url, autocommit=True, row_factory=tuple_row)
                async with conn:
                    return await (await conn.execute(query, values or None)).fetchall()
            except psycopg.OperationalError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)

    async def one(self, query: str, *values: Any) -> Any:
        return (await self.rows(query, *values))[0][0]

    async def unfinished(self) -> bool:
        """Whether a clock is under way, an event unpublished, a webhook undelivered or live rating behind: it would write more."""
        return bool(await self.one(_UNFINISHED))

    async def unbilled(self) -> bool:
        """Whether a clock is under way, an event of billing unpublished or a webhook undelivered."""
        return bool(await self.one(_UNBILLED))

    async def progress(self) -> int:
        """How far billing has come: cycles closed, events taken on the way to the receiver, and webhooks delivered."""
        return int(await self.one(_PROGRESS))

    async def unhandled(self, pairs: list[tuple[str, str]]) -> int:
        """Events that a consumer hasn't taken; `pairs` are (subject, consumer)."""
        return int(await self.one(_UNHANDLED, [subject for subject, _ in pairs], [name for _, name in pairs]))

    async def missing(self, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The same by (consumer, subject), where there are any."""
        rows = await self.rows(_MISSING, [subject for subject, _ in pairs], [name for _, name in pairs])
        return {(consumer, subject): count for consumer, subject, count in rows}

    async def invoices(self) -> list[tuple[UUID, str, datetime, int, int]]:
        """(tenant, customer's external id, period start, total, how many journals) of every subscription's invoices."""
        return await self.rows(
            """SELECT i.tenant_id, s.customer_external_id, i.period_start, i.total_minor, (
                 SELECT count(*) FROM journals j WHERE j.tenant_id = i.tenant_id AND j.document_id = i.invoice_id
                   AND j.document_type = 'invoice' AND j.journal_id = i.journal_id AND j.total_minor = i.total_minor)
               FROM invoices i JOIN subscriptions s USING (tenant_id, subscription_id)"""
        )

    async def misfortunes(self) -> dict[str, int]:
        """What must not exist: parked and given up events, failed ratings, undelivered webhooks, gaps in numbers."""
        return {
            "parked": await self.one("SELECT count(*) FROM inbox_retry"),
            "dead letters": await self.one("SELECT count(*) FROM dead_letters"),
            "not dispatched": await self.one("SELECT count(*) FROM billing_events WHERE status <> 'dispatched'"),
            "failed ratings": await self.one("SELECT count(*) FROM billing_events WHERE subject = 'rating.failed'"),
            "not delivered": await self.one("SELECT count(*) FROM webhook_deliveries WHERE status <> 'delivered'"),
            "gaps": await self.one(
                """SELECT coalesce(sum(last_no), 0) - (SELECT count(*) FROM invoices WHERE number IS NOT NULL)
                   FROM invoice_numbers"""
            ),
            "imbalances": await self.one(
                """SELECT count(*) FROM (SELECT 1 FROM entries GROUP BY tenant_id, journal_id, currency
                   HAVING sum(amount_minor) <> 0) AS x"""
            ),
        }
