"""Errors of starting and stopping servers."""


class EngineError(RuntimeError):
    """A server could not be started or stopped. The message says what to do."""
