"""How deliveries are made, from the WEBHOOK_ settings."""

from datetime import timedelta

import msgspec

from corebilling.webhook.domain.retry import RetryPolicy


class DeliveryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries are made. `claim_limit` rows a claim; `held_limit`, `held_bytes` and `max_connections` bound one worker.

    `retry_schedule`, the waits before each further attempt, takes the place of the doubling delay; an endpoint's own goes
    before it. Attempts, and deliveries that ended, are kept for `retention_days`.
    """

    claim_limit: int = 500
    held_limit: int = 4000
    held_bytes: int = 64 * 1024 * 1024
    max_connections: int = 2000
    poll_seconds: float = 30.0
    timeout_seconds: float = 15.0
    lease_slack_seconds: float = 10.0
    base_delay_seconds: float = 10.0
    max_delay_seconds: float = 3600.0
    max_retries: int = 5
    retry_schedule: tuple[timedelta, ...] = ()
    allow_private_targets: bool = False
    give_up_after: timedelta = timedelta(days=5)
    retention_days: int = 30

    @property
    def lease(self) -> timedelta:
        """How long a claim is ours: a wait in the lane and a whole attempt must fit."""
        return timedelta(seconds=2 * self.timeout_seconds + self.lease_slack_seconds)

    @property
    def retries(self) -> RetryPolicy:
        """What follows a failure."""
        base, longest = timedelta(seconds=self.base_delay_seconds), timedelta(seconds=self.max_delay_seconds)
        return RetryPolicy(base, longest, self.max_retries, self.retry_schedule)
