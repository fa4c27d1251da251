"""Every event of the product, one row each. A payload struct names exactly one subject.

`public` events are offered to webhooks. The partition key is always the resource. Adding a field with a
default keeps the version; anything else is a new subject ending in `.v2`.
"""

from typing import Any

import msgspec

from corebilling.events import (
    custom,
    customer,
    invoice,
    ledger,
    payment,
    pricing,
    rating,
    replay,
    scheduler,
    subscription,
    tenant,
    usage,
    webhook,
)


class EventType(msgspec.Struct, frozen=True):
    """One row of the catalog. `resource` says what `resource_id` identifies."""

    subject: str
    version: int
    payload: type[msgspec.Struct]
    publisher: str
    resource: str
    public: bool


CATALOG: tuple[EventType, ...] = (
    EventType("tenant.created", 1, tenant.TenantCreated, "tenant", "tenant", True),
    EventType("tenant.updated", 1, tenant.TenantUpdated, "tenant", "tenant", True),
    EventType("customer.created", 1, customer.CustomerCreated, "customer", "customer", True),
    EventType("customer.updated", 1, customer.CustomerUpdated, "customer", "customer", True),
    EventType("plan.created", 1, pricing.PlanCreated, "pricing", "plan", True),
    EventType("plan.updated", 1, pricing.PlanUpdated, "pricing", "plan", True),
    EventType("plan.deprecated", 1, pricing.PlanDeprecated, "pricing", "plan", True),
    EventType("price.created", 1, pricing.PriceCreated, "pricing", "price", True),
    EventType("price.archived", 1, pricing.PriceArchived, "pricing", "price", True),
    EventType("coupon.redeemed", 1, pricing.CouponRedeemed, "pricing", "coupon", True),
    EventType("subscription.created", 1, subscription.SubscriptionCreated, "subscription", "subscription", True),
    EventType("subscription.updated", 1, subscription.SubscriptionUpdated, "subscription", "subscription", True),
    EventType(
        "subscription.price.updated", 1, subscription.SubscriptionPriceUpdated, "subscription", "subscription", True
    ),
    EventType(
        "subscription.trial.ending", 1, subscription.SubscriptionTrialEnding, "subscription", "subscription", True
    ),
    EventType("subscription.scheduled", 1, subscription.SubscriptionScheduled, "subscription", "subscription", False),
    EventType(
        "subscription.invoice.requested",
        1,
        subscription.SubscriptionInvoiceRequested,
        "subscription",
        "subscription",
        False,
    ),
    EventType("subscription.canceled", 1, subscription.SubscriptionCanceled, "subscription", "subscription", True),
    EventType(
        "subscription.status.changed", 1, subscription.SubscriptionStatusChanged, "subscription", "subscription", True
    ),
    EventType("usage.reported", 1, usage.UsageReported, "usage", "flush", False),
    EventType("usage.corrected", 1, usage.UsageCorrected, "usage", "correction", True),
    EventType("usage.quota.warning", 1, usage.UsageQuotaWarning, "usage", "quota", True),
    EventType("usage.quota.exceeded", 1, usage.UsageQuotaExceeded, "usage", "quota", True),
    EventType("usage.rated", 1, rating.UsageRated, "rating", "subscription", False),
    EventType("rating.completed", 1, rating.RatingCompleted, "rating", "subscription", False),
    EventType("rating.failed", 1, rating.RatingFailed, "rating", "subscription", True),
    EventType("billing.cycle.closed", 1, scheduler.BillingCycleClosed, "scheduler", "subscription", False),
    EventType("billing.subscription.due", 1, scheduler.SubscriptionDue, "scheduler", "subscription", False),
    EventType("billing.usage.sealed", 1, scheduler.LateUsageSealed, "scheduler", "subscription", False),
    EventType("invoice.generated", 1, invoice.InvoiceGenerated, "invoice", "invoice", True),
    EventType("invoice.sent", 1, invoice.InvoiceSent, "invoice", "invoice", True),
    EventType("invoice.due", 1, invoice.InvoiceDue, "invoice", "invoice", True),
    EventType("invoice.uncollectible", 1, invoice.InvoiceUncollectible, "invoice", "invoice", True),
    EventType("invoice.status.changed", 1, invoice.InvoiceStatusChanged, "invoice", "invoice", True),
    EventType("invoice.paid", 1, invoice.InvoicePaid, "invoice", "invoice", True),
    EventType("invoice.voided", 1, invoice.InvoiceVoided, "invoice", "invoice", True),
    EventType("credit.issued", 1, invoice.CreditIssued, "invoice", "credit_note", True),
    EventType("credit.applied", 1, invoice.CreditApplied, "invoice", "credit_note", True),
    EventType("credit.reversed", 1, invoice.CreditReversed, "invoice", "invoice", True),
    EventType("wallet.granted", 1, invoice.WalletGranted, "invoice", "grant", True),
    EventType("wallet.depleted", 1, invoice.WalletDepleted, "invoice", "customer", True),
    EventType("statement.generated", 1, invoice.StatementGenerated, "invoice", "statement", True),
    EventType("payment.requested", 1, payment.PaymentRequested, "payment", "payment", True),
    EventType("payment.succeeded", 1, payment.PaymentSucceeded, "payment", "payment", True),
    EventType("payment.failed", 1, payment.PaymentFailed, "payment", "payment", True),
    EventType("payment.refunded", 1, payment.PaymentRefunded, "payment", "refund", True),
    EventType("payment.disputed", 1, payment.PaymentDisputed, "payment", "payment", True),
    EventType("dunning.started", 1, payment.DunningStarted, "payment", "dunning", True),
    EventType("dunning.ended", 1, payment.DunningEnded, "payment", "dunning", True),
    EventType("ledger.posted", 1, ledger.LedgerPosted, "ledger", "journal", False),
    EventType("ledger.sealed", 1, ledger.LedgerSealed, "ledger", "ledger", True),
    EventType("webhook.test", 1, webhook.WebhookTest, "webhook", "endpoint", False),
    EventType("webhook.endpoint.disabled", 1, webhook.WebhookEndpointDisabled, "webhook", "endpoint", False),
    EventType("custom.published", 1, custom.CustomEvent, "platform", "custom", True),
    EventType("billing.replay.finished", 1, replay.ReplayFinished, "platform", "replay", True),
)

BY_PAYLOAD: dict[type[Any], EventType] = {row.payload: row for row in CATALOG}
BY_SUBJECT: dict[str, EventType] = {row.subject: row for row in CATALOG}
