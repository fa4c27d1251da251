"""Every route of the product with a request that fits it, made from the route table and the OpenAPI document.

A new route is covered without a line here, unless it has a reference that nobody has heard of: then `Unsampled` says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from corebilling.container import Container
from corebilling.platform.http import route_table
from corebilling.platform.http.openapi import document
from corebilling.platform.http.routing import declared_handlers
from corebilling.roles.api import application
from corebilling.settings import Settings

REFERENCES = frozenset(
    {
        "account_code", "account_id", "api_key_id", "change_id", "code", "correction_id", "coupon_ref", "coupons",
        "credit_note_id", "customer_id", "customer_ref", "delivery_id", "dispute_id", "document_id", "email",
        "endpoint_id", "event_id", "event_type", "external_id", "gateway_account_id", "grant_id", "ids", "invoice_id", "job_id",
        "journal_id", "meter", "meter_id", "number", "operator_cost_id", "payment_id", "payment_method_id", "plan", "plan_ref",
        "price", "quota_id", "quote_id", "rate_card_id", "redemption_id", "refund_id", "rejection_id", "remove",
        "statement_id", "subscription_id", "subscription_ref", "tax_rate_id", "tenant_id",
    }
)  # fmt: skip
"""Names of parameters and fields that point at something of a tenant."""

CHOSEN_BY_CALLER = frozenset({"external_id", "code", "email"})
"""In a body these name what is being made, so another tenant's are as free as any."""

ALTERNATIVES = ("subscription_id", "customer_id")
"""Where a query may name either, exactly one of the two is wanted."""

ONE_OF = {"period": "2025-11"}
"""Values of optional parameters of which exactly one is wanted: the other is `batch`."""

_INSTANTS = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
_TEXTS = {
    "currency": "EUR",
    "country": "FR",
    "time_zone": "Europe/Paris",
    "status": "active",
    "account": "1000",
    "through": "2025-11",
    "period": "2025-11",
    "url": "http://127.0.0.1:9/",
    "subject": "order.shipped",
}
_KEYS = {"accounts": "1000"}
"""What stands for a key in an object whose keys are the caller's."""
_PRICE = {"model": "flat", "amount": "1"}


class Unsampled(LookupError):
    """A reference without a sample: add it to REFERENCES and to the worlds' references."""


@dataclass(frozen=True)
class Reference:
    """A place in a request that names something: in the path, the query or the body."""

    place: str
    name: str


@dataclass(frozen=True)
class Operation:
    """One route and what its document says of it."""

    method: str
    path: str
    scope: str | None
    description: Mapping[str, Any]
    components: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def parameters(self, place: str) -> dict[str, Any]:
        """Schemas of the parameters in the path or in the query, by name."""
        listed = [p for p in self.description.get("parameters", []) if "$ref" not in p]
        return {p["name"]: p for p in listed if p["in"] == place}

    @property
    def body_schema(self) -> Any:
        """The schema of the JSON body; None where there is none, or one that isn't JSON."""
        body = self.description.get("requestBody", {"content": {}})
        return body["content"].get("application/json", {}).get("schema")

    @property
    def references(self) -> list[Reference]:
        """Every place where this route takes a name of something that exists."""
        found = [Reference("path", name) for name in self.parameters("path")]
        found += [Reference("query", name) for name in self.parameters("query") if name in REFERENCES]
        if self.body_schema is not None:
            found += [Reference("body", n) for n in sorted(self._named(self.body_schema) - CHOSEN_BY_CALLER)]
        return found

    def request(
        self, own: Mapping[str, str], place: Reference | None = None, value: str = "", **fields: Any
    ) -> dict[str, Any]:
        """A request with the caller's `own` references, and `value` in one place; keywords of `Api.send`."""
        in_path = {
            name: value if place == Reference("path", name) else _of(own, name) for name in self.parameters("path")
        }
        query = {
            name: _INSTANTS.get(name) or own.get(name) or "total"
            for name, parameter in self.parameters("query").items()
            if parameter["required"]
        }
        if place is not None and place.place == "query":
            query[place.name] = value
        if {*ALTERNATIVES, "meter"} <= (asked := self.parameters("query")).keys() and asked["meter"]["required"]:
            query |= {} if query.keys() & set(ALTERNATIVES) else {ALTERNATIVES[0]: own[ALTERNATIVES[0]]}
        if {*ONE_OF, "batch"} <= asked.keys():
            query |= ONE_OF
        made: dict[str, Any] = {"method": self.method, "path": self.path.format(**in_path), "params": query}
        if self.body_schema is not None:
            given = {**own, place.name: value} if place is not None and place.place == "body" else own
            named = {place.name} if place is not None and place.place == "body" else set()
            made["json"] = self._sample(self.body_schema, "", given, named) | fields
        return made

    def optional(self, body: Any, schema: Any = None, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The way to every field that a body could have and has not."""
        schema = self._resolved(self.body_schema if schema is None else schema)
        if isinstance(body, list):
            for number, inner in enumerate(body):
                yield from self.optional(inner, schema["items"], (*path, number))
        elif isinstance(body, dict):
            for name, part in schema.get("properties", {}).items():
                if name in body:
                    yield from self.optional(body[name], part, (*path, name))
                else:
                    yield (*path, name)

    def _resolved(self, schema: Any) -> Any:
        while "$ref" in schema:
            schema = self.components["schemas"][schema["$ref"].rpartition("/")[2]]
        choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
        if choices:  # one thing rather than a list of such things
            return self._resolved(next((c for c in choices if c.get("type") != "array"), choices[0]))
        return schema

    def _named(self, schema: Any) -> set[str]:
        schema = self._resolved(schema)
        parts = schema.get("properties", {})
        found = {name for name in parts if name in REFERENCES and self._resolved(parts[name]).get("type") != "object"}
        for part in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
            found |= self._named(part)
        return found

    def _sample(self, schema: Any, name: str, own: Mapping[str, str], named: set[str]) -> Any:
        schema = self._resolved(schema)
        kind = schema.get("type")
        if name in own and name not in CHOSEN_BY_CALLER and kind not in ("object", "array"):
            return own[name]
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if kind == "object" and name in _KEYS:
            return {_KEYS[name]: self._sample(schema["additionalProperties"], name, own, named)}
        if kind == "object":
            wanted = [
                field
                for field, part in schema.get("properties", {}).items()
                if field in schema.get("required", ()) or field in named or self._named(part) & named
            ]
            return {field: self._sample(schema["properties"][field], field, own, named) for field in wanted}
        if kind == "array":
            return [self._sample(schema["items"], name, own, named)]
        return self._scalar(schema, name, kind)

    def _scalar(self, schema: Any, name: str, kind: Any) -> Any:
        if kind is None:
            return _PRICE
        if kind == "boolean":
            return False
        if kind == "integer":
            return schema.get("minimum", 1)
        if schema.get("format") == "date-time":
            return "2026-03-01T00:00:00Z"
        if schema.get("format") == "decimal" or kind == ["string", "number"]:
            return "1"
        return _TEXTS.get(name, f"made-{name}")


def _of(own: Mapping[str, str], name: str) -> str:
    if name not in own:
        raise Unsampled(f"no sample of '{name}'; add it to REFERENCES and to World.references")
    return own[name]


@cache
def operations() -> list[Operation]:
    """Everything the API serves."""
    app = application(Container(settings=Settings(database_url="postgresql://", environment="development")))
    told = document(declared_handlers(app), "0")
    return [
        Operation(
            route.method, route.path, route.scope, told["paths"][route.path][route.method.lower()], told["components"]
        )
        for route in route_table(app)
    ]
