"""Everything that can fail does, again and again, under load; afterwards nothing is lost, doubled or out of order.

`make faults` goes on for FAULT_SECONDS on the bus that BUS names.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import pytest
import verdict
from books_of_record import Records
from bus_servers import BUSES
from echoes import Echoes
from estate import Estate
from misfortunes import Misfortunes
from trade import PATIENCE_SECONDS, Tenant, seen

from corebilling.cli.bootstrap import platform_key
from corebilling.cli.client import until
from corebilling.container import Container
from corebilling.settings import Settings
from kafka_libraries import KafkaIsMissingError, without_kafka
from toxiproxy import Network, program

KEPT = Path(__file__).resolve().parents[2] / ".cache" / "faults"
DURABLE = "billing-consumer"
Tell = Callable[[str], None]


@contextmanager
def running(bus: str, tell: Tell) -> Iterator[Estate]:
    """An estate on that bus, gone at the end."""
    data = Path(tempfile.mkdtemp(prefix="corebilling-faults-"))
    data.chmod(0o711)  # the servers' unprivileged account must pass when we are root
    proxies = program()
    if proxies is None:
        tell("Go is not installed: there is no Toxiproxy, so the network doesn't fail this time")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        network = stack.enter_context(Network(proxies, data / "logs" / "toxiproxy.log")) if proxies else None
        estate = Estate(data, BUSES[bus](data), network)
        stack.callback(estate.stop)
        try:
            estate.start()
        except KafkaIsMissingError as error:
            without_kafka(error)
        try:
            yield estate
        except BaseException:
            shutil.copytree(data / "logs", KEPT / bus, dirs_exist_ok=True)
            for server in (estate.postgres, *estate.bus.brokers):
                shutil.copy(server.log, KEPT / bus / f"{server.log.parent.name}.log")
            tell(f"what roles and servers logged is kept in {KEPT / bus}")
            raise


class Trial:
    """An estate, tenants that trade there, and what is asked of both in the end."""

    def __init__(self, estate: Estate, tenants: list[Tenant], echoes: Echoes, pairs: verdict.Pairs) -> None:
        self.estate = estate
        self.tenants = tenants
        self.echoes = echoes
        self.pairs = pairs
        self.records = Records(estate.postgres.url)

    async def heal(self) -> None:
        """Bill what is left, and return when every event is handled and nothing is on its way any more."""
        try:
            for _ in range(2):  # usage that came late is invoiced with the month after its own
                await asyncio.gather(*(tenant.close_month() for tenant in self.tenants))
            await until(
                self._is_done, seconds=PATIENCE_SECONDS, what="every event to be handled and the lag to be zero"
            )
        except TimeoutError as error:
            still = await verdict.what_is_open(self.records, self.pairs, self.echoes, DURABLE)
            raise AssertionError(f"{error}; {still}") from error

    async def check(self) -> str:
        """Each claim of the verdict; answers what was there to be checked."""
        records, tenants, echoes = self.records, self.tenants, self.echoes
        events = await verdict.every_event_was_taken_once(records, self.pairs)
        await verdict.no_event_led_to_another_twice(records)
        await verdict.only_poison_died(records, self.pairs, echoes)
        webhooks = sum([await verdict.every_webhook_arrived_under_one_id(tenant, records) for tenant in tenants])
        invoices = sum([await verdict.invoices_are_right(tenant, records) for tenant in tenants])
        for tenant in tenants:
            verdict.custom_events_arrived_once(tenant)
            await verdict.usage_is_stored_once(tenant.id, tenant.usage, records)
            await verdict.payments_are_booked_once(tenant, records)
            await verdict.projections_are_up_to_date(tenant, records)
        await verdict.order_was_kept(echoes, records, self.pairs)
        await verdict.books_are_clean(records, self.estate)
        await verdict.roles_are_well(self.estate)
        await verdict.roles_stop_when_told(self.estate)
        again, refused = (sum(getattr(t.listener, what) for t in tenants) for what in ("repeated", "turned_away"))
        done = sum((tenant.done for tenant in tenants), Counter[str]())
        return (
            f"{events} events, each handled once by each of its consumers ({echoes.repeated} were repeated on the bus), in "
            f"order; {webhooks} webhooks under one id each ({again} came again, {refused} were turned away first); "
            f"{invoices} invoices right; dead letters: the {len(echoes.poisoned)} poisoned events; "
            f"answered {dict(done)}, by {dict(seen(tenants))}"
        )

    async def _is_done(self) -> bool:
        return (
            not await self.records.unfinished()
            and not await self.records.unhandled(self.pairs)
            and await self.echoes.lag(DURABLE) == 0
        )


async def survive(
    estate: Estate, tell: Tell, *, seconds: float, customers: int, seed: int, endurance: float = 1.0
) -> None:
    """Let tenants trade while everything fails for so long; then mend it, and check."""
    clock = [time.monotonic()]
    subscriptions = Container(settings=Settings(database_url=estate.app_url, environment="development")).subscriptions()
    admin_key = await asyncio.to_thread(platform_key, estate.app_url, "faults")
    async with AsyncExitStack() as stack:
        bus = estate.bus.direct()
        stack.push_async_callback(bus.close)
        await bus.connect()
        tenants = [
            await Tenant.created(name, estate.api_url, admin_key, stack, customers) for name in ("Left", "Right")
        ]
        trial = Trial(estate, tenants, Echoes(bus, subscriptions.subjects), list(subscriptions.pairs))
        misfortunes = Misfortunes(estate, tenants, trial.records, trial.echoes, seed=seed, endurance=endurance)
        clock.append(time.monotonic())
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as load:
            for tenant in tenants:
                load.create_task(tenant.trade(stopping))
            await misfortunes.strike_for(seconds)
            await misfortunes.restore()
            stopping.set()
        clock.append(time.monotonic())
        await trial.heal()
        clock.append(time.monotonic())
        checked = await trial.check()
        clock.append(time.monotonic())
    steps = ("set-up", "faults", "healing", "checks")
    took = ", ".join(f"{step} {end - start:.0f} s" for step, start, end in zip(steps, clock, clock[1:], strict=False))
    table = "\n".join(f"    {kind:<42}{count:>5}" for kind, count in sorted(misfortunes.survived.items()))
    tell(f"{misfortunes.survived.total()} faults survived on {estate.bus.name} ({took}):\n{table}\n    {checked}")


async def test_a_minute_of_faults_on_nats_loses_and_doubles_nothing(tell: Tell) -> None:
    with running("nats", tell) as estate:
        await survive(estate, tell, seconds=20, customers=20, seed=7, endurance=0.4)


@pytest.mark.slow
@pytest.mark.parametrize("bus", ["nats-cluster", "kafka", "kafka-three"])
async def test_minutes_of_faults_on_every_bus_lose_and_double_nothing(bus: str, tell: Tell) -> None:
    with running(bus, tell) as estate:
        await survive(estate, tell, seconds=120, customers=100, seed=19)


if "FAULT_SECONDS" in os.environ:

    @pytest.mark.slow
    async def test_faults_for_as_long_as_you_like(tell: Tell) -> None:
        seconds, bus = float(os.environ["FAULT_SECONDS"]), os.environ.get("BUS", "nats")
        with running(bus, tell) as estate:
            await survive(estate, tell, seconds=seconds, customers=100, seed=int(os.environ.get("SEED", "3")))
