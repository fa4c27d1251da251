"""Where notices come in: checked, stored byte for byte, and only then answered. What they mean is worked out later."""

import hashlib
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Unauthenticated
from corebilling.kernel.ids import new_id
from corebilling.payment.domain import signature
from corebilling.payment.gateways import metrics
from corebilling.payment.queries import gateway_accounts as accounts
from corebilling.payment.queries import gateway_notices as queries
from corebilling.payment.queries.gateway_accounts import WhoIsNotifiedRow
from corebilling.platform.db import Database
from corebilling.platform.secrets import SecretBox

CHANNEL = "payment_notices"
"""NOTIFY on this channel tells payment workers that notices are stored."""

MOST_BYTES = 256 * 1024
"""Of one notice."""


class _Named(msgspec.Struct, frozen=True):
    id: str


class NoticeIntake:
    """An edge of its own: the sender has no credential but its signature, so the account in the path says whose notice it is."""

    def __init__(self, *, db: Database, clock: Clock, secret_box: SecretBox) -> None:
        self._db = db
        self._clock = clock
        self._secret_box = secret_box

    async def take(self, gateway: str, account_id: UUID, header: str, body: bytes) -> None:
        """Store a notice; one that was stored before changes nothing.

        Raises `Unauthenticated` alike for an account that isn't there, a signature that doesn't fit and one that is too old.
        """
        async with self._db.identity() as tx:
            row = await accounts.who_is_notified(tx.conn, account_id=account_id, gateway=gateway)
        now = self._clock()
        secrets = [] if row is None else self._secrets(row)
        if not signature.genuine(secrets, header, body, now) or row is None:
            metrics.NOTICES.labels("refused").inc()
            raise Unauthenticated(
                "the notice isn't signed by this account's webhook secret within the last five minutes; check the address, "
                "the secret and the clock",
                code="invalid_signature",
            )
        async with self._db.tenant(row.tenant_id) as tx:
            stored = await queries.add_notice(
                tx.conn,
                tenant_id=row.tenant_id,
                notice_id=new_id(),
                account_id=row.account_id,
                gateway_notice_id=_name(body),
                body=body,
                at=now,
            )
            tx.wake(CHANNEL)
        metrics.NOTICES.labels("stored" if stored else "repeated").inc()

    def _secrets(self, row: WhoIsNotifiedRow) -> list[str]:
        secrets = [] if row.notice_secret_sealed is None else [self._secret_box.open(row.notice_secret_sealed)]
        until, previous = row.previous_notice_secret_until, row.previous_notice_secret_sealed
        if previous is not None and until is not None and self._clock() < until:
            secrets.append(self._secret_box.open(previous))
        return secrets


def _name(body: bytes) -> str:
    """The gateway's id of the notice; of one that has none, what it says names it."""
    try:
        name = msgspec.json.decode(body, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        name = ""
    if not name or len(name) > 255 or not name.isprintable():
        return f"sha256:{hashlib.sha256(body).hexdigest()}"
    return name
