"""Whatever customers, accountants and time do in whatever order, the documents, the wallets and the ledger agree.

Hypothesis draws a seller's life: customers in euro, yen and dinar subscribe, use, change, are billed (the test clock goes
on), pay in part, in full and too much, are refunded, credited, given up, voided and billed anew. After every step, when
the bus is drained:

- lines and taxes make up every invoice, and its total is what was paid, credited, prepaid and is still due;
- Accounts receivable is what open invoices have due, Customer credit is what wallets hold, in every currency;
- the trial balance is zero, and no wallet is below zero.

At the end every invoice is computed again from its pinned inputs, and the ledger's proof holds.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from callers import Caller
from corebilling.cli.bootstrap import ledger_proof
from corebilling.cli.local import LocalInstallation
from factories import PATIENCE_SECONDS, event

START = datetime(2026, 1, 10, 8, tzinfo=UTC)
CURRENCIES = ("EUR", "JPY", "KWD")
CUSTOMERS = {currency: f"buyer-{currency.lower()}" for currency in CURRENCIES}
DIGITS = {"EUR": "0.01", "JPY": "1", "KWD": "0.001"}

amounts = st.integers(1, 50_000)
picks = st.integers(0, 1_000)
currencies = st.sampled_from(CURRENCIES)


class Money(RuleBasedStateMachine):
    """A seller's life. `platform` and `verify` are set by the test."""

    platform: Caller
    url: str
    made: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.api: Caller = self.platform
        self.at = START
        self.subscribed: dict[str, str] = {}

    @initialize(
        tax=st.sampled_from(("0", "0.2", "0.077")), inclusive=st.booleans(), per=st.sampled_from(("line", "invoice"))
    )
    def open_the_shop(self, tax: str, inclusive: bool, per: str) -> None:
        body = {
            "name": "Any order",
            "currency": "EUR",
            "sandbox": True,
            "clock_at": START.isoformat(),
            "country": "FR",
        }
        tenant = self.platform.post("/v1/tenants", body)
        key = {
            "name": "test",
            "scopes": ["usage:write", "billing:read", "billing:write", "billing:admin", "platform.finance"],
        }
        secret = self.platform.post(f"/v1/tenants/{tenant['id']}/api-keys", key)["secret"]
        self.api = Caller(self.url, secret)
        self.made.append(tenant["id"])
        self.api.change("/v1/settings", {"invoicing": {"tax_rounding": per}})
        if tax != "0":
            rate = {"name": "VAT", "rate": tax, "country": "FR", "inclusive": inclusive}
            self.api.post("/v1/admin/pricing/tax-rates", rate)
        self.api.post("/v1/meters", {"code": "data", "aggregation": "sum"})
        for code, seat, unit in (("small", "9.5", "0.335"), ("large", "31.4", "0.127")):
            prices = [
                {
                    "kind": "recurring",
                    "code": "seat",
                    "name": "Seats",
                    "timing": "advance",
                    "product": "seats",
                    "price": {"model": "per_unit", "unit_amount": seat},
                },
                {"kind": "recurring", "name": "Support", "price": {"model": "flat", "amount": "4"}},
                {"kind": "usage", "name": "Data", "meter": "data", "price": {"model": "per_unit", "unit_amount": unit}},
            ]
            for currency in CURRENCIES:
                plan = {"code": f"{code}-{currency.lower()}", "name": code, "currency": currency, "prices": prices}
                self.api.post("/v1/admin/pricing/plans", plan)
        for currency, name in CUSTOMERS.items():
            address = {"city": "Paris", "country": "FR"}
            customer = {"external_id": name, "name": name, "currency": currency, "billing_address": address}
            self.api.post("/v1/customers", customer)

    def teardown(self) -> None:
        if self.api is not self.platform:
            self.every_invoice_verifies()
            self.api.close()

    def every_invoice_verifies(self) -> None:
        for invoice in self.api.all("/v1/invoices"):
            answer = self.api.get(f"/v1/invoices/{invoice['id']}/verify")
            assert answer == {"verified": True, "findings": []}, (invoice["number"], answer["findings"])

    # --- what happens

    @rule(currency=currencies, seats=st.integers(1, 9), coupon=st.booleans())
    def subscribe(self, currency: str, seats: int, coupon: bool) -> None:
        if currency not in self.subscribed:
            wish = {
                "customer_id": CUSTOMERS[currency],
                "plan": f"small-{currency.lower()}",
                "external_id": f"sub-{currency.lower()}",
                "items": [{"price": "seat", "quantity": str(seats)}],
            }
            self.api.post("/v1/subscriptions", wish)
            self.subscribed[currency] = "small"
        self.go_on(timedelta(seconds=1))

    @rule(currency=currencies, quantity=st.integers(1, 400))
    def use(self, currency: str, quantity: int) -> None:
        if currency in self.subscribed:
            self.api.post("/v1/usage", [event("data", CUSTOMERS[currency], self.at, str(quantity))])

    @rule(currency=currencies, seats=st.integers(1, 9), bill=st.sampled_from(("now", "next_invoice")))
    def change(self, currency: str, seats: int, bill: str) -> None:
        if currency in self.subscribed:
            other = "large" if self.subscribed[currency] == "small" else "small"
            wish = {
                "plan": f"{other}-{currency.lower()}",
                "items": [{"price": "seat", "quantity": str(seats)}],
                "at": "now",
                "bill": bill,
            }
            if self.api.attempt(f"/v1/subscriptions/sub-{currency.lower()}/change", wish):
                self.subscribed[currency] = other
            self.go_on(timedelta(seconds=1))

    @rule(hours=st.integers(1, 24 * 40))
    def time_passes(self, hours: int) -> None:
        self.go_on(timedelta(hours=hours))

    @rule(currency=currencies, amount=amounts, discount=st.integers(0, 100))
    def bill_by_hand(self, currency: str, amount: int, discount: int) -> None:
        digit = DIGITS[currency]
        lines = [
            {"description": "Work", "quantity": str(amount), "unit_amount": digit},
            {"description": "Rest", "quantity": "3", "unit_amount": digit},
            {"description": "Off", "quantity": str(min(discount, amount)), "unit_amount": f"-{digit}"},
        ]
        order = {"customer_id": CUSTOMERS[currency], "currency": currency, "lines": lines, "finalize": True}
        self.api.post("/v1/invoices", order)

    @rule(pick=picks, part=st.integers(1, 100))
    def pay_a_part(self, pick: int, part: int) -> None:
        if invoice := self._one_of(pick, "open", "uncollectible"):
            left = invoice["total_minor"] - invoice["paid_minor"] - invoice["credited_minor"] - invoice["prepaid_minor"]
            order = {"invoice_id": invoice["id"], "method": "cash", "reference": "till"}
            self.api.post("/v1/payments", order | {"amount_minor": max(1, left * part // 100)})

    @rule(currency=currencies, amount=amounts)
    def transfer(self, currency: str, amount: int) -> None:
        order = {"customer_id": CUSTOMERS[currency], "method": "bank_transfer", "reference": "statement"}
        self.api.post("/v1/payments", order | {"amount_minor": amount, "currency": currency})

    @rule(pick=picks, part=st.integers(1, 100), invoice=st.sampled_from(("credit", "reopen")))
    def refund(self, pick: int, part: int, invoice: str) -> None:
        payments = [p for p in self.api.all("/v1/payments") if p["amount_minor"] > p["refunded_minor"]]
        if payments:
            payment = payments[pick % len(payments)]
            amount = max(1, (payment["amount_minor"] - payment["refunded_minor"]) * part // 100)
            wish = {"amount_minor": amount, "reason": "wanted", "invoice": invoice}
            self.api.attempt(f"/v1/payments/{payment['id']}/refund", wish)

    @rule(pick=picks, part=st.integers(1, 100), settlement=st.sampled_from(("balance", "refund")))
    def give_back(self, pick: int, part: int, settlement: str) -> None:
        if invoice := self._one_of(pick, "open", "paid"):
            body = {"invoice_id": invoice["id"], "reason": "goodwill", "settlement": settlement}
            if part < 100:
                body["amount_minor"] = max(1, invoice["total_minor"] * part // 100)
            self.api.attempt("/v1/credit-notes", body)

    @rule(pick=picks)
    def void(self, pick: int) -> None:
        if invoice := self._one_of(pick, "open"):
            self.api.attempt(f"/v1/admin/invoices/{invoice['id']}/void", {"reason": "wrong"})

    @rule(pick=picks)
    def bill_anew(self, pick: int) -> None:
        if invoice := self._one_of(pick, "open"):
            self.api.attempt(f"/v1/admin/invoices/{invoice['id']}/reissue", {"reason": "wrong address"})

    @rule(pick=picks)
    def give_up(self, pick: int) -> None:
        if invoice := self._one_of(pick, "open"):
            self.api.attempt(f"/v1/admin/invoices/{invoice['id']}/mark-uncollectible", {"reason": "insolvent"})

    @rule(
        currency=currencies, amount=amounts, source=st.sampled_from(("purchase", "promotion")), days=st.integers(1, 90)
    )
    def prepay(self, currency: str, amount: int, source: str, days: int) -> None:
        grant = {"customer_id": CUSTOMERS[currency], "currency": currency, "amount_minor": amount, "source": source}
        if source == "promotion":
            grant["expires_at"] = (self.at + timedelta(days=days)).isoformat()
        self.api.post("/v1/wallets/grants", grant)

    @rule(pick=picks)
    def use_credit(self, pick: int) -> None:
        if invoice := self._one_of(pick, "open"):
            self.api.attempt(f"/v1/invoices/{invoice['id']}/apply-credit", {})

    @rule(pick=picks)
    def let_credit_expire(self, pick: int) -> None:
        if grants := [one for one in self.api.all("/v1/wallets/grants") if one["left_minor"]]:
            self.api.attempt(f"/v1/wallets/grants/{grants[pick % len(grants)]['id']}/expire", {})

    # --- what must hold

    @invariant()
    def all_figures_agree(self) -> None:
        if self.api is self.platform:
            return
        self.go_on(timedelta(seconds=1))
        due: dict[str, int] = defaultdict(int)
        for invoice in self.api.all("/v1/invoices"):
            self._adds_up(self.api.get(f"/v1/invoices/{invoice['id']}"))
            due[invoice["currency"]] += invoice["due_minor"]
        held: dict[str, int] = defaultdict(int)
        for wallet in self.api.all("/v1/wallets"):
            assert wallet["balance_minor"] >= 0
            held[wallet["currency"]] += wallet["balance_minor"]
        found = {total["currency"]: total for total in self.api.get("/v1/ledger/trial-balance")["currencies"]}
        for currency in CURRENCIES:
            balances = {a["account"]: a["balance_minor"] for a in found.get(currency, {"accounts": []})["accounts"]}
            assert sum(balances.values()) == 0
            assert balances.get("1200", 0) == due[currency], "receivable is what open invoices have due"
            assert balances.get("2300", 0) == -held[currency], "customer credit is what wallets hold"
            assert balances.get("2350", 0) == 0, "refunds in cash go out at once"

    def _adds_up(self, invoice: dict[str, Any]) -> None:
        assert sum(line["amount_minor"] for line in invoice["lines"]) == invoice["subtotal_minor"]
        assert invoice["subtotal_minor"] + invoice["tax_minor"] == invoice["total_minor"] >= 0
        taxes = [tax for line in invoice["lines"] for tax in line["taxes"]]
        added = sum(tax["tax_minor"] for tax in taxes if not tax["inclusive"])
        included = sum(tax["tax_minor"] for tax in taxes if tax["inclusive"])
        assert (added, included) == (invoice["tax_minor"], invoice["included_tax_minor"])
        settled = invoice["paid_minor"] + invoice["credited_minor"] + invoice["prepaid_minor"]
        left = {"open": invoice["total_minor"] - settled, "paid": 0}.get(invoice["status"], 0)
        assert invoice["due_minor"] == left
        assert invoice["status"] != "paid" or settled == invoice["total_minor"]
        entries = self.api.all("/v1/ledger/entries", document_id=invoice["id"], document_type="invoice")
        assert sum(entry["amount_minor"] for entry in entries) == 0
        receivable = sum(entry["amount_minor"] for entry in entries if entry["account"] == "1200")
        assert receivable == (0 if invoice["status"] == "draft" else invoice["total_minor"])

    def _one_of(self, pick: int, *statuses: str) -> dict[str, Any] | None:
        found = [invoice for status in statuses for invoice in self.api.all("/v1/invoices", status=status)]
        return found[pick % len(found)] if found else None

    def go_on(self, time: timedelta) -> None:
        """Advance the test clock; back when all that this caused has been handled."""
        self.at += time
        self.api.post("/v1/test-clock/advance", {"to": self.at.isoformat()})
        with patience() as waiting:
            while self.api.get("/v1/test-clock")["status"] != "ready":
                next(waiting)


@contextmanager
def patience() -> Iterator[Iterator[None]]:
    """A wait between looks, until it has taken too long."""
    import time

    ends = time.monotonic() + PATIENCE_SECONDS

    def looks() -> Iterator[None]:
        while time.monotonic() < ends:
            time.sleep(0.02)
            yield
        pytest.fail("the test clock doesn't arrive")

    yield looks()


def test_documents_wallets_and_ledger_agree_after_every_step(
    installation: LocalInstallation, platform_key: str
) -> None:
    made: list[str] = []
    platform = Caller(installation.api.url, platform_key)
    world = type("Money", (Money,), {"platform": platform, "url": installation.api.url, "made": made})
    quick = settings(
        max_examples=6, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    run_state_machine_as_test(world, settings=quick)
    platform.close()
    proof = ledger_proof(installation.app_url)
    assert proof.holds, proof.mismatches
