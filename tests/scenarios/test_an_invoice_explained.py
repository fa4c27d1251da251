"""Whoever asks why an invoice is what it is, and whether it still is, gets the whole way from the total to the usage."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from typer.testing import CliRunner

from corebilling.cli import app
from corebilling.cli.local import LocalInstallation
from factories import NewSeller, Seller, event, metered, per_unit, recurring

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 2, tzinfo=UTC)


async def a_month(new_tenant: NewSeller) -> Seller:
    """A seat ahead, a fee and usage in arrears, a coupon, 20 % VAT on top, and 5.00 of credit."""
    seller = await new_tenant("Explained", JANUARY, country="FR")
    await seller.api.post("/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.2", "country": "FR"})
    await seller.api.post(
        "/v1/admin/pricing/coupons", {"code": "TEN", "name": "Ten off", "percent_off": "0.1", "duration": "forever"}
    )
    await seller.meter("data", "sum")
    seat = {**recurring("Seats", "0"), "code": "seat", "timing": "advance", "price": per_unit("30.00")}
    await seller.plan("pro", seat, recurring("Support", "10.00"), metered("Data", "data", per_unit("0.335")))
    await seller.customer("acme", billing_address={"city": "Paris", "country": "FR"})
    await seller.subscribe("acme", "pro", external_id="acme", coupons=["TEN"])
    await seller.advance(JANUARY.replace(day=20))
    await seller.use([event("data", "acme", JANUARY.replace(day=15), "15")])
    grant = {"customer_id": "acme", "amount_minor": 500, "source": "promotion", "description": "Welcome"}
    await seller.api.post("/v1/wallets/grants", grant)
    await seller.advance(FEBRUARY)
    return seller


async def test_the_tree_goes_from_the_total_to_the_usage_and_the_books(new_tenant: NewSeller) -> None:
    seller = await a_month(new_tenant)
    invoice = next(one for one in await seller.invoices() if one["purpose"] == "period")
    await seller.api.post(
        "/v1/payments", {"invoice_id": invoice["id"], "method": "cash", "reference": "till", "amount_minor": 1_000}
    )
    await seller.api.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "goodwill", "amount_minor": 600})
    told = await seller.api.get(f"/v1/invoices/{invoice['id']}/explain")

    # 30.00 ahead + 10.00 + 15 x 0.335 = 5.03, a tenth off: 40.53 net, and 8.11 tax on top, line by line.
    assert (told["subtotal_minor"], told["tax_minor"], told["total_minor"]) == (4053, 811, 4864)
    assert told["calculation"].endswith("= 48.64 EUR")
    lines = {line["description"].split(",")[0]: line for line in told["lines"]}
    usage = next(line for line in told["lines"] if line["kind"] == "usage")
    assert [step["calculation"] for step in usage["steps"]] == ["15 x 0.335 = 5.025"]
    assert usage["rounding"] == "5.025, rounded once, half away from zero, is 5.03 EUR"
    assert (usage["price"]["plan"], usage["price"]["plan_version"]) == ("pro", 1)
    assert usage["base_calculation"] == "5.03 - 0.50 share of discounts = 4.53 EUR"
    assert [tax["calculation"] for tax in usage["taxes"]] == [
        "4.53 x 0.2 = 0.906, rounded once, half away from zero, is 0.91 EUR"
    ]
    assert (usage["net_minor"], usage["deferral"], usage["epoch"]) == (453, None, told["epoch"])
    ahead = next(line for line in told["lines"] if line["deferral"])
    assert (ahead["deferral"]["amount_minor"], ahead["net_minor"]) == (2700, 2700)
    assert len(lines) == 4
    path = urlsplit(usage["usage_events"])
    events = await seller.api.get(path.path, **dict(parse_qsl(path.query)))
    assert [one["quantity"] for one in events["data"]] == ["15"]

    settled = told["settlement"]
    assert settled["calculation"] == "48.64 - 10.00 paid - 6.00 credited - 5.00 prepaid = 27.64 EUR"
    assert (settled["left_minor"], [one["amount_minor"] for one in settled["payments"]]) == (2764, [1000])
    assert [(one["source"], one["amount_minor"]) for one in settled["prepaid"]] == [("promotion", 500)]
    assert [(one["applied_minor"], one["corrects_it"]) for one in settled["credit_notes"]] == [(600, True)]
    (journal,) = told["journals"]
    assert sum(entry["amount_minor"] for entry in journal["entries"]) == 0
    assert {entry["account"] for entry in journal["entries"]} == {"1200", "2200", "2400", "4000"}
    path = urlsplit(told["ledger_entries"])
    entries = await seller.api.get(path.path, **dict(parse_qsl(path.query)))
    assert len(entries["data"]) == len(journal["entries"])


async def test_a_varied_month_verifies_over_http_and_at_the_command_line(
    new_tenant: NewSeller, installation: LocalInstallation
) -> None:
    seller = await a_month(new_tenant)
    invoices = await seller.invoices()
    for invoice in invoices:
        answer = await seller.api.get(f"/v1/invoices/{invoice['id']}/verify")
        assert answer == {"verified": True, "findings": []}
    for arguments in (["--all", "--tenant", seller.id], [invoices[0]["id"]], ["--all", "--json"]):
        assert await asyncio.to_thread(exit_code, installation, *arguments) == 0
    assert await asyncio.to_thread(exit_code, installation, "INV-1") == 1


def exit_code(installation: LocalInstallation, *arguments: str) -> int:
    """How `corebilling verify-invoice` ends; in a thread of its own, for it has its own event loop."""
    ran = CliRunner().invoke(app, ["verify-invoice", *arguments], env={"DATABASE_URL": installation.app_url})
    return ran.exit_code
