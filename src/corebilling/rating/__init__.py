"""Rating: what usage costs, live while a period is open and final once it is closed."""
