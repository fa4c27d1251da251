"""A year of a plan with a fee charged ahead and data by tiers, in Berlin, where the clocks change twice.

20.00 a month ahead; data at 0.10 up to 100 GB and 0.05 above. Month n uses 40 x n GB: 4.00, 8.00, then 10.00 for the
first hundred and 0.05 for each GB above. Thirteen fees (the last one is January's, ahead) and 212.00 of data are 472.00.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from factories import NewSeller, event, graduated, metered, recurring, spread

BERLIN = ZoneInfo("Europe/Berlin")
DATA_MINOR = [400, 800, 1100, 1300, 1500, 1700, 1900, 2100, 2300, 2500, 2700, 2900]


def month(number: int) -> datetime:
    year, index = divmod(number - 1, 12)
    return datetime(2026 + year, index + 1, 1, tzinfo=BERLIN)


async def test_every_month_is_on_its_invoice_and_the_books_close(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Metered year", month(1), time_zone="Europe/Berlin")
    await seller.meter("data", "sum")
    await seller.plan(
        "cloud",
        recurring("Base fee", "20.00") | {"timing": "advance"},
        metered("Data", "data", graduated(("100", "0.10", "0"), (None, "0.05", "0")), unit="GB"),
    )
    await seller.customer("acme", time_zone="Europe/Berlin")
    await seller.subscribe("acme", "cloud")

    for number in range(1, 13):
        await seller.advance(month(number + 1) - timedelta(minutes=30))
        instants = spread(month(number).astimezone(UTC), month(number + 1).astimezone(UTC), 40)
        await seller.use([event("data", "acme", at, Decimal(number)) for at in instants])
        await seller.advance(month(number + 1) + timedelta(hours=1))

    invoices = await seller.invoices()
    opening, months = invoices[0], invoices[1:]
    assert [(line["kind"], line["amount_minor"]) for line in opening["lines"]] == [("recurring", 2000)]
    assert [invoice["total_minor"] for invoice in months] == [2000 + data for data in DATA_MINOR]
    assert [_line(invoice, "usage")["quantity"] for invoice in months] == [str(40 * n) for n in range(1, 13)]
    assert sum(invoice["total_minor"] for invoice in invoices) == 47200
    earned = {"Accounts receivable": 47200, "Revenue": -45200, "Deferred revenue": -2000}
    assert await seller.balances() == earned, "next January's fee is billed and not earned yet"

    fees = [_line(invoice, "recurring") for invoice in invoices]
    assert [fee["period_start"] for fee in fees] == [_utc(month(n)) for n in range(1, 14)], "each month's fee once"


def _line(invoice: dict, kind: str) -> dict:
    (found,) = (line for line in invoice["lines"] if line["kind"] == kind)
    return found


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
