"""Usage events as they are sent, and what becomes of each."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Text = Annotated[str, Meta(max_length=255)]
Instant = Annotated[datetime, Meta(tz=True)]

ABSENT = msgspec.Raw()
"""The JSON of a field that was not sent (a union of Raw and None would refuse objects)."""


class UsageEvent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One event of usage on the wire. `id`, within `source`, names it: a retry sends the same two.

    `subscription_id` or `customer_id` is an id or the tenant's own external id. `properties` is a JSON object, kept as
    it was written.
    """

    id: Name
    meter: Name
    timestamp: Instant
    source: Text | None = None
    subscription_id: Name | None = None
    customer_id: Name | None = None
    value: Decimal | None = None
    properties: msgspec.Raw = ABSENT


class SubjectEvent(UsageEvent, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A CloudEvent as usage: `subject` names a subscription or a customer."""

    subject: Name = ""


class Undecodable(msgspec.Struct, frozen=True):
    """An item that is not an event: what it was, why not, and the JSON pointer of the field that is wrong."""

    item: str
    detail: str
    pointer: str


Sent = UsageEvent | Undecodable

Status = Literal["accepted", "duplicate", "rejected"]


class Refusal(msgspec.Struct, frozen=True):
    """Why an event is rejected: a stable code, what to do about it, the JSON pointer of the field, and when to try again."""

    code: str
    detail: str
    pointer: str
    retry_after_seconds: int | None = None


class ItemResult(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of one item; `id` is the event's own.

    `over_quota`: accepted beyond a soft quota. `retry_after_seconds`: a hard quota refused it until then (the tenant's time).
    """

    id: str | None
    status: Status
    code: str | None = None
    detail: str | None = None
    pointer: str | None = None
    over_quota: bool = False
    retry_after_seconds: int | None = None
