from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid5

import httpx
import msgspec
import pytest

from corebilling.events.custom import CustomEvent
from corebilling.platform.bus.wire import decode_event, decode_payload, encode
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.eventlog.api_custom import ROUTES
from corebilling.platform.eventlog.custom import MOST_BYTES_EACH, CustomEvents
from corebilling.platform.eventlog.event_types import MOST_TYPES, EventTypes
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.queries.outbox import ClaimEventsRow
from corebilling.tenant.schemas import ApiKeyCreate
from parties import Parties

SHIPPED = {"subject": "order.shipped", "data": {"order": "o-1", "parcels": 2}}
SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"type": "string"}, "parcels": {"type": "integer", "minimum": 1}},
}
DEEP: Any = msgspec.json.decode(b"[" * 70 + b"]" * 70)


class Shop:
    """A tenant with a key."""

    def __init__(self, db: Database, tenant_id: UUID, http: httpx.AsyncClient) -> None:
        self.db, self.id, self.http = db, tenant_id, http

    async def publish(self, body: Any, **headers: str) -> httpx.Response:
        return await self.http.post("/v1/events", json=body, headers=headers)

    async def register(self, subject: str, schema: Any = None, description: str = "It happened.") -> httpx.Response:
        body = {"description": description, "json_schema": schema}
        return await self.http.put(f"/v1/event-types/{subject}", json=body)

    async def written(self) -> list[tuple[Any, ...]]:
        """(event, resource, sequence number, payload as stored) in the order of emission."""
        async with self.db.system() as tx:
            query = (
                "SELECT event_id, resource_id, resource_seq, payload FROM billing_events"
                " WHERE tenant_id = %s AND subject = 'custom.published' ORDER BY event_id"
            )
            return await (await tx.conn.execute(query, (self.id,))).fetchall()


@pytest.fixture
async def shops(db: Database) -> AsyncIterator[tuple[Shop, Shop]]:
    parties, types = Parties(db), EventTypes(clock=wall_clock)
    app = http_app(
        routes=ROUTES,
        dependencies={
            "event_types": lambda: types,
            "custom_events": lambda: CustomEvents(clock=wall_clock, event_types=types),
        },
        authenticator=Authenticator(database=db, keys=parties.tenants, tokens=None),
        database=db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    made = []
    for name in ("one", "other"):
        tenant_id = await parties.tenant(name)
        wanted = ApiKeyCreate(name="k", scopes=["billing:read", "billing:write", "billing:admin"])
        async with db.tenants([tenant_id]) as tx:
            key = await parties.tenants.create_api_key(tx, tenant_id, wanted)
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api", headers={"X-API-Key": str(key.secret)}
        )
        made.append(Shop(db, tenant_id, http))
    yield made[0], made[1]
    for shop in made:
        await shop.http.aclose()


async def test_an_event_goes_into_the_outbox_byte_for_byte(shops: tuple[Shop, Shop]) -> None:
    mine, other = shops
    body = b'{"subject": "order.shipped", "key": "o-1", "data": {"total":  10.00, "b": 1, "a": "\xc3\xa9"}}'
    answer = await mine.http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    (published,) = answer.json()["data"]
    ((event_id, resource_id, seq, payload),) = await mine.written()
    assert (published["id"], published["resource_id"]) == (str(event_id), str(resource_id))
    assert (resource_id, seq) == (uuid5(mine.id, "o-1"), 0)
    assert '"data":{"total":  10.00, "b": 1, "a": "é"}' in payload
    assert await other.written() == []


async def test_on_the_bus_it_is_an_event_like_any_other(shops: tuple[Shop, Shop]) -> None:
    mine, _ = shops
    await mine.publish(SHIPPED)
    ((event_id, resource_id, _, payload),) = await mine.written()
    now = wall_clock()
    row = ClaimEventsRow(
        event_id, mine.id, 0, "custom.published", 1, resource_id, 0, event_id, None, None, now, payload, 0, 0, None
    )
    received = decode_payload(decode_event(encode(row).body))
    assert isinstance(received.payload, CustomEvent)
    assert (received.payload.subject, msgspec.json.decode(received.payload.data)) == ("order.shipped", SHIPPED["data"])


async def test_events_of_one_key_share_a_resource_and_others_have_their_own(shops: tuple[Shop, Shop]) -> None:
    mine, other = shops
    batch = [{**SHIPPED, "key": "o-1"}, SHIPPED, {**SHIPPED, "subject": "order.paid", "key": "o-1"}]
    answer = await mine.publish(batch)
    ids = [each["id"] for each in answer.json()["data"]]
    assert ids == [str(event_id) for event_id, *_ in await mine.written()]
    first, alone, again = [resource for _, resource, *_ in await mine.written()]
    assert first == again != alone
    await other.publish(batch[0])
    assert (await other.written())[0][1] != first


async def test_the_same_idempotency_key_publishes_once(shops: tuple[Shop, Shop]) -> None:
    mine, _ = shops
    first = await mine.publish(SHIPPED, **{"Idempotency-Key": "once"})
    second = await mine.publish(SHIPPED, **{"Idempotency-Key": "once"})
    assert (first.json(), second.headers["Idempotency-Replayed"]) == (second.json(), "true")
    assert len(await mine.written()) == 1


