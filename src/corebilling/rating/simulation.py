"""Price simulation: past periods, rated again with other prices, customer by customer. It reads; nothing is billed."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import DomainError, invalid_field
from corebilling.kernel.usage import UsageFigures, UsageQuestion
from corebilling.platform.db import Tx
from corebilling.platform.jobs.kinds import Chunk, Job
from corebilling.platform.jobs.schemas import JobOut
from corebilling.platform.jobs.service import JobService
from corebilling.rating.domain.simulated import Case, cases, changed_offers
from corebilling.rating.domain.timeline import known_at
from corebilling.rating.ports import Clocks, Contracts, Customers, Plans, Subscribers, Usage
from corebilling.rating.price_changes import PriceChanges
from corebilling.rating.pricebook import PriceBook
from corebilling.rating.schemas.simulation import (
    CustomerTotals,
    SimulationOrder,
    SimulationRequest,
    SimulationResult,
    Totals,
)

KIND = "price_simulation"
"""The kind of job."""

MOST_AFFECTED = 10
"""Customers that the result names."""

_DAYS_A_PERIOD = 30
_CASES_BETWEEN_BREATHS = 100

_order = msgspec.json.Decoder(SimulationOrder)


class Position(msgspec.Struct):
    """How far a simulation got, and what it added up to. `now` and `epoch` are those of its beginning."""

    now: datetime
    epoch: int
    subscriptions: int
    after: UUID | None = None
    overall: dict[str, Totals] = {}
    most_affected: list[CustomerTotals] = []
    skipped: int = 0


_position = msgspec.json.Decoder(Position)


class Simulation:
    """Does simulation jobs, a chunk of customers at a time; a month of `periods_a_chunk` subscriptions, or less of a longer span."""

    def __init__(
        self,
        *,
        jobs: JobService,
        changes: PriceChanges,
        clocks: Clocks,
        contracts: Contracts,
        plans: Plans,
        usage: Usage,
        subscribers: Subscribers,
        customers: Customers,
        periods_a_chunk: int = 1000,
    ) -> None:
        self._jobs = jobs
        self._changes = changes
        self._clocks = clocks
        self._contracts = contracts
        self._prices = PriceBook(plans)
        self._usage = usage
        self._subscribers = subscribers
        self._customers = customers
        self._periods_a_chunk = periods_a_chunk

    async def start(self, tx: Tx, tenant_id: UUID, request: SimulationRequest) -> JobOut:
        """Queue a simulation. Raises `Invalid` with a pointer for each fault, `Conflict` where too many jobs wait."""
        if request.period.end <= request.period.start:
            raise invalid_field("/period/to", "must be after `from`")
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        if request.period.start >= now:
            raise invalid_field("/period/from", "must lie in the past: what isn't used yet can't be rated")
        changes = await self._changes.resolved(tx, tenant_id, request.changes)
        return await self._jobs.queue(tx, tenant_id, KIND, SimulationOrder(request.period, changes))

    async def step(self, tx: Tx, job: Job) -> Chunk:
        """The next customers, with an item for each that pays a changed price; the result after the last."""
        order = _order.decode(job.request)
        position = _position.decode(job.position) if job.position else await self._beginning(tx, job.tenant_id)
        days = max((order.period.end - order.period.start).days, _DAYS_A_PERIOD)
        about = max(self._periods_a_chunk * _DAYS_A_PERIOD // days, 1)
        walked = await self._subscribers.walk(tx, job.tenant_id, position.after, about)
        if not walked:
            found = SimulationResult(position.overall, position.most_affected, position.skipped, position.epoch)
            return Chunk(position.subscriptions, position.subscriptions, result=msgspec.json.encode(found))
        items = await self._chunk(tx, job.tenant_id, order, [subscription for _, subscription in walked], position)
        position.after = walked[-1][0]
        done = job.done + len(walked)
        return Chunk(
            done,
            max(position.subscriptions, done),
            msgspec.json.encode(position),
            [msgspec.json.encode(item) for item in items],
        )

    async def _beginning(self, tx: Tx, tenant_id: UUID) -> Position:
        """The instant and the usage that the whole simulation looks at, however long it takes."""
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        epoch = (await self._usage.current_epochs(tx, [tenant_id]))[tenant_id]
        return Position(now, epoch, await self._subscribers.count(tx, tenant_id))

    async def _chunk(
        self, tx: Tx, tenant_id: UUID, order: SimulationOrder, subscriptions: Sequence[UUID], position: Position
    ) -> list[CustomerTotals]:
        known = await self._contracts.contracts(tx, [(tenant_id, subscription_id) for subscription_id in subscriptions])
        contracts = [known_at(contract, position.now) for contract in known.values()]
        found = await self._cases(tx, tenant_id, contracts, order, position)
        questions = list(dict.fromkeys(question for case in found for question in case.questions()))
        figures = await self._usage.measure(tx, questions) if questions else []
        tally = _Tally(position)
        answers = dict(zip(questions, figures, strict=True))
        for number, case in enumerate(found):
            if number % _CASES_BETWEEN_BREATHS == 0:
                await asyncio.sleep(0)  # the worker's other loops and the heartbeat share this thread
            tally.add(case, answers)
        names = await self._customers.profiles(tx, [(tenant_id, customer_id) for customer_id in tally.customer_ids()])
        return tally.close({key[1]: profile.external_id for key, profile in names.items()})

    async def _cases(
        self, tx: Tx, tenant_id: UUID, contracts: Sequence[Contract], order: SimulationOrder, position: Position
    ) -> list[Case]:
        definitions = {change.price_id: bytes(change.definition).decode() for change in order.changes}
        old = await self._prices.offers(tx, contracts)
        new = changed_offers(old, tenant_id, contracts, definitions)
        span = order.period.start, min(order.period.end, position.now)
        found: list[Case] = []
        for contract in contracts:
            try:
                found += cases(contract, old, new, definitions, span, position.epoch)
            except DomainError:
                position.skipped += 1
        return found


class _Tally:
    """Adds up a chunk: for customers, and into what the chunks before came to."""

    def __init__(self, position: Position) -> None:
        self._position = position
        self._subscriptions: dict[tuple[UUID, str, UUID], tuple[int, int, int]] = {}

    def add(self, case: Case, figures: Mapping[UsageQuestion, UsageFigures]) -> None:
        """Count a period; one that can't be rated by either prices is left out."""
        try:
            old_minor, new_minor = case.totals_minor(figures)
        except DomainError:
            self._position.skipped += 1
            return
        contract = case.contract
        key = (contract.customer_id, contract.currency, contract.subscription_id)
        old_before, new_before, periods = self._subscriptions.get(key, (0, 0, 0))
        self._subscriptions[key] = (old_before + old_minor, new_before + new_minor, periods + 1)

    def customer_ids(self) -> Iterable[UUID]:
        """Everybody counted."""
        return sorted({customer_id for customer_id, _, _ in self._subscriptions})

    def close(self, names: Mapping[UUID, str]) -> list[CustomerTotals]:
        """Each customer's totals in each currency, in the order of their ids; the position has them too now."""
        found: dict[tuple[UUID, str], CustomerTotals] = {}
        overall = self._position.overall
        for (customer_id, currency, _), (old_minor, new_minor, periods) in self._subscriptions.items():
            customer = found.get((customer_id, currency))
            totals = overall.setdefault(currency, Totals())
            if customer is None:
                customer = CustomerTotals(customer_id, names.get(customer_id, ""), currency)
                found[customer_id, currency] = customer
                totals.customers += 1
            for sums in (customer, totals):
                sums.old_total_minor += old_minor
                sums.new_total_minor += new_minor
                sums.difference_minor += new_minor - old_minor
                sums.subscriptions += 1
                sums.periods += periods
            totals.changed += old_minor != new_minor
        moved = [customer for customer in found.values() if customer.difference_minor]
        self._position.most_affected = sorted(
            [*self._position.most_affected, *moved], key=lambda c: (-abs(c.difference_minor), c.customer_id)
        )[:MOST_AFFECTED]
        return [found[key] for key in sorted(found)]
