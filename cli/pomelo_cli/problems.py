"""What ends the command: one sentence that says what is wrong and one that says how to fix it."""


class Problem(Exception):
    """The command cannot go on; its text is for the person at the terminal."""


class Unreachable(Exception):
    """The API did not answer, or asked to come back later. It is worth asking again.

    `retry_after` is how many seconds the server asked to wait, or None when it did not say.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
