"""What goes over the wire about previews, quotes, margins, simulations, failed ratings and upcoming invoices."""
