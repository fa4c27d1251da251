"""Routes of events: each module of routes holds those of one noun, and this one puts them together."""

from collections.abc import Mapping
from typing import Any

from corebilling.platform.eventlog import api_catalog, api_custom, api_events, api_letters, api_replay

ROUTES = (*api_catalog.ROUTES, *api_custom.ROUTES, *api_events.ROUTES, *api_replay.ROUTES, *api_letters.ROUTES)

EXAMPLES: Mapping[Any, Any] = {**api_custom.EXAMPLES, **api_replay.EXAMPLES, **api_letters.EXAMPLES}
"""A request of each kind, by the type of its body."""
