"""Words that every context shares: money, period, errors, and the structs in which contexts answer each other. No I/O and no clock."""
