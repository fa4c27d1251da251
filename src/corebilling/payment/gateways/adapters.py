"""From an account's row to something that can be called."""

from collections.abc import Callable, Mapping

import aiohttp

from corebilling.payment.gateways.http import HttpGateway
from corebilling.payment.gateways.port import Gateway

ADAPTERS: Mapping[str, Callable[[aiohttp.ClientSession, str, str], Gateway]] = {"http": HttpGateway}
"""By the name of the gateway: (session, base URL, API key) -> gateway."""
