"""The pricing context as others see it: plans and rate cards are in files of their own."""

from corebilling.kernel.clock import Clock
from corebilling.pricing.ports import Meters, PriceChecks
from corebilling.pricing.publishing import Publishing
from corebilling.pricing.rate_cards import RateCards


class PricingService(Publishing, RateCards):
    """What is sold for how much."""

    def __init__(self, *, clock: Clock, checks: PriceChecks, meters: Meters) -> None:
        Publishing.__init__(self, clock=clock, checks=checks, meters=meters)
        RateCards.__init__(self, clock=clock, checks=checks)
