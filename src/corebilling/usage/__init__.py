"""What was used: meters, events told apart from their retries, and how much of it lies in a window."""
