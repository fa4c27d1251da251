"""The pricing context as others see it: plans, coupons, rate cards and costs are in files of their own."""

from corebilling.kernel.clock import Clock
from corebilling.pricing.coupons import Coupons
from corebilling.pricing.operator_costs import OperatorCosts
from corebilling.pricing.ports import Customers, Meters, PriceChecks
from corebilling.pricing.publishing import Publishing
from corebilling.pricing.rate_cards import RateCards


class PricingService(Publishing, Coupons, RateCards, OperatorCosts):
    """What is sold for how much, and what it costs whoever sells it."""

    def __init__(self, *, clock: Clock, checks: PriceChecks, meters: Meters, customers: Customers) -> None:
        Publishing.__init__(self, clock=clock, checks=checks, meters=meters)
        Coupons.__init__(self, clock=clock)
        RateCards.__init__(self, clock=clock, checks=checks, customers=customers)
        OperatorCosts.__init__(self, clock=clock, meters=meters)
