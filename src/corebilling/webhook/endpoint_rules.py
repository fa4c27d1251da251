"""What an endpoint must be like, and what callers are told where it isn't."""

from collections.abc import Sequence

from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.platform.outbound import addresses
from corebilling.webhook.domain import subjects
from corebilling.webhook.queries.models import WebhookEndpoint


def check_url(url: str, *, allow_private: bool) -> None:
    """Raises `Invalid` for a URL that deliveries can't go to."""
    why = addresses.url_refusal(url, allow_private=allow_private)
    if why is not None:
        raise invalid_field("/url", why, code="invalid_target")


def check_subjects(wanted: Sequence[str]) -> None:
    """Raises `Invalid` for a filter that no event fits, ours or one that tenants may publish."""
    for position, subject in enumerate(wanted):
        if not subjects.takes_something(subject):
            known = ", ".join(sorted(subjects.PUBLIC_SUBJECTS))
            detail = f"takes no event; choose from *, a word and .*, subjects of your own events, or: {known}"
            raise invalid_field(f"/subjects/{position}", detail)


def existing(row: WebhookEndpoint | None) -> WebhookEndpoint:
    """The endpoint. Raises `NotFound` where there is none."""
    if row is None:
        raise no_endpoint()
    return row


def require_active(row: WebhookEndpoint) -> None:
    """Raises `Conflict` for an endpoint that is off."""
    if row.status != "active":
        raise Conflict("the endpoint is disabled; set its status to active first", code="endpoint_disabled")


def no_endpoint() -> NotFound:
    """What is told of an endpoint that isn't there, or is somebody else's."""
    return NotFound("there is no such webhook endpoint; list them to see their ids", code="webhook_endpoint_not_found")
