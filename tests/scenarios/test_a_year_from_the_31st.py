"""A subscription that began on 31 January is billed twelve times a year, each month at its last day."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from factories import NewSeller, recurring

PARIS = ZoneInfo("Europe/Paris")

MONTH_ENDS = [
    "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31", "2026-08-31",
    "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31",
]  # fmt: skip


async def test_the_day_comes_back_after_every_short_month(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Year", datetime(2026, 1, 31, tzinfo=PARIS), time_zone="Europe/Paris")
    await seller.plan("club", recurring("Membership", "12.34"))
    await seller.customer("acme")
    await seller.subscribe("acme", "club")
    await seller.advance(datetime(2027, 1, 31, 1, tzinfo=PARIS))

    invoices = await seller.invoices()
    assert [(_day(i["period_start"]), _day(i["period_end"])) for i in invoices] == list(pairwise(MONTH_ENDS))
    assert {_local(i["period_start"]).hour for i in invoices} == {0}, "midnight in Paris, in summer and in winter"
    assert [_day(i["issued_at"]) for i in invoices] == MONTH_ENDS[1:]
    assert [i["number"] for i in invoices] == [f"INV-2026-{n:06d}" for n in range(1, 12)] + ["INV-2027-000001"]
    assert {i["total_minor"] for i in invoices} == {1234}
    assert await seller.balances() == {"Accounts receivable": 12 * 1234, "Revenue": -12 * 1234}


def _local(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(PARIS)


def _day(instant: str) -> str:
    return _local(instant).date().isoformat()


async def test_a_yearly_plan_is_billed_once_for_its_year(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Yearly", datetime(2028, 2, 29, tzinfo=UTC))
    await seller.plan("yearly", recurring("Licence", "1200"), interval="year")
    await seller.customer("acme")
    await seller.subscribe("acme", "yearly")
    await seller.advance(datetime(2029, 3, 1, tzinfo=UTC))
    invoice = await seller.only_invoice()
    assert (invoice["period_end"], invoice["total_minor"]) == ("2029-02-28T00:00:00Z", 120000)
