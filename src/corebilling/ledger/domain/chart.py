"""The chart of accounts that a tenant starts with."""

from typing import Literal

import msgspec

AccountKind = Literal["asset", "liability", "equity", "revenue", "expense"]

ACCOUNT_KINDS: tuple[AccountKind, ...] = ("asset", "liability", "equity", "revenue", "expense")


class Account(msgspec.Struct, frozen=True):
    """An account. Assets and expenses grow by debits, the others by credits."""

    code: str
    name: str
    kind: AccountKind


DEFAULT_CHART: tuple[Account, ...] = (
    Account("1000", "Cash", "asset"),
    Account("1200", "Accounts receivable", "asset"),
    Account("2200", "Tax payable", "liability"),
    Account("4000", "Revenue", "revenue"),
)
