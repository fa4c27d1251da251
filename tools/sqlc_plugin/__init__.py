"""Python for sqlc: async functions over psycopg, rows as msgspec structs, in Python 3.11 (docs/adr/0002)."""
