"""What can go wrong while servers are started."""


class EngineError(RuntimeError):
    """A server could not be started or stopped; the message says what to do about it."""
