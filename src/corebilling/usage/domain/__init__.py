"""The rules of usage: what an event must look like, what names it, whom it belongs to, what a meter counts of it."""
