"""How deliveries are made, from the WEBHOOK_ settings."""

from datetime import timedelta

import msgspec

from corebilling.webhook.domain.retry import RetryPolicy


class DeliveryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries are made. `claim_limit` rows a claim; `held_limit` and `max_connections` bound one worker."""

    claim_limit: int = 500
    held_limit: int = 4000
    max_connections: int = 2000
    poll_seconds: float = 30.0
    timeout_seconds: float = 15.0
    lease_slack_seconds: float = 10.0
    base_delay_seconds: float = 10.0
    max_delay_seconds: float = 3600.0
    max_retries: int = 5
    allow_private_targets: bool = False
    give_up_after: timedelta = timedelta(days=5)

    @property
    def lease(self) -> timedelta:
        """How long a claim is ours: a wait in the lane and a whole attempt must fit."""
        return timedelta(seconds=2 * self.timeout_seconds + self.lease_slack_seconds)

    @property
    def retries(self) -> RetryPolicy:
        """What follows a failure."""
        base, longest = timedelta(seconds=self.base_delay_seconds), timedelta(seconds=self.max_delay_seconds)
        return RetryPolicy(base, longest, self.max_retries)
