"""A customer may make 100 calls a month, and hears of it at 80; in the next month the counting begins anew."""

from datetime import UTC, datetime

import pytest

from factories import NewSeller, Seller, event, metered, per_unit
from receivers import Inbox

JANUARY, FEBRUARY = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 2, 10, tzinfo=UTC)


async def with_quota(new_tenant: NewSeller, inbox: Inbox, name: str, mode: str) -> Seller:
    seller = await new_tenant(name, datetime(2026, 1, 1, tzinfo=UTC))
    await seller.meter("calls", "count")
    await seller.plan("plan", metered("Calls", "calls", per_unit("1.00")))
    await seller.customer("acme")
    await seller.subscribe("acme", "plan")
    await seller.api.post(
        "/v1/usage/quotas", {"customer_id": "acme", "meter": "calls", "period": "month", "limit": "100", "mode": mode}
    )
    await inbox.listen_to(seller, "usage.quota.*")
    await seller.advance(JANUARY)
    return seller


async def test_beyond_a_hard_limit_calls_are_refused_until_the_month_is_over(
    new_tenant: NewSeller, inbox: Inbox
) -> None:
    seller = await with_quota(new_tenant, inbox, "Hard", "hard")
    await seller.use([event("calls", "acme", JANUARY) for _ in range(79)])
    assert inbox.messages == {}
    await seller.use([event("calls", "acme", JANUARY)])
    warned = await inbox.of("usage.quota.warning")
    assert (warned["used"], warned["limit"], warned["threshold"]) == ("80", "100", "0.8")

    last = [event("calls", "acme", JANUARY) for _ in range(25)]
    answer = await seller.api.post("/v1/usage", last)
    assert (answer["accepted"], answer["rejected"]) == (20, 5)
    assert {item["code"] for item in answer["items"][20:]} == {"quota_exceeded"}
    exceeded = await inbox.of("usage.quota.exceeded")
    assert (exceeded["used"], exceeded["mode"]) == ("100", "hard")
    assert exceeded["period_end"] == "2026-02-01T00:00:00Z"

    refused = await seller.api.send("POST", "/v1/usage", json=event("calls", "acme", JANUARY))
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert int(refused.headers["Retry-After"]) > 0
    retried = await seller.api.post("/v1/usage", last[:20])
    assert retried["duplicates"] == 20, "what was taken stays taken"

    await seller.advance(FEBRUARY)
    assert (await seller.only_invoice())["total_minor"] == 10000
    await seller.use([event("calls", "acme", FEBRUARY) for _ in range(3)])
    (quota,) = (await seller.api.get("/v1/usage/quotas"))["data"]
    assert (quota["present"]["used"], quota["present"]["exceeded"]) == ("3", False)


async def test_a_soft_limit_takes_everything_and_tells_once(new_tenant: NewSeller, inbox: Inbox) -> None:
    seller = await with_quota(new_tenant, inbox, "Soft", "soft")
    for _ in range(3):
        await seller.use([event("calls", "acme", JANUARY) for _ in range(50)])
    assert (await inbox.of("usage.quota.exceeded"))["mode"] == "soft"
    await seller.advance(FEBRUARY)
    assert (await seller.only_invoice())["total_minor"] == 15000


@pytest.mark.parametrize("mode", ["hard", "soft"])
async def test_one_customer_s_quota_is_nobody_else_s(new_tenant: NewSeller, inbox: Inbox, mode: str) -> None:
    seller = await with_quota(new_tenant, inbox, f"Theirs {mode}", mode)
    await seller.customer("other")
    await seller.subscribe("other", "plan", start_at="2026-01-01T00:00:00Z")
    await seller.use([event("calls", "other", JANUARY) for _ in range(150)])
    assert inbox.messages == {}
