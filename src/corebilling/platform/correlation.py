"""The thread through everything that one request or event sets off."""

from contextvars import ContextVar
from uuid import UUID

current_correlation_id: ContextVar[UUID | None] = ContextVar("current_correlation_id", default=None)
"""Set for the length of a request; events emitted meanwhile carry it."""
