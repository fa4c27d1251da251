"""What a tenant sees of the event backbone: its events, its dead letters, replays, and the events that it publishes itself."""
