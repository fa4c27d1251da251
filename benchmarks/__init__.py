"""What the product carries, measured end to end on this machine. `make bench` prints a table and JSON.

The load generator shares the machine with everything it measures, as in docs/benchmarks.md; compare ratios, not days.
"""
