"""The scheduler: knows every subscription's calendar and closes periods when they are due."""
