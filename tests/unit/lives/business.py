"""A subscription in memory: the real rules of subscription, scheduler and rating, with lists in place of tables and of the bus.

What the contexts tell one another is kept as news, and handed over at once or when the story says so, in any order: all
that the backbone promises is that it comes.
"""

import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from ledgerbook import Ratings

from corebilling.events.subscription import SubscriptionInvoiceRequested
from corebilling.scheduler.domain.schedule import Newest, Schedule, step
from corebilling.subscription.domain import timeline, waking
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.facts import Facts
from corebilling.subscription.domain.waking import Done

GRACE = timedelta(hours=1)


class Business:
    """One subscription, the periods that are open and closed of it, and what was rated."""

    def __init__(
        self, made: Agreement, now: datetime, ratings: Ratings, chance: random.Random, *, prompt: bool
    ) -> None:
        self.now = now
        self.agreement = made
        self.ratings = ratings
        self._chance = chance
        self._prompt = prompt
        self._news: list[Callable[[], None]] = []
        self._newest: Newest | None = None
        self._schedule: Schedule | None = None
        self._told_wake: datetime | None = None
        self._woken: datetime | None = None
        self._told_seq = 0
        self._became(*waking.perform(made, now))

    def order(self, deed: Callable[[Agreement, datetime], Done]) -> None:
        """Somebody orders something: what is due by now is done first."""
        present, told = waking.perform(self.agreement, self.now)
        after, more = deed(present, self.now)
        self._became(after, told + more)
        self.hear()

    def advance(self, to: datetime) -> None:
        """Time passes, with a stop wherever something falls due."""
        self.hear()
        while (due := self._next_due()) is not None and due <= to:
            self._foresee(due)
            self.now = max(self.now, due)
            for deed in self._chance.sample([self._wake, self._close], 2):
                deed()
            self.hear()
        self.now = max(self.now, to)

    def hear(self, *, all_of_it: bool | None = None) -> None:
        """Hand over the news, in any order; where it isn't prompt, some of it later."""
        everything = self._prompt if all_of_it is None else all_of_it
        while self._news:
            waiting, self._news = self._news, []
            self._chance.shuffle(waiting)
            for deed in waiting:
                if everything or self._chance.random() < 0.6:
                    deed()
                else:
                    self._news.append(deed)
            if not everything:
                return

    def settle(self, to: datetime) -> None:
        """Until nothing is left to be done by that instant."""
        while True:
            self.hear(all_of_it=True)
            before = self.now, self._newest, self.agreement
            self.advance(to)
            self.hear(all_of_it=True)
            if (self.now, self._newest, self.agreement) == before and not self._news:
                return

    def _next_due(self) -> datetime | None:
        open_at = self._newest.due_at if self._newest is not None and self._newest.is_open else None
        return min((at for at in (open_at, self._told_wake) if at is not None), default=None)

    def _wake(self) -> None:
        if self._told_wake is not None and self._told_wake <= self.now:
            at, self._told_wake, self._woken = self._told_wake, None, self._told_wake
            self._news.append(lambda: self._became(*waking.perform(self.agreement, at)))

    def _close(self) -> None:
        newest, schedule = self._newest, self._schedule
        if newest is None or schedule is None or not newest.is_open or newest.due_at > self.now:
            return
        if schedule.ends_by(newest.period.start):
            index = newest.period.index - 1
            self._newest = (
                None if index < 0 else Newest(schedule.period(index) or newest.period, newest.due_at, False, None)
            )
            return
        epoch = self.ratings.seal()
        self._news.append(lambda: self.ratings.close(timeline.contract(self.agreement), newest.period, epoch))
        self._newest = Newest(newest.period, newest.due_at, False, None)
        if not schedule.ends_by(newest.period.end):
            following = schedule.period(newest.period.index + 1)
            assert following is not None
            self._newest = Newest(following, following.end + GRACE, True, None)

    def _became(self, after: Agreement, told: Iterable[object] | Facts) -> None:
        self.agreement = after
        for fact in told:
            if isinstance(fact, SubscriptionInvoiceRequested):
                self._news.append(lambda at=fact.at: self.ratings.within(timeline.contract(self.agreement), at))
        self._told_seq += 1
        seq, ends_at, wake_at = self._told_seq, after.ends_at, waking.wake_at(after)
        calendars = timeline.calendars(after)
        self._news.append(lambda: self._learn(seq, Schedule(calendars, ends_at), wake_at))

    def _learn(self, seq: int, schedule: Schedule, wake_at: datetime | None) -> None:
        if seq < getattr(self, "_heard_seq", 0):
            return
        self._heard_seq = seq
        self._schedule = schedule
        self._told_wake = None if wake_at == self._woken else wake_at
        wanted = step(schedule, self._newest, GRACE)
        if wanted is not None:
            self._newest = Newest(wanted.period, wanted.due_at, True, None)

    def _foresee(self, due: datetime) -> None:
        """The upcoming invoice, where nothing but the end of the period is to come."""
        newest = self._newest
        self.ratings.foreseen = None
        if newest is None or not newest.is_open or newest.due_at != due or not self._prompt:
            return
        alone = self._told_wake is None or self._told_wake > due
        if alone and newest.period.start <= self.now < newest.period.end:
            contract = timeline.contract(self.agreement)
            if contract.ends_at is None or contract.ends_at > self.now:
                self.ratings.foresee(contract, self.now)
