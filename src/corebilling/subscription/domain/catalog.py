"""What is for sale, as far as an order refers to it: plans by reference, and the plans of prices that were named by id."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Conflict, FieldError, invalid_field
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.references import as_id
from corebilling.subscription.domain import items
from corebilling.subscription.domain.agreement import TermItem
from corebilling.subscription.domain.items import CheckPrice


class AddOn(msgspec.Struct, frozen=True):
    """A price of another plan that is wanted: `plan_code/price_code`, or the price's id."""

    price: str
    quantity: Decimal = Decimal(1)
    definition: str | None = None
    pointer: str = ""

    @property
    def plan(self) -> str | None:
        """The reference of the plan, if the plan is named."""
        return self.price.rpartition("/")[0] or None

    @property
    def price_id(self) -> UUID | None:
        """The id of the price, if it stands alone."""
        return as_id(self.price)


class Catalog(msgspec.Struct, frozen=True):
    """Plans by the reference that was sent, and by the id of a price that was sent."""

    plans: Mapping[str, PublishedPlan]
    of_price: Mapping[UUID, PublishedPlan]

    def add_on(self, wanted: AddOn, plan: PublishedPlan, currency: str, check: CheckPrice) -> TermItem:
        """A wanted add-on to a plan as an item.

        Raises `Invalid` for an unknown price and for a bad definition, `Conflict` for one in another currency or of a
        plan with another interval: its fee would have no period to be for.
        """
        origin, price = self._found(wanted, currency)
        if (origin.interval, origin.interval_count) != (plan.interval, plan.interval_count):
            raise _conflict(
                wanted,
                f"plan '{origin.code}' is billed every {origin.interval_count} {origin.interval}, '{plan.code}' every "
                f"{plan.interval_count} {plan.interval}; choose an add-on of the same interval",
                "interval_mismatch",
            )
        return items.add_on(
            origin,
            price,
            quantity=wanted.quantity,
            definition=wanted.definition,
            currency=currency,
            pointer=wanted.pointer,
            check=check,
        )

    def _found(self, wanted: AddOn, currency: str) -> tuple[PublishedPlan, PlanPrice]:
        name = wanted.price.rpartition("/")[2]
        origin = self.plans.get(wanted.plan) if wanted.plan else None
        if origin is None and wanted.price_id is not None:
            origin = self.of_price.get(wanted.price_id)
        named = [price for price in origin.prices if name in (price.code, str(price.price_id))] if origin else []
        if origin is None or not named:
            raise invalid_field(
                f"{wanted.pointer}/price",
                f"there is no price '{wanted.price}'; send plan_code/price_code or the price's id",
                code="unknown_price",
            )
        for price in named:
            if (price.currency or origin.currency) == currency:
                return origin, price
        raise _conflict(
            wanted, f"'{wanted.price}' is not sold in {currency}; choose a price in that currency", "currency_mismatch"
        )


def _conflict(wanted: AddOn, message: str, code: str) -> Conflict:
    return Conflict(message, code=code, fields=[FieldError(f"{wanted.pointer}/price", message)])
