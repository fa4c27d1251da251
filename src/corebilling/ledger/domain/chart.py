"""The chart of accounts that a tenant starts with, and the accounts that come with products."""

import re
from typing import Literal

import msgspec

from corebilling.kernel import accounts
from corebilling.kernel.journal import EntryDraft

AccountKind = Literal["asset", "liability", "equity", "revenue", "expense"]

ACCOUNT_KINDS: tuple[AccountKind, ...] = ("asset", "liability", "equity", "revenue", "expense")


class Account(msgspec.Struct, frozen=True):
    """An account. Assets and expenses grow by debits, the others by credits."""

    code: str
    name: str
    kind: AccountKind


DEFAULT_CHART: tuple[Account, ...] = (
    Account(accounts.CASH, "Cash", "asset"),
    Account(accounts.CLEARING, "Payment gateways", "asset"),
    Account(accounts.RECEIVABLE, "Accounts receivable", "asset"),
    Account(accounts.TAX_PAYABLE, "Tax payable", "liability"),
    Account(accounts.CUSTOMER_CREDIT, "Customer credit", "liability"),
    Account(accounts.CARRIED_CREDIT, "Carried credit", "liability"),
    Account(accounts.REFUNDS_PAYABLE, "Refunds payable", "liability"),
    Account(accounts.DEFERRED_REVENUE, "Deferred revenue", "liability"),
    Account(accounts.REVENUE, "Revenue", "revenue"),
    Account(accounts.PROMOTIONS, "Promotional credit", "revenue"),
    Account(accounts.EXPIRED_CREDIT, "Expired credit", "revenue"),
    Account(accounts.FEES, "Payment fees", "expense"),
    Account(accounts.BAD_DEBT, "Bad debt", "expense"),
)

BY_CODE = {account.code: account for account in DEFAULT_CHART}

CONTROL_ACCOUNTS = frozenset(
    {
        accounts.RECEIVABLE,
        accounts.CUSTOMER_CREDIT,
        accounts.CARRIED_CREDIT,
        accounts.REFUNDS_PAYABLE,
        accounts.DEFERRED_REVENUE,
    }
)
"""Accounts whose balance is that of documents: open invoices, wallets, refunds on their way, deferrals. Only those post to them."""

PRODUCT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""What a product may be called."""

CODE = re.compile(rf"[0-9]{{4}}(\.{PRODUCT.pattern})?")
"""What an account may be called."""


def code_of(entry: EntryDraft) -> str:
    """The account that an entry is posted to: `4000`, or `4000.<product>`."""
    return entry.account if entry.product is None else f"{entry.account}.{entry.product}"


def product_of(code: str) -> str | None:
    """The product that an account is for; None for one of all products."""
    return code.partition(".")[2] or None


def standard_account(code: str) -> Account | None:
    """The account of that code that is opened when it is first needed; None for one that only the tenant could have opened."""
    head, _, product = code.partition(".")
    of_chart = BY_CODE.get(head)
    if of_chart is None or not product:
        return of_chart
    return Account(code, f"{of_chart.name}: {product}", of_chart.kind)
