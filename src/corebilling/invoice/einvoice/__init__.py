"""E-invoices: the semantic model of EN 16931, and its two syntaxes, CII (with Factur-X) and UBL 2.1."""
