"""The demo's last chapter: the money of a few customers, from tax to the books, each figure computed a second time."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from corebilling.cli.client import Client, until
from corebilling.cli.demo import seller, show, show_money, world
from corebilling.cli.demo.billing import Proof, advance, prove, save
from corebilling.cli.demo.expected import BOOKS_CENTS, DUE_CENTS, EARNED_CENTS, TAXED_CENTS
from corebilling.cli.demo.figures import Figures, Money
from corebilling.cli.demo.gateway import Gateway, taking_cards
from corebilling.ledger.seal_proof import SealReport

_PATIENCE_SECONDS = 60.0


class Told(msgspec.Struct, kw_only=True):
    """What is shown of the chapter: answers of the API."""

    invoices: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    grants: list[dict[str, Any]] = msgspec.field(default_factory=list)
    transfer: dict[str, Any] = msgspec.field(default_factory=dict)
    declined: dict[str, Any] = msgspec.field(default_factory=dict)
    charged: dict[str, Any] = msgspec.field(default_factory=dict)
    credit_note: dict[str, Any] = msgspec.field(default_factory=dict)
    earned: list[dict[str, Any]] = msgspec.field(default_factory=list)
    still_deferred_minor: int = 0
    ageing: dict[str, Any] = msgspec.field(default_factory=dict)
    balance: list[dict[str, Any]] = msgspec.field(default_factory=list)


async def follow_the_money(
    url: str,
    admin_key: str,
    prove_ledger: Proof,
    prove_seals: Callable[[], Awaitable[SealReport]],
    *,
    figures: Figures,
    console: Console,
    output: Path,
) -> None:
    """The chapter, into the figures and onto the console; at its end every journal of the demo is proved and sealed."""
    async with Client(url, admin_key) as admin:
        _, key = await world.create_tenant(admin, "Demo Software", seller.OPENING, "DE")
    async with Client(url, key) as client:
        told = await _live_through(client, figures, output)
        _show(console, told)
        show.trial_balance(console, await prove(client, prove_ledger, figures), "Trial balance of the second seller")
    seals = await prove_seals()
    figures.sealed_journals, figures.broken_seals = seals.journals, seals.broken_count
    sealed = seals.holds and seals.journals == figures.journals
    figures.check(sealed, f"{seals.journals} journals are sealed, {seals.broken_count} seals are broken")


def _show(console: Console, told: Told) -> None:
    paid, noted = told.charged, told.credit_note
    happened: dict[str, list[show_money.Row]] = {
        "prepaid": [_paid_from(grant) for grant in told.grants],
        "transfer": [("", f"bank transfer “{told.transfer['reference']}”", -told.transfer["allocated_minor"])],
        "card": [
            ("", f"declined by the gateway: {told.declined['failure_code']}", 0),
            ("", f"charged to another card; fee {show.amount(paid['fee_minor'], 'EUR')}", -paid["amount_minor"]),
            (noted["number"], "credit note over a quarter of it", -noted["total_minor"]),
            ("", "refunded to the card", paid["refunded_minor"]),
        ],
        "ahead": [("", "bank transfer", -told.invoices["ahead"]["total_minor"])],
    }  # fmt: skip
    show_money.customers(console, told.invoices, happened)
    show_money.earned(console, told.earned, told.still_deferred_minor)
    show_money.ageing(console, told.ageing)


def _paid_from(grant: dict[str, Any]) -> show_money.Row:
    said = f"paid from credit: {grant['source']} of {show.amount(grant['amount_minor'], 'EUR')}"
    return "", said, grant["left_minor"] - grant["amount_minor"]


async def _live_through(client: Client, figures: Figures, output: Path) -> Told:
    """Sell, be paid, give back, earn, and read the books."""
    told = Told()
    await seller.open_shop(client)
    await _use_credit(client, told)
    await _pay_by_transfer(client, told)
    async with taking_cards() as gateway:
        await _charge_a_card(client, gateway, told)
        await _pay_ahead(client, told)
        await advance(client, seller.AFTER_QUARTER)
        await gateway.told()
        figures.money.notices = gateway.answered[200]
        figures.check(gateway.answered == {200: 3}, f"notices were answered {gateway.answered}")
        figures.check(gateway.taken_cents == 14_280 - 3_570, f"the gateway holds {gateway.taken_cents}")
    await _read_books(client, told)
    _check(figures, told)
    transfer = told.invoices["transfer"]
    e_invoice = await client.download(f"/v1/invoices/{transfer['id']}/download?format=xml")
    figures.check(b"<ram:GrandTotalAmount>1523.20<" in e_invoice, "the e-invoice doesn't have the invoice's total")
    pdf = await client.download(f"/v1/invoices/{transfer['id']}/download")
    figures.check(b"factur-x.xml" in pdf, "the PDF has no e-invoice in it")
    figures.money.e_invoice = str(await save(pdf, output / f"{transfer['number']}-factur-x.pdf"))
    figures.money.statement = str(await _state(client, figures, output))
    return told


async def _use_credit(client: Client, told: Told) -> None:
    common = {"customer_id": "prepaid", "currency": "EUR"}
    bought = {"source": "purchase", "amount_minor": 10_000, "reference": "statement 1, line 4", "priority": 50}
    given = {"source": "promotion", "amount_minor": 2_500, "description": "Welcome", "priority": 10}
    made = [await client.post("/v1/wallets/grants", {**common, **grant}) for grant in (bought, given)]
    told.invoices["prepaid"] = await seller.invoice(client, "prepaid", "Setting up", 1, "150.00", 75)
    told.grants = [await client.get(f"/v1/wallets/grants/{grant['id']}") for grant in reversed(made)]


async def _pay_by_transfer(client: Client, told: Told) -> None:
    owed = told.invoices["transfer"] = await seller.invoice(client, "transfer", "Workshop", 2, "640.00", 14)
    transfer = {
        "customer_id": "transfer", "method": "bank_transfer", "reference": f"{owed['number']} first part",
        "amount_minor": 100_000, "currency": "EUR",
    }  # fmt: skip
    told.transfer = await client.post("/v1/payments", transfer)


async def _charge_a_card(client: Client, gateway: Gateway, told: Told) -> None:
    account = await seller.accept_cards(client, gateway)
    await seller.give_card(client, account, declined=True)
    owed = told.invoices["card"] = await seller.invoice(client, "card", "Support", 1, "120.00", 14)
    told.declined = await _payment(client, owed["id"], "failed")
    await seller.give_card(client, account, declined=False)
    await client.post("/v1/payments", {"invoice_id": owed["id"]})
    paid = await _payment(client, owed["id"], "succeeded")
    back = await client.post(f"/v1/payments/{paid['id']}/refund", {"amount_minor": 3_570, "reason": "A quarter less"})

    async def refunded() -> bool:
        return bool((await client.get(f"/v1/refunds/{back['id']}"))["status"] == "succeeded")

    await _until(refunded, "the refund to be paid out")
    told.charged = await client.get(f"/v1/payments/{paid['id']}")
    told.credit_note = await client.get(f"/v1/credit-notes/{back['parts'][0]['credit_note_id']}")


async def _payment(client: Client, invoice_id: str, status: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = (await client.get("/v1/payments", invoice_id=invoice_id, status=status))["data"]
        return bool(found)

    await _until(there, f"a payment to have {status}")
    return found[0]


async def _pay_ahead(client: Client, told: Told) -> None:
    """The year from 1 January is invoiced when it begins, and paid."""
    await client.post(
        "/v1/subscriptions", {"customer_id": "ahead", "plan": "yearly", "start_at": "2026-01-01T00:00:00Z"}
    )
    found: list[dict[str, Any]] = []

    async def invoiced() -> bool:
        found[:] = (await client.get("/v1/invoices", customer_id="ahead"))["data"]
        return bool(found)

    await _until(invoiced, "the invoice of the year")
    told.invoices["ahead"] = found[0]
    await client.post("/v1/payments", {"invoice_id": found[0]["id"], "method": "bank_transfer", "reference": "a year"})


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    await until(condition, seconds=_PATIENCE_SECONDS, what=what)


async def _read_books(client: Client, told: Told) -> None:
    for name, invoice in told.invoices.items():
        told.invoices[name] = await client.get(f"/v1/invoices/{invoice['id']}")
    deferred = await client.get("/v1/ledger/deferred-revenue")
    told.earned = [month for month in deferred["months"] if month["recognised_minor"]]
    told.still_deferred_minor = sum(total["deferred_minor"] for total in deferred["totals"])
    told.ageing = (await client.get("/v1/ledger/ageing", as_of=seller.AFTER_QUARTER.isoformat()))["currencies"][0]
    told.balance = (await client.get("/v1/ledger/trial-balance"))["currencies"]


def _check(figures: Figures, told: Told) -> None:
    """Every figure against the arithmetic of `expected`."""
    money = figures.money = _figures(told, figures.money)
    for name, (net, tax) in TAXED_CENTS.items():
        invoiced = (told.invoices[name]["subtotal_minor"], told.invoices[name]["tax_minor"])
        figures.check(invoiced == (net, tax), f"{name} was invoiced {invoiced} and should be {(net, tax)}")
    left = {name: invoice["due_minor"] for name, invoice in told.invoices.items()}
    figures.check(left == DUE_CENTS, f"what is left to pay is {left} and should be {DUE_CENTS}")
    figures.check([grant["left_minor"] for grant in told.grants] == [0, 0], "the prepaid credit isn't used up")
    figures.check(
        told.declined["failure_code"] == "insufficient_funds", "the empty card wasn't declined for its reason"
    )
    noted = (told.credit_note["subtotal_minor"], told.credit_note["tax_minor"])
    figures.check(noted == (3_000, 570), f"the credit note is over {noted} and should be {(3_000, 570)}")
    earned = [month["recognised_minor"] for month in told.earned]
    figures.check(earned == EARNED_CENTS, f"the months earned {earned} and should have {EARNED_CENTS}")
    late = (told.ageing["days_0_30_minor"], told.ageing["days_61_90_minor"], told.ageing["total_minor"])
    owed = (DUE_CENTS["prepaid"], DUE_CENTS["transfer"], sum(DUE_CENTS.values()))
    figures.check(late == owed, f"what is overdue is {late} and should be {owed}")
    books = {row["account"]: row["balance_minor"] for row in told.balance[0]["accounts"] if row["balance_minor"]}
    figures.check(books == BOOKS_CENTS, f"the books say {books} and should say {BOOKS_CENTS}")
    figures.check(money.earned_minor + money.deferred_minor == 120_000, "the year isn't earned and deferred as a whole")


def _figures(told: Told, money: Money) -> Money:
    return msgspec.structs.replace(
        money,
        invoiced_minor=sum(invoice["total_minor"] for invoice in told.invoices.values()),
        tax_minor=sum(invoice["tax_minor"] for invoice in told.invoices.values()),
        from_credit_minor=sum(grant["amount_minor"] - grant["left_minor"] for grant in told.grants),
        transferred_minor=told.transfer["allocated_minor"],
        charged_minor=told.charged["amount_minor"],
        refunded_minor=told.charged["refunded_minor"],
        earned_minor=sum(month["recognised_minor"] for month in told.earned),
        deferred_minor=told.still_deferred_minor,
        overdue_minor=told.ageing["total_minor"] - told.ageing["not_due_minor"],
    )


async def _state(client: Client, figures: Figures, output: Path) -> Path:
    """January's statement of the customer who paid a part."""
    job = await client.post("/v1/statements", {"period": "2026-01", "customer_id": "transfer"})

    async def drawn_up() -> bool:
        return (await client.get(f"/v1/jobs/{job['id']}"))["state"] in ("succeeded", "failed")

    await _until(drawn_up, "the statement")
    [statement] = (await client.get("/v1/statements", customer_id="transfer"))["data"]
    closing = statement["closing_minor"]
    figures.check(closing == DUE_CENTS["transfer"], f"the statement ends with {closing}")
    return await save(
        await client.download(f"/v1/statements/{statement['id']}/download"), output / "statement-2026-01.pdf"
    )
