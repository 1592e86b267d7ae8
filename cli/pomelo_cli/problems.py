"""Errors of the command. Each message says what is wrong and how to fix it."""


class Problem(Exception):
    """The command cannot continue. The message is shown to the user."""


class Unreachable(Exception):
    """The API did not respond, or asked to retry later.

    `retry_after` is the number of seconds the server asked to wait, or None.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
