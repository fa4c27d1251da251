"""Routes of events: each module of routes holds those of one noun, and this one puts them together."""

from typing import Any

ROUTES: tuple[Any, ...] = ()

EXAMPLES: dict[type, Any] = {}
"""A request of each kind, by the type of its body."""
