"""What contexts tell each other: the catalog, the envelope, and one file of payload structs per publishing context."""
