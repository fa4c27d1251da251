"""A random life: what is sold, and what happens, told to the business and to the oracle alike."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid5

import msgspec
from business import Business
from ledgerbook import Ratings, Used
from msgspec.structs import replace
from oracle import Oracle, Sold, Span, State
from shop import TENANT, Shop, Wish, meant, name_of

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile
from corebilling.kernel.plan import Coupon
from corebilling.subscription.domain import changing, coupons, ending, facts, orders, pausing, timeline, waking
from corebilling.subscription.domain.agreement import Agreement, Change, ItemChange
from corebilling.subscription.domain.catalog import AddOn
from corebilling.subscription.domain.terms import Asked

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")


class Options(msgspec.Struct, frozen=True):
    """What may happen in a life."""

    discount: Decimal | None = None
    keeps: bool = False
    lag: bool = False


class Story:
    """One life."""

    def __init__(self, seed: int, options: Options = Options()) -> None:
        self.chance = chance = random.Random(seed)
        self.options = options
        self.currency = chance.choice(("EUR", "EUR", "JPY", "KWD"))
        self.shop = Shop(chance, self.currency)
        self.log: list[str] = []
        self.zone = chance.choice(ZONES)
        now = datetime(2026, chance.randrange(1, 13), chance.randrange(1, 29), chance.randrange(24), 17, 5, tzinfo=UTC)
        now += timedelta(days=chance.randrange(3))
        made = self._agreement(now)
        if options.discount is not None:
            coupon = Coupon(new_id(), "OFF", "Off", options.discount, None, None, "forever", None)
            made = replace(made, coupons=(coupons.redemption(coupon, new_id(), 0, now),))
        self.ratings = Ratings(self.shop.offers)
        self.business = Business(made, now, self.ratings, chance, prompt=not options.lag)
        self.oracle = Oracle(
            self.zone, made.proration == "day", made.alignment == "calendar", made.billing_starts_at, made.anchor_at
        )
        self.wishes: list[Wish] = []
        self.scheduled: list[Wish] = []
        self.events: list[tuple[Used, tuple[str, datetime, int]]] = []
        self._retell()

    def _agreement(self, now: datetime) -> Agreement:
        chance = self.chance
        plan = chance.choice([code for code in self.shop.plans if "extras" not in code])
        start = chance.choice((None, None, None, now - timedelta(days=chance.randrange(1, 100))))
        trial = chance.choice((0, 0, 0, 14, 31)) if start is None else 0
        asked = Asked(
            start_at=start,
            trial_days=trial,
            alignment=chance.choice((None, None, "calendar")),
        )
        customer = CustomerProfile(TENANT, new_id(), "acme", "Acme", None, self.currency, self.zone)
        self.first = self.shop.states[plan]
        order = orders.Order(customer="acme", plan=plan, asked=asked, proration=chance.choice(("second", "day")))
        seller = orders.Seller(TENANT, now, now, "second")
        (made,) = orders.agreements([order], {"acme": customer}, self.shop.catalog, seller, _accept)
        self.log.append(f"{now}: {plan} {asked} {made.proration} {self.zone} {self.currency}")
        return made

    @property
    def now(self) -> datetime:
        return self.business.now

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self._pass_time()
            if self.business.agreement.is_over:
                return
            for _ in range(self.chance.choice((1, 1, 2, 3))):
                self._something()

    def die(self) -> None:
        """The end, and all that is left to be told."""
        if not self.business.agreement.is_over:
            self._pass_time()
        if not waking.perform(self.business.agreement, self.now)[0].is_over:
            prorate = not self.options.keeps or self.chance.random() < 0.5
            self._cancel("now", prorate)
        self.business.settle(self.now + timedelta(days=2))
        if self.options.discount is None:
            self._use(self.chance.randrange(3))
            self._void()
        self.ratings.late(timeline.contract(self.business.agreement))
        self.oracle.end = self.business.agreement.ends_at
        self.oracle.gives_back_at_end = self.business.agreement.credit_at_end

    def _pass_time(self) -> None:
        target = self.now + timedelta(seconds=self.chance.randrange(60, 40 * 86400))
        if self.chance.random() < 0.25:  # exactly where a period ends, or in the grace after it
            current = timeline.current_period(self.business.agreement, self.now)
            if current.end > self.now:
                target = current.end + self.chance.choice((timedelta(0), timedelta(minutes=30)))
        self.business.advance(target)
        self.log.append(f"{self.now}: now")
        self._use(self.chance.randrange(4))
        if self.chance.random() < 0.2:
            self._void()

    def _use(self, count: int) -> None:
        for _ in range(count):
            at = self.now - timedelta(seconds=self.chance.randrange(1, 45 * 86400))
            if at >= self.business.agreement.starts_at:
                quantity = self.chance.randrange(1, 90)
                told = ("data", at, quantity)
                self.events.append((self.ratings.use(uuid5(TENANT, "data"), at, quantity), told))
                self.oracle.used.append(told)

    def _void(self) -> None:
        if self.events:
            used, told = self.events.pop(self.chance.randrange(len(self.events)))
            self.ratings.use(used.meter_id, used.at, -used.quantity)
            self.oracle.used.remove(told)
            self.log.append(f"{self.now}: void {told}")

    def _something(self) -> None:
        deeds = [self._change] * 6 + [self._pause, self._resume, self._resume, self._cancel_later, self._uncancel]
        deeds += [self._call_off, self._end_trial]
        try:
            self.chance.choice(deeds)()
        except (Conflict, Invalid, NotFound) as error:
            self.log.append(f"  refused: {error.message}")

    def _change(self) -> None:
        agreement = self.business.agreement
        when = self.chance.choice(
            ("now", "now", "now", "renewal", self.now + timedelta(seconds=self.chance.randrange(1, 50 * 86400)))
        )
        at = changing.effective_at(agreement, when, self.now)
        wish = self._wish(at)
        wanted = changing.Wanted(wish.change, at, self.chance.random() < 0.5, wish.gives_back)

        def deed(present: Agreement, now: datetime) -> waking.Done:
            after = changing.changed(present, wanted, self.shop.by_id, now, None)
            if at > now and at != after.billing_starts_at:
                return after, (facts.updated(after, "plan", at),)
            return waking.announce_change(after, at)

        self.business.order(deed)
        term = next(t for t in self.business.agreement.terms if t.starts_at == at)
        self.wishes.append(replace(wish, phase_id=term.phase_id))
        self.log.append(
            f"{self.now}: change at {at} {msgspec.structs.replace(wish, change=Change())} now={wanted.bill_now}"
        )
        self._retell()

    def _wish(self, at: datetime) -> Wish:
        chance = self.chance
        state = self._state_at(at)
        gives_back = not self.options.keeps or chance.random() < 0.6
        what = chance.choice(("plan", "plan", "seats", "seats", "price", "add_on", "remove", "commitment"))
        if what == "plan":
            code = chance.choice([c for c in self.shop.plans if "extras" not in c and c != state.plan])
            gone = [name_of(s, state.plan) for s in state.items if s.price.origin != state.plan]
            gone = gone if self.shop.states[code].interval != state.interval else []
            change = Change(plan_id=self.shop.plans[code].plan_id, remove=tuple(gone))
            return Wish(at, change, gives_back, plan=code, removed=tuple(gone))
        own = [name_of(s, state.plan) for s in state.items if s.price.kind != "usage"]
        if what == "seats" and own:
            name, quantity = chance.choice(own), Decimal(chance.choice(("0", "1", "2", "3", "7", "2.5")))
            return Wish(at, Change(items=(ItemChange(name, quantity),)), gives_back, quantities=((name, quantity),))
        if what == "price":
            name, minor = name_of(chance.choice(state.items), state.plan), chance.randrange(1, 9999)
            definition = self.shop.definition(minor)
            return Wish(at, Change(items=(ItemChange(name, None, definition),)), gives_back, amounts=((name, minor),))
        if what == "add_on":
            extras = [p for p in self.shop.prices.values() if p.origin == f"{state.interval}_extras"]
            price = chance.choice(extras)
            if not any(s.price == price for s in state.items):
                item = self.shop.catalog.add_on(
                    AddOn(f"{price.origin}/{price.code}"), self.shop.plans[state.plan], self.currency, _accept
                )
                return Wish(at, Change(add_ons=(item,)), gives_back, added=(Sold(price, Decimal(1), price.minor),))
        if what == "remove" and len(state.items) > 1:
            name = name_of(chance.choice(state.items), state.plan)
            return Wish(at, Change(remove=(name,)), gives_back, removed=(name,))
        amount = chance.randrange(0, 30000)
        return Wish(at, Change(commitment=self.shop.major(amount)), gives_back, commitment=amount)

    def _state_at(self, at: datetime) -> State:
        return [s.state for s in self.oracle.spans if s.start <= at][-1]

    def _retell(self) -> None:
        """The spans as all orders that stand make them."""
        start = self.business.agreement.billing_starts_at
        self.oracle.start, self.oracle.anchor = start, self.business.agreement.anchor_at
        state, spans = self.first, [Span(start, self.first)]
        for wish in sorted(self.wishes, key=lambda wish: wish.at):
            state = meant(state, wish, self.shop)
            spans.append(Span(max(wish.at, start), state, wish.gives_back))
        self.oracle.spans = spans

    def _pause(self) -> None:
        resume_at = self.chance.choice((None, self.now + timedelta(seconds=self.chance.randrange(1, 60 * 86400))))
        when = self.chance.choice(("now", "now", "period_end"))
        billing = self.chance.choice(("stop", "stop", "continue"))
        self.business.order(lambda present, now: pausing.pause(present, when, billing, resume_at, now))  # type: ignore[arg-type]
        self.log.append(f"{self.now}: pause {when} until {resume_at} {billing}")
        self._retell_pauses()

    def _resume(self) -> None:
        self.business.order(pausing.resume)
        self.log.append(f"{self.now}: resume")
        self._retell_pauses()

    def _retell_pauses(self) -> None:
        self.oracle.pauses = [(p.starts_at, p.ends_at) for p in self.business.agreement.pauses if p.billing == "stop"]

    def _cancel_later(self) -> None:
        if self.chance.random() < 0.5:
            when = self.chance.choice(
                ("period_end", self.now + timedelta(seconds=self.chance.randrange(86400, 90 * 86400)))
            )
            self._cancel(when, not self.options.keeps or self.chance.random() < 0.5)

    def _cancel(self, when: str | datetime, prorate: bool) -> None:
        self.business.order(lambda present, now: ending.cancel(present, when, now, prorate=prorate, reason=None))
        self.log.append(f"{self.now}: cancel {when} prorate={prorate} -> {self.business.agreement.ends_at}")

    def _uncancel(self) -> None:
        self.business.order(ending.uncancel)
        self.log.append(f"{self.now}: uncancel")

    def _call_off(self) -> None:
        terms = self.business.agreement.scheduled
        if terms:
            term = self.chance.choice(terms)
            self.business.order(
                lambda present, now: (changing.called_off(present, term.phase_id, self.shop.by_id)[0], ())
            )
            self.wishes = [wish for wish in self.wishes if wish.at != term.starts_at]
            self.log.append(f"{self.now}: called off {term.starts_at}")
            self._retell()

    def _end_trial(self) -> None:
        planned = self.business.agreement.billing_starts_at
        self.business.order(pausing.end_trial)
        moved = self.business.agreement.billing_starts_at
        self.wishes = [replace(wish, at=moved) if wish.at == planned else wish for wish in self.wishes]
        self.log.append(f"{self.now}: trial ended")
        self._retell()


def _accept(definition: object, kind: object, currency: object, pointer: object) -> None:
    """A price check that finds nothing wrong."""
