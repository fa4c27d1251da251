"""In which currencies a plan is sold, and the least that its periods cost in each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from corebilling.kernel import money
from corebilling.kernel.errors import DomainError, FieldError
from corebilling.kernel.plan import Commitment

MAX_CURRENCIES = 50


def currencies(main: str, named: Iterable[str] | None, priced: Iterable[str]) -> tuple[str, ...]:
    """All currencies of a plan, its main one first: those named or, where none are, those that its prices have."""
    return tuple(dict.fromkeys([main, *(named if named is not None else priced)]))


def currency_faults(main: str, named: Iterable[str] | None) -> Iterator[FieldError]:
    """What is wrong with a plan's currencies."""
    for pointer, currency in [("/currency", main), *((f"/currencies/{n}", c) for n, c in enumerate(named or ()))]:
        try:
            money.exponent(currency)
        except DomainError as error:
            yield FieldError(pointer, error.message)


def commitments(
    amount: Decimal | None, others: Mapping[str, Decimal], sold_in: Sequence[str]
) -> tuple[tuple[Commitment, ...], list[FieldError]]:
    """A plan's commitment in each of its currencies, and what is wrong with it. Pointers start with `/commitment`."""
    if amount is None:
        return (), []
    main = sold_in[0]
    amounts = {main: amount, **{currency: each for currency, each in others.items() if currency != main}}
    faults = [
        FieldError(f"/commitment/currencies/{currency}", detail)
        for currency, detail in currency_mismatches(amounts, sold_in)
    ]
    if main in others:
        faults.append(
            FieldError(f"/commitment/currencies/{main}", "is the plan's own currency; its amount is `amount`")
        )
    made = []
    for currency in sold_in:
        if currency not in amounts:
            continue
        at = "/commitment/amount" if currency == main else f"/commitment/currencies/{currency}"
        faults += _amount_faults(amounts[currency], currency, at)
        made.append(Commitment(currency, amounts[currency]))
    return tuple(made), faults


def currency_mismatches(given: Iterable[str], sold_in: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(currency, what is wrong) for each that is missing and each that the plan isn't sold in."""
    have, wanted = list(given), list(sold_in)
    for currency in wanted:
        if currency not in have:
            yield currency, f"is missing: the plan is sold in {', '.join(wanted)}; send it in each of them"
    for currency in have:
        if currency not in wanted:
            yield currency, f"the plan isn't sold in {currency}; add it to /currencies or leave it out"


def _amount_faults(amount: Decimal, currency: str, pointer: str) -> Iterator[FieldError]:
    digits = money.exponent(currency)
    if not amount.is_finite() or amount <= 0:
        yield FieldError(pointer, "must be an amount above 0; leave the commitment out where there is none")
    elif amount > money.from_minor(money.MAX_MINOR, currency):
        yield FieldError(pointer, "is larger than a document can hold; send less")
    elif amount != money.EXACT.quantize(amount, Decimal(1).scaleb(-digits)):
        yield FieldError(pointer, f"may have {digits} digits after the point, as {currency} has; round it")
