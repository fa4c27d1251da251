"""The rules of subscriptions: states, terms. Pure."""
