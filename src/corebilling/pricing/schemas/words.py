"""What all of pricing's requests are made of."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Code = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)", description="Your own short name for it.")
]
Slug = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$(?!\n)", description="Your own short name, in small letters.")
]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.")]
Unit = Annotated[str, Meta(min_length=1, max_length=40, description="For people, such as kg or 1,000 tokens.")]
MeterCode = Annotated[str, Meta(min_length=1, max_length=200)]
Reference = Annotated[str, Meta(min_length=1, max_length=200, description="An id, or your own id for it.")]
Instant = Annotated[datetime, Meta(tz=True)]
