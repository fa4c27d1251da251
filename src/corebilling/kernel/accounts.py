"""Codes of the chart of accounts that every tenant starts with. Their names and kinds are the ledger's.

Assets and expenses grow by debits, the others by credits.
"""

CASH = "1000"
"""Money in the bank or the till."""

CLEARING = "1100"
"""Money that a payment gateway holds for the tenant."""

RECEIVABLE = "1200"
"""What customers owe, by customer: the sum of what is left of open invoices."""

TAX_PAYABLE = "2200"
"""Tax on invoices, owed to the authorities."""

CUSTOMER_CREDIT = "2300"
"""Prepaid, promotional and given-back credit that customers may use, by customer."""

CARRIED_CREDIT = "2310"
"""Credit of an invoice that it couldn't take, carried to the next one (lines of kind `carried`), by customer."""

REFUNDS_PAYABLE = "2350"
"""Refunds that were promised and haven't gone out yet, by customer."""

DEFERRED_REVENUE = "2400"
"""What was billed for days to come."""

REVENUE = "4000"
"""What was earned; `4000.<product>` for each product that prices name."""

PROMOTIONS = "4900"
"""Credit given away: what it pays of invoices was never earned (contra-revenue)."""

EXPIRED_CREDIT = "4950"
"""Prepaid credit that ran out unused (breakage)."""

FEES = "5000"
"""What gateways and banks keep for themselves."""

BAD_DEBT = "5100"
"""Invoices given up."""