@pytest.mark.parametrize(
    ("item", "pointer", "word"),
    [
        pytest.param({**SHIPPED, "subject": "invoice.paid"}, "/subject", "invoice", id="reserved"),
        pytest.param({**SHIPPED, "subject": "custom.published"}, "/subject", "custom", id="the carrier's own"),
        pytest.param({**SHIPPED, "subject": "corebilling.x"}, "/subject", "corebilling", id="the product's name"),
        pytest.param({**SHIPPED, "subject": "Order.Shipped"}, "/subject", "lower-case", id="capitals"),
        pytest.param({**SHIPPED, "subject": "order"}, "/subject", "two to eight", id="one word"),
        pytest.param({**SHIPPED, "data": "x" * MOST_BYTES_EACH}, "/data", "bytes", id="too large"),
        pytest.param({**SHIPPED, "data": DEEP}, "/data", "levels", id="too deep"),
        pytest.param({**SHIPPED, "occurred_at": "2999-01-01T00:00:00Z"}, "/occurred_at", "ahead", id="of the future"),
    ],
)
async def test_what_is_not_taken_is_said_and_nothing_of_the_batch_is_published(
    shops: tuple[Shop, Shop], item: dict[str, Any], pointer: str, word: str
) -> None:
    mine, _ = shops
    alone, among = await mine.publish(item), await mine.publish([SHIPPED, item, SHIPPED])
    for answer, place in ((alone, pointer), (among, f"/1{pointer}")):
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["pointer"] == place
        assert word in error["detail"]
    assert await mine.written() == []


async def test_bytes_that_are_no_text_are_refused(shops: tuple[Shop, Shop]) -> None:
    mine, _ = shops
    for data in (b'"\xff"', b"1e999", b'"\\u0000"'):
        body = b'{"subject": "order.shipped", "data": ' + data + b"}"
        answer = await mine.http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), (data, answer.text)
    assert await mine.written() == []


async def test_a_batch_has_a_size(shops: tuple[Shop, Shop]) -> None:
    mine, _ = shops
    large = {**SHIPPED, "data": "x" * 60_000}
    answer = await mine.publish([large] * 18)
    assert (answer.status_code, answer.json()["code"]) == (422, "events_too_large")
    assert (await mine.publish([])).status_code == 422
    assert (await mine.publish([SHIPPED] * 1000)).status_code == 202
    assert (await mine.publish([SHIPPED] * 1001)).status_code == 422
    assert len(await mine.written()) == 1000


async def test_data_must_fit_the_schema_of_its_subject_once_there_is_one(shops: tuple[Shop, Shop]) -> None:
    mine, other = shops
    wrong = {"subject": "order.shipped", "data": {"order": "o-1", "parcels": 0}}
    assert (await mine.publish(wrong)).status_code == 202
    registered = await mine.register("order.shipped", SCHEMA)
    assert (registered.status_code, registered.json()["json_schema"]) == (200, SCHEMA)
    refused = await mine.publish([SHIPPED, wrong, {**SHIPPED, "data": {}}])
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/1/data/parcels", "/2/data"]
    assert (await mine.publish(SHIPPED)).status_code == 202
    assert (await other.publish(wrong)).status_code == 202, "another tenant's schema is nobody else's"
    assert (await mine.http.delete("/v1/event-types/order.shipped")).status_code == 204
    assert (await mine.publish(wrong)).status_code == 202


async def test_event_types_are_the_products_and_ones_own(shops: tuple[Shop, Shop]) -> None:
    mine, other = shops
    await mine.register("order.shipped", SCHEMA, "An order left.")
    await mine.register("order.shipped", None, "An order left the house.")
    await other.register("order.returned")
    own = (await mine.http.get("/v1/event-types", params={"own": "true"})).json()["data"]
    assert [(each["subject"], each["description"], each["json_schema"]) for each in own] == [
        ("order.shipped", "An order left the house.", None)
    ]
    found: list[Any] = []
    cursor = None
    while True:
        query = {"limit": "20"} | ({"cursor": cursor} if cursor else {})
        listed = (await mine.http.get("/v1/event-types", params=query)).json()
        assert "data" in listed, listed
        found += listed["data"]
        if (cursor := listed["next_cursor"]) is None:
            break
    subjects = [each["subject"] for each in found]
    assert subjects == sorted(set(subjects))
    assert {"order.shipped", "invoice.paid"} <= set(subjects)
    assert not {"order.returned", "custom.published", "ledger.posted"} & set(subjects)
    catalog = (await mine.http.get("/v1/event-types", params={"own": "false", "limit": "500"})).json()["data"]
    assert [each["subject"] for each in catalog] == [each for each in subjects if each != "order.shipped"]
    paid = (await mine.http.get("/v1/event-types/invoice.paid")).json()
    assert (paid["own"], paid["version"], paid["resource"]) == (False, 1, "invoice")
    assert "invoice_id" in paid["json_schema"]["properties"]
    for unknown in ("order.returned", "custom.published", "ledger.posted"):
        assert (await mine.http.get(f"/v1/event-types/{unknown}")).status_code == 404
    assert (await mine.http.delete("/v1/event-types/order.returned")).status_code == 404
    assert (await mine.http.get("/v1/event-types", params={"cursor": "not one"})).status_code == 422


async def test_subjects_of_the_product_and_schemas_that_cost_too_much_are_not_registered(
    shops: tuple[Shop, Shop],
) -> None:
    mine, _ = shops
    for subject in ("invoice.lost", "order"):
        refused = await mine.register(subject)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_subject")
    refused = await mine.register("order.shipped", {"$ref": "https://elsewhere.example"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/json_schema/$ref")


async def test_there_is_an_end_to_event_types(shops: tuple[Shop, Shop], db: Database) -> None:
    mine, _ = shops
    async with db.tenant(mine.id) as tx:
        await tx.conn.execute(
            "INSERT INTO event_types SELECT %s, 'made.n' || n, 'made', NULL, now(), now() FROM generate_series(1, %s) n",
            (mine.id, MOST_TYPES),
        )
    assert (await mine.register("order.shipped")).status_code == 409
    assert (await mine.register("made.n1", SCHEMA)).status_code == 200
