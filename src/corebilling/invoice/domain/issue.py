"""What makes a document final: when it is issued and due, the run of its number, what is then said of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.invoice.domain.document import Purpose
from corebilling.invoice.domain.numbering import Numbering, of_invoice
from corebilling.invoice.domain.states import Status
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.period import zone


class Issue(msgspec.Struct, frozen=True):
    """How a document is issued. `status` is what it becomes: paid at once when nothing is due."""

    numbering: Numbering
    issued_at: datetime
    due_at: datetime
    status: Status


class IssuedInvoice(msgspec.Struct, frozen=True):
    """An invoice that was just issued, open, for the customer's wallet to pay what it can of it."""

    tenant_id: UUID
    invoice_id: UUID
    customer_id: UUID
    currency: str
    at: datetime
    cause: Envelope[Any] | None


class Reminder(msgspec.Struct, frozen=True):
    """A day on which somebody is to be told that an invoice is, was or will be due: `days` after its due date."""

    days: int
    at: datetime


def issue(tenant: TenantProfile, net_days: int, issued_at: datetime, total_minor: int) -> Issue:
    """Terms in the tenant's zone: the due date keeps the time of day."""
    due_at = days_after(issued_at, net_days, tenant.time_zone)
    status: Status = "open" if total_minor else "paid"
    return Issue(of_invoice(tenant, issued_at), issued_at, max(due_at, issued_at), status)


def net_days(own: int | None, tenant: TenantProfile, customer: CustomerProfile) -> int:
    """The term of payment: the document's own, else the customer's, else the tenant's."""
    return next(days for days in (own, customer.net_days, tenant.net_days) if days is not None)


def waits(tenant: TenantProfile, purpose: Purpose) -> bool:
    """Whether an invoice of ratings is a draft first: for some hours, until somebody looked, or until its taxes are known.

    What is due before a period ends doesn't wait for hours: it was asked for just now.
    """
    terms = tenant.invoicing
    return terms.tax_engine == "external" or not terms.auto_finalize or bool(_grace(tenant, purpose))


def finalised_at(tenant: TenantProfile, purpose: Purpose, closed_at: datetime) -> datetime | None:
    """When such a draft becomes final by itself; None where somebody has to do it."""
    return closed_at + _grace(tenant, purpose) if tenant.invoicing.auto_finalize else None


def _grace(tenant: TenantProfile, purpose: Purpose) -> timedelta:
    return timedelta(hours=tenant.invoicing.draft_hours if purpose in ("period", "late") else 0)


def first_reminder(tenant: TenantProfile, terms: Issue) -> Reminder:
    """The first one that isn't past when the invoice is issued; the due date itself always is one."""
    reminders = _reminders(tenant, terms.due_at)
    return next(reminder for reminder in reminders if reminder.days >= 0 or reminder.at >= terms.issued_at)


def next_reminder(tenant: TenantProfile, due_at: datetime, after_days: int) -> Reminder | None:
    """The one that follows; None after the last. By what the tenant has set now."""
    return next((reminder for reminder in _reminders(tenant, due_at) if reminder.days > after_days), None)


def _reminders(tenant: TenantProfile, due_at: datetime) -> Iterable[Reminder]:
    days = sorted({0, *tenant.invoicing.reminder_days})
    return (Reminder(one, days_after(due_at, one, tenant.time_zone)) for one in days)


def days_after(at: datetime, days: int, time_zone: str) -> datetime:
    """So many days later (earlier, if negative) at the same time of day in that zone."""
    return (at.astimezone(zone(time_zone)) + timedelta(days=days)).astimezone(UTC)
