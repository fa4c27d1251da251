"""January of one customer on a plan with every price model and every way of counting, to the cent.

Base fee       flat                                                                    49.90
Calls          sum of 6,789.5: 1,000 free, 4,000 at 0.0042, then 5.00 and 0.0031       27.35   (27.34745)
Messages       333 events at 0.0135                                                     4.50   (4.4955)
Storage        the highest of 12.5, 87.345 and 40.1 GB at 0.19                         16.60   (16.59555)
Users          7 different ones at 1.25                                                 8.75
                                                                                      107.10
"""

from datetime import UTC, datetime
from decimal import Decimal

from factories import NewSeller, Seller, event, graduated, hours, metered, per_unit, recurring, spread

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)

CALL_TIERS = graduated(("1000", "0", "0"), ("5000", "0.0042", "0"), (None, "0.0031", "5"))


async def _sell(seller: Seller) -> None:
    await seller.meter("calls", "sum")
    await seller.meter("messages", "count")
    await seller.meter("storage", "max")
    await seller.meter("users", "unique_count", unique_property="user")
    await seller.plan(
        "pro",
        recurring("Base fee", "49.90"),
        metered("Calls", "calls", CALL_TIERS, unit="call"),
        metered("Messages", "messages", per_unit("0.0135")),
        metered("Storage", "storage", per_unit("0.19"), unit="GB"),
        metered("Users", "users", per_unit("1.25")),
    )
    await seller.customer("acme")
    await seller.subscribe("acme", "pro")


async def test_a_month_of_usage_becomes_an_invoice_that_is_right_to_the_cent(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Metered", JANUARY)
    await _sell(seller)
    await seller.advance(FEBRUARY - hours(1))

    calls = [event("calls", "acme", at, "67.895") for at in spread(JANUARY, FEBRUARY - hours(1), 100)]
    messages = [event("messages", "acme", at) for at in spread(JANUARY, FEBRUARY - hours(1), 333)]
    storage = [
        event("storage", "acme", JANUARY + hours(n), gb) for n, gb in ((9, "12.5"), (400, "87.345"), (700, "40.1"))
    ]
    users = [event("users", "acme", JANUARY + hours(n), user=f"user-{n % 7}") for n in range(30)]
    sent = calls + messages + storage + users
    await seller.use(sent)
    again = await seller.api.post("/v1/usage", sent)
    assert (again["accepted"], again["duplicates"]) == (0, len(sent)), "a retry counts nothing twice"

    await seller.advance(FEBRUARY + hours(1))
    invoice = await seller.only_invoice()
    assert [(line["description"], Decimal(line["quantity"]), line["amount_minor"]) for line in invoice["lines"]] == [
        ("Base fee", 1, 4990),
        ("Calls", Decimal("6789.5"), 2735),
        ("Messages", 333, 450),
        ("Storage", Decimal("87.345"), 1660),
        ("Users", 7, 875),
    ]
    assert (invoice["number"], invoice["status"]) == ("INV-2026-000001", "open")
    assert (invoice["subtotal_minor"], invoice["tax_minor"], invoice["total_minor"]) == (10710, 0, 10710)
    assert (invoice["period_start"], invoice["period_end"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert invoice["issued_at"].startswith("2026-02-01"), "dated in the tenant's time"
    assert invoice["due_at"].startswith("2026-03-03"), "30 days net"
    assert await seller.balances() == {"Accounts receivable": 10710, "Revenue": -10710}


async def test_every_line_is_explained_down_to_the_usage_behind_it(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Explained", JANUARY)
    await _sell(seller)
    await seller.advance(FEBRUARY - hours(1))
    await seller.use(event("calls", "acme", at, "67.895") for at in spread(JANUARY, FEBRUARY - hours(1), 100))
    await seller.advance(FEBRUARY + hours(1))

    invoice = await seller.only_invoice()
    told = await seller.api.get(f"/v1/invoices/{invoice['id']}/explain")
    line = next(line for line in told["lines"] if line["description"] == "Calls")
    assert [
        tuple(Decimal(s[n]) for n in ("quantity", "unit_amount", "flat_amount", "amount")) for s in line["steps"]
    ] == [
        (1000, 0, 0, 0),
        (4000, Decimal("0.0042"), 0, Decimal("16.8")),
        (Decimal("1789.5"), Decimal("0.0031"), 5, Decimal("10.54745")),
    ]
    assert Decimal(line["exact_amount"]) == Decimal("27.34745")
    assert (line["amount_minor"], line["already_billed_minor"]) == (2735, 0)
    usage = await seller.api.all(line["usage_events"].partition("?")[0], **_query(line["usage_events"]))
    assert sum(Decimal(e["quantity"]) for e in usage) == Decimal("6789.5")
    assert told["total_minor"] == sum(line["amount_minor"] for line in told["lines"]) == 4990 + 2735

    pdf = await seller.api.send("GET", f"/v1/invoices/{invoice['id']}/download")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")


async def test_the_upcoming_invoice_shows_the_month_so_far(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Upcoming", JANUARY)
    await _sell(seller)
    subscription = (await seller.api.get("/v1/subscriptions"))["data"][0]
    await seller.advance(datetime(2026, 1, 20, tzinfo=UTC))
    await seller.use([event("calls", "acme", datetime(2026, 1, 10, tzinfo=UTC), "3000")])
    upcoming = await seller.api.get(f"/v1/subscriptions/{subscription['id']}/upcoming-invoice")
    assert upcoming["total_minor"] == 4990 + 840
    assert await seller.invoices() == [], "nothing is due before the period is over"


def _query(path: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in path.partition("?")[2].replace("%3A", ":").replace("%2B", "+").split("&"))
