"""Accounts at gateways: secrets go in and never come out, addresses are checked, tenants see their own."""

from datetime import timedelta

import psycopg
import pytest

from conftest import NewShop, Working
from corebilling.container import Container
from gateways import API_KEY, NOTICE_SECRET, FakeGateway

_SOON = timedelta(milliseconds=1)
BODY = {
    "gateway": "http",
    "name": "second",
    "base_url": "https://api.payments.example",
    "api_key": "sk_live_0123456789",
}


async def test_secrets_are_never_shown_and_stored_sealed(new_shop: NewShop, container: Container) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
    shown = [shop.account, await shop.call("GET", f"/v1/gateway-accounts/{shop.account['id']}")]
    assert shown[0] == shown[1]
    assert shop.account["has_webhook_secret"]
    assert shop.account["api_key_hint"] == API_KEY[-4:]
    async with container.database().tenant(shop.tenant_id) as tx:
        cursor = await tx.conn.execute("SELECT to_jsonb(a)::text FROM gateway_accounts a")
        [(row,)] = await cursor.fetchall()
    for secret in (API_KEY, NOTICE_SECRET):
        assert secret not in row
        assert secret not in str(shown)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254",
        "ftp://x.example",
        "https://u:p@x.example",
        "https://x.example/?a=b",
        "http://[fe80::1]",
    ],
)
async def test_addresses_that_arent_called_are_refused(url: str, new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
    answer = await shop.call("POST", "/v1/gateway-accounts", BODY | {"base_url": url}, status=422)
    assert answer["code"] == "invalid_target"


async def test_a_live_tenant_cant_have_a_private_gateway(new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        with pytest.raises(AssertionError, match="invalid_target"):
            await new_shop(gateway, sandbox=False)


async def test_a_row_that_says_a_private_address_isnt_called_for_a_live_tenant(
    new_shop: NewShop, working: Working, container: Container, owner_url: str
) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        with psycopg.connect(owner_url, autocommit=True) as conn:
            conn.execute("UPDATE gateway_accounts SET sandbox = false WHERE tenant_id = %s", (shop.tenant_id,))
        async with working(first_delay_seconds=0.01, give_up_after=_SOON):
            failed = await shop.status(payment, "failed")
    assert "private or loopback" in failed["failure_message"]
    assert gateway.took.calls.total() == 0


async def test_names_are_unique_and_accounts_of_others_are_unknown(new_shop: NewShop) -> None:
    async with FakeGateway() as gateway:
        shop, other = await new_shop(gateway), await new_shop(gateway)
        await shop.call("POST", "/v1/gateway-accounts", BODY)
        assert (await shop.call("POST", "/v1/gateway-accounts", BODY, status=409))["code"] == "gateway_account_exists"
        foreign = other.account["id"]
        for method, path, body in (
            ("GET", f"/v1/gateway-accounts/{foreign}", None),
            ("GET", f"/v1/gateway-accounts/{foreign}/notices", None),
            ("PATCH", f"/v1/gateway-accounts/{foreign}", {"status": "disabled"}),
        ):
            await shop.call(method, path, body, status=404)
        await shop.customer("acme", None)
        method = {"customer_id": "acme", "gateway_account_id": foreign, "token": "tok_good"}
        await shop.call("POST", "/v1/payment-methods", method, status=404)
        assert len((await shop.call("GET", "/v1/gateway-accounts"))["data"]) == 2


async def test_a_disabled_account_takes_no_payments_and_fails_those_not_sent(
    new_shop: NewShop, working: Working
) -> None:
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        _, payment = await shop.asked("acme")
        unpaid = await shop.invoice("acme")
        await shop.call("PATCH", f"/v1/gateway-accounts/{shop.account['id']}", {"status": "disabled"})
        refused = await shop.call("POST", "/v1/payments", {"invoice_id": unpaid}, status=409)
        async with working():
            failed = await shop.status(payment, "failed")
    assert refused["code"] == failed["failure_code"] == "gateway_account_disabled"
    assert gateway.took.calls.total() == 0
