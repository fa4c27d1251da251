"""The rate card that every fresh tenant can quote from at once; its figures are in euros, whatever the tenant's currency."""

from corebilling.kernel.plan import RateCardRule

CODE = "default"
NAME = "Default"
CURRENCY = "EUR"
ORDER_AMOUNT = "3"
RULES = (
    RateCardRule("weight", "0", "10", "15", "1.50", "kg"),
    RateCardRule("weight", "10", "50", "30", "2.00", "kg"),
    RateCardRule("weight", "50", None, "60", "2.50", "kg"),
    RateCardRule("distance", "0", "10", "5", "0", "km"),
    RateCardRule("distance", "10", "50", "10", "0.50", "km"),
    RateCardRule("distance", "50", None, "25", "1.00", "km"),
)
