"""What goes wrong when servers are started on this machine."""


class EmbeddedError(RuntimeError):
    """An embedded server cannot be found, started or used; the message says what to do about it."""
