"""How gateways are called, from the GATEWAY_ settings."""

import random
from datetime import timedelta

import msgspec


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How gateways are called. `most_calls` bounds one worker; `certain_seconds` is how long a gateway has to know of a call.

    A call whose outcome is unknown is asked about, and made again only if the gateway says, so long after it was sent, that
    it knows nothing of it. `breaker_failures` in a row stop the calls of an account for `breaker_seconds`.
    """

    most_calls: int = 128
    timeout_seconds: float = 20.0
    lease_slack_seconds: float = 10.0
    certain_seconds: float = 60.0
    first_delay_seconds: float = 2.0
    longest_delay_seconds: float = 900.0
    poll_seconds: float = 15.0
    breaker_failures: int = 5
    breaker_seconds: float = 30.0
    give_up_after: timedelta = timedelta(days=3)
    notice_attempts: int = 12
    allow_private_targets: bool = False

    @property
    def lease(self) -> timedelta:
        """How long a claim is ours: a whole call and its recording must fit."""
        return timedelta(seconds=2 * self.timeout_seconds + self.lease_slack_seconds)

    @property
    def certain_after(self) -> timedelta:
        """How long after a call the gateway's "I know no such payment" is believed."""
        return timedelta(seconds=self.certain_seconds + self.timeout_seconds)

    def delay(self, age: timedelta) -> timedelta:
        """The wait before the next turn of what began that long ago: as long again, bounded, and spread so that nobody comes at once."""
        seconds = min(max(age.total_seconds(), self.first_delay_seconds), self.longest_delay_seconds)
        return timedelta(seconds=seconds * random.uniform(0.75, 1.0))  # noqa: S311 - spreads retries, guards nothing
