"""What a phase consists of: the plan's prices with their quantities and own definitions, and add-ons of other plans."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import UnsetType
from msgspec.structs import replace

from corebilling.kernel.errors import Invalid, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import exponent, from_minor, to_minor
from corebilling.kernel.plan import PlanPrice, PriceKind, PublishedPlan
from corebilling.subscription.domain.agreement import ItemChange, TermItem, item_of, items_of

MAX_ITEMS = 100
MAX_QUANTITY = Decimal(10) ** 15

CheckPrice = Callable[[str, PriceKind, str, str], object]
"""(definition, kind, currency, pointer): raises `Invalid` for a price that can't be computed."""


def of_plan(plan: PublishedPlan, currency: str, *, anew: bool = False) -> tuple[TermItem, ...]:
    """All prices of a plan; `anew` where an earlier phase had them: an item that comes back is another one."""
    items = tuple(items_of(plan, currency))
    return tuple(replace(item, item_id=new_id()) for item in items) if anew else items


def changed(
    items: Sequence[TermItem], changes: Iterable[ItemChange], *, currency: str, check: CheckPrice | None = None
) -> tuple[TermItem, ...]:
    """The items with other quantities and prices; those that stay as they are keep their ids.

    Raises `Invalid` for unknown items, for one that is named twice, for a quantity of usage, and for bad prices.
    """
    by_reference = {item.reference: item for item in items}
    seen: set[str] = set()
    for change in changes:
        item = by_reference.get(change.price)
        if item is None:
            raise invalid_field(
                f"{change.pointer}/price",
                f"there is no price '{change.price}' in it; send one of {', '.join(sorted(by_reference))}",
                code="unknown_price",
            )
        if change.price in seen:
            raise invalid_field(f"{change.pointer}/price", f"'{change.price}' stands here twice; send it once")
        seen.add(change.price)
        by_reference[change.price] = _changed(item, change, currency, check)
    return tuple(by_reference[item.reference] for item in items)


def _changed(item: TermItem, change: ItemChange, currency: str, check: CheckPrice | None) -> TermItem:
    quantity = item.quantity if change.quantity is None else change.quantity
    definition = item.definition if isinstance(change.definition, UnsetType) else change.definition
    require_quantity(item, quantity, change.pointer)
    if check is not None and definition is not None and definition != item.definition:
        check(definition, item.kind, currency, f"{change.pointer}/definition")
    if (quantity, definition) == (item.quantity, item.definition):
        return item
    return replace(item, item_id=new_id(), quantity=quantity, definition=definition)


def require_quantity(item: TermItem, quantity: Decimal, pointer: str) -> None:
    """Raises `Invalid` for a negative quantity, and for any but 1 where a meter counts."""
    if not 0 <= quantity <= MAX_QUANTITY:
        raise invalid_field(f"{pointer}/quantity", "a quantity is 0 or more, and at most 10^15; send such a number")
    if item.kind == "usage" and quantity != 1:
        raise invalid_field(
            f"{pointer}/quantity",
            f"'{item.reference}' is paid by usage, which its meter counts; leave out the quantity",
        )


def require_commitment(amount: Decimal, currency: str, pointer: str) -> Decimal:
    """The amount of a commitment in major units.

    Raises `Invalid` for a negative one, one that no document can hold, and one with more digits than the currency has.
    """
    if amount < 0:
        raise invalid_field(f"{pointer}/commitment/amount", "a commitment is 0 or more; send such an amount")
    try:
        minor = to_minor(amount, currency)
    except Invalid as error:
        raise invalid_field(f"{pointer}/commitment/amount", error.message, code=error.code) from None
    if from_minor(minor, currency) != amount:
        detail = f"a commitment may have {exponent(currency)} digits after the point, as {currency} has; round it"
        raise invalid_field(f"{pointer}/commitment/amount", detail)
    return amount


def add_on(
    plan: PublishedPlan,
    price: PlanPrice,
    *,
    quantity: Decimal,
    definition: str | None,
    currency: str,
    pointer: str,
    check: CheckPrice,
) -> TermItem:
    """A price of another plan as an item. Raises `Invalid` for bad quantities and prices."""
    item = item_of(price, new_id(), add_on=plan.code)
    require_quantity(item, quantity, pointer)
    if definition is not None:
        check(definition, item.kind, currency, f"{pointer}/definition")
    return replace(item, quantity=quantity, definition=definition)


def with_add_ons(
    items: Sequence[TermItem], added: Sequence[TermItem], pointer: str = "/add_ons"
) -> tuple[TermItem, ...]:
    """The items and the add-ons. Raises `Invalid` for one that is there already, and for too many."""
    there = {item.price_id for item in items}
    for number, item in enumerate(added):
        if item.price_id in there:
            raise invalid_field(
                f"{pointer}/{number}/price",
                f"'{item.reference}' is in the subscription already; change its quantity under items",
                code="price_repeated",
            )
        there.add(item.price_id)
    if len(items) + len(added) > MAX_ITEMS:
        raise invalid_field(pointer, f"a subscription has at most {MAX_ITEMS} items; leave some out")
    return (*items, *added)


def going_on(items: Iterable[TermItem], before: Iterable[TermItem]) -> tuple[TermItem, ...]:
    """The items, those that are as they were just before under the ids that they had: what goes on isn't another item."""
    ids = {_terms_of(item): item.item_id for item in before}
    return tuple(replace(item, item_id=ids.get(_terms_of(item), item.item_id)) for item in items)


def _terms_of(item: TermItem) -> tuple[UUID, Decimal, str | None]:
    return item.price_id, item.quantity, item.definition


def without(items: Sequence[TermItem], removed: Sequence[str], pointer: str = "/remove") -> tuple[TermItem, ...]:
    """The items but those named. Raises `Invalid` for a name that none has."""
    names = {item.reference for item in items}
    for number, name in enumerate(removed):
        if name not in names:
            raise invalid_field(
                f"{pointer}/{number}",
                f"there is no price '{name}' in it; send one of {', '.join(sorted(names))}",
                code="unknown_price",
            )
    return tuple(item for item in items if item.reference not in set(removed))


def stored(items: Sequence[TermItem], plan: PublishedPlan, currency: str) -> tuple[TermItem, ...] | None:
    """The items as a term keeps them: None where they are just all of the plan's prices."""
    return None if tuple(items) == tuple(items_of(plan, currency)) else tuple(items)


def charged_ahead(items: Iterable[TermItem]) -> bool:
    """Whether anything is due when billing begins: fees in advance and one-off fees."""
    return any(item.kind == "one_off" or (item.kind == "recurring" and item.timing == "advance") for item in items)
