"""Usage of January that is reported in February, after January's invoice.

100 GB at 1.00, then 0.50. January was invoiced with 80 GB: 80.00. Then 40 GB of January come in late: January is
100 x 1.00 + 20 x 0.50 = 110.00 altogether, so 30.00 are still to be billed; the tiers don't begin again.
"""

from datetime import UTC, datetime

from factories import NewSeller, event, graduated, metered


async def test_it_lands_on_the_next_invoice_as_a_line_that_names_its_period(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Late", datetime(2026, 1, 1, tzinfo=UTC))
    await seller.meter("data", "sum")
    await seller.plan("pro", metered("Data", "data", graduated(("100", "1.00", "0"), (None, "0.50", "0")), unit="GB"))
    await seller.customer("acme")
    await seller.subscribe("acme", "pro")
    await seller.advance(datetime(2026, 1, 30, tzinfo=UTC))
    await seller.use([event("data", "acme", datetime(2026, 1, 15, tzinfo=UTC), "80")])

    await seller.advance(datetime(2026, 2, 2, tzinfo=UTC))
    january = await seller.only_invoice()
    assert january["total_minor"] == 8000

    await seller.use([event("data", "acme", datetime(2026, 1, 31, 23, 59, tzinfo=UTC), "40")])
    await seller.use([event("data", "acme", datetime(2026, 2, 1, tzinfo=UTC), "10")])
    assert await seller.only_invoice() == january, "an invoice never changes"

    await seller.advance(datetime(2026, 3, 2, tzinfo=UTC))
    _, february = await seller.invoices()
    usage, late = february["lines"]
    assert (usage["kind"], usage["quantity"], usage["amount_minor"]) == ("usage", "10", 1000)
    assert (late["kind"], late["amount_minor"]) == ("late_usage", 3000)
    assert (late["period_start"], late["period_end"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert february["total_minor"] == 4000

    told = (await seller.api.get(f"/v1/invoices/{february['id']}/explain"))["lines"][1]
    assert (told["exact_amount"], told["already_billed_minor"], told["amount_minor"]) == ("110", 8000, 3000)

    await seller.advance(datetime(2026, 4, 2, tzinfo=UTC))
    march = (await seller.invoices())[2]
    assert [line["amount_minor"] for line in march["lines"]] == [0], "late usage is billed once"


async def test_usage_within_the_grace_period_is_still_on_its_own_invoice(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Grace", datetime(2026, 1, 1, tzinfo=UTC))
    await seller.meter("data", "sum")
    await seller.plan("pro", metered("Data", "data", graduated((None, "1.00", "0"))))
    await seller.customer("acme")
    await seller.subscribe("acme", "pro")
    await seller.advance(datetime(2026, 2, 1, 0, 59, tzinfo=UTC))
    assert await seller.invoices() == [], "an hour of grace holds the invoice"
    await seller.use([event("data", "acme", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), "7")])
    await seller.advance(datetime(2026, 2, 1, 1, tzinfo=UTC))
    assert (await seller.only_invoice())["total_minor"] == 700
