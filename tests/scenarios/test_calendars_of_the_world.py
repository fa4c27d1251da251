"""Periods follow the wall clock of the customer's zone, whatever its government does to it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from factories import NewSeller, event, hours, metered, per_unit, recurring

NEW_YORK, LORD_HOWE, APIA = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")


async def test_in_apia_a_day_is_missing_and_no_period_is(new_tenant: NewSeller) -> None:
    """Samoa crossed the date line: 29 December 2011 was followed by the 31st (IANA tzdata, australasia)."""
    start = datetime(2011, 11, 30, tzinfo=APIA)
    seller = await new_tenant("Samoa", start, time_zone="Pacific/Apia")
    await seller.meter("calls", "count")
    await seller.plan("plan", recurring("Fee", "10.00"), metered("Calls", "calls", per_unit("1.00")))
    await seller.customer("acme", time_zone="Pacific/Apia")
    await seller.subscribe("acme", "plan")
    gone = datetime(2011, 12, 30, 10, tzinfo=UTC)  # the instant between 29 and 31 December
    await seller.advance(gone + timedelta(minutes=30))
    await seller.use([event("calls", "acme", gone - timedelta(seconds=1)), event("calls", "acme", gone)])
    await seller.advance(datetime(2012, 3, 1, tzinfo=APIA))

    invoices = await seller.invoices()
    starts = ["2011-11-30T10:00:00Z", "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z", "2012-02-28T10:00:00Z"]
    assert [(i["period_start"], i["period_end"]) for i in invoices] == list(pairwise(starts))
    assert [i["total_minor"] for i in invoices] == [1100, 1100, 1000]

    days = await seller.api.get(
        "/v1/usage", customer_id="acme", meter="calls", window="day", time_zone="Pacific/Apia",
        **{"from": "2011-12-29T10:00:00Z", "to": "2011-12-31T10:00:00Z"},
    )  # fmt: skip
    assert [(day["start"], day["quantity"]) for day in days["data"]] == [
        ("2011-12-29T10:00:00Z", "1"),
        ("2011-12-30T10:00:00Z", "1"),
    ]


async def test_in_lord_howe_the_clocks_move_by_half_an_hour(new_tenant: NewSeller) -> None:
    start, end = datetime(2026, 4, 1, tzinfo=LORD_HOWE), datetime(2026, 5, 1, tzinfo=LORD_HOWE)
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(days=30, minutes=30)
    seller = await new_tenant("Lord Howe", start, time_zone="Australia/Lord_Howe")
    await seller.meter("calls", "count")
    await seller.plan("plan", metered("Calls", "calls", per_unit("1.00")))
    await seller.customer("acme", time_zone="Australia/Lord_Howe")
    await seller.subscribe("acme", "plan")
    last = datetime(2026, 4, 30, 13, 15, tzinfo=UTC)  # 23:45 on 30 April, after the old offset's midnight
    await seller.advance(last)
    await seller.use([event("calls", "acme", last) for _ in range(4)])
    await seller.advance(end + hours(1))
    april = await seller.only_invoice()
    assert (april["period_start"], april["period_end"]) == ("2026-03-31T13:00:00Z", "2026-04-30T13:30:00Z")
    assert april["total_minor"] == 400


async def test_in_new_york_a_month_with_dst_is_shared_out_by_its_real_length(new_tenant: NewSeller) -> None:
    """March 2026 has 743 hours there. After 300 of them a fee of 74.30 is used up to 30.00."""
    start = datetime(2026, 3, 1, tzinfo=NEW_YORK)
    seller = await new_tenant("New York", start, time_zone="America/New_York")
    await seller.plan("basic", recurring("Basic", "74.30") | {"timing": "advance"})
    await seller.plan("double", recurring("Double", "148.60") | {"timing": "advance"})
    await seller.customer("acme", time_zone="America/New_York")
    await seller.subscribe("acme", "basic", external_id="acme")
    await seller.advance(start.astimezone(UTC) + hours(300))
    previewed = await seller.api.post("/v1/subscriptions/acme/preview-change", {"plan": "double", "at": "now"})
    assert [line["amount_minor"] for line in previewed["lines"]] == [-4430, 8860]
    await seller.api.post("/v1/subscriptions/acme/change", {"plan": "double", "at": "now"})
    await seller.advance(datetime(2026, 4, 1, 1, tzinfo=NEW_YORK))
    _, march = await seller.invoices()
    assert (march["period_start"], march["period_end"]) == ("2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z")
    assert sorted(line["amount_minor"] for line in march["lines"]) == [-4430, 8860, 14860]


async def test_an_anchor_on_the_31st_goes_through_a_leap_year(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Leap", datetime(2028, 1, 31, tzinfo=UTC))
    await seller.plan("club", recurring("Membership", "29.00"))
    await seller.customer("acme")
    await seller.subscribe("acme", "club")
    await seller.advance(datetime(2028, 6, 1, tzinfo=UTC))
    days = [invoice["period_start"][:10] for invoice in await seller.invoices()]
    assert days == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]


async def test_aligned_to_the_calendar_the_first_month_is_the_rest_of_it(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Aligned", datetime(2026, 4, 21, tzinfo=UTC))
    await seller.plan("club", recurring("Membership", "30.00") | {"timing": "advance"})
    await seller.customer("acme")
    await seller.subscribe("acme", "club", alignment="calendar")
    await seller.advance(datetime(2026, 5, 1, 1, tzinfo=UTC))
    opening, april = await seller.invoices()
    assert opening["total_minor"] == 1000, "ten of thirty days"
    assert (april["period_start"], april["period_end"]) == ("2026-04-21T00:00:00Z", "2026-05-01T00:00:00Z")
    assert [(line["amount_minor"], line["period_end"]) for line in april["lines"]] == [(3000, "2026-06-01T00:00:00Z")]
