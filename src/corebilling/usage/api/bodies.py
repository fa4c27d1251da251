"""What the bodies of usage posts hold, for the API's documentation.

The decoders have absent JSON as a default, which no schema can show; these are the same events without it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from corebilling.usage.decode import CLOUD_EVENT, CLOUD_EVENTS, JSON
from corebilling.usage.domain.event import UsageEvent
from corebilling.usage.schemas import CloudEvent


class ReportedEvent(UsageEvent, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One event of usage. `id`, within `source`, names it: a retry sends the same two.

    `subscription_id` or `customer_id` is an id or your own external id. `properties` is a JSON object, kept as it was written.
    """

    properties: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class ReportedCloudEvent(CloudEvent, gc=False):
    """A CloudEvents 1.0 event as usage: `type` is the meter, `subject` the subscription or customer.

    `data` is `{"value"?, "properties"?}`; an object without `properties` is itself the properties. Extension attributes
    are allowed and not kept.
    """

    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


REPORTED: Mapping[str, Any] = {
    JSON: ReportedEvent | list[ReportedEvent],
    CLOUD_EVENT: ReportedCloudEvent,
    CLOUD_EVENTS: list[ReportedCloudEvent],
}
"""By media type."""
