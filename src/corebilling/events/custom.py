"""Events that tenants publish themselves."""

import msgspec


class CustomEvent(msgspec.Struct, frozen=True):
    """A tenant's own event: `subject` in its own words, `data` any JSON, passed on byte for byte."""

    subject: str
    data: msgspec.Raw
