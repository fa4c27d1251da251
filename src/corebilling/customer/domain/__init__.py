"""The rules of customers. Pure."""
