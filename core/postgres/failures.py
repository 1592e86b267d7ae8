"""Whose failure a database error is: the server's, which every other row would meet as well, or one row's own."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, transaction

# SQLSTATE classes (PostgreSQL, appendix A): connection lost, resources used up, shut down by the operator, its disk.
_SERVER_CLASSES = ("08", "53", "57P", "58")
_READ_ONLY = "25006"  # a standby, in the middle of a failover


def is_outage(error: BaseException) -> bool:
    """Tell whether `error` says that PostgreSQL cannot be reached or cannot work, whatever it was asked for.

    A lock that was not granted, a deadlock or a value that is refused is not an outage: other rows may succeed.
    """
    if not isinstance(error, (DatabaseError, InterfaceError)):
        return False
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    if state is None:
        # Nothing came back from the server: the connection, or the pool, failed.
        return isinstance(error, (OperationalError, InterfaceError))
    return state.startswith(_SERVER_CLASSES) or state == _READ_ONLY


# Rolled back for another transaction's sake, a lock not granted, cancelled by a time-out.
_CONFLICTS = ("40", "55P03", "57014")


def is_conflict(error: BaseException) -> bool:
    """Tell whether `error` came of what others did at that moment: the same again may well succeed."""
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, DatabaseError) and state is not None and state.startswith(_CONFLICTS)


def broken_constraint(error: DatabaseError) -> str:
    """Return the name of the constraint that a statement broke; empty when the error is about something else."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


# What a statement does, and to which table: none of its values.
_HEAD = re.compile(r'(?:[A-Z_a-z]+ ?){1,3}(?:"[^"]+")?')


def name_statement(error: Exception, statements: Sequence[str]) -> None:
    """Note on `error` which of the statements that travelled in one message it is about, without their values.

    PostgreSQL names the table whose constraint was broken; where that tells nothing apart, the note lists them all.
    """
    if len(statements) < 2:
        return
    heads = [found.group().strip() for text in statements if (found := _HEAD.match(text))]
    table = getattr(getattr(error.__cause__, "diag", None), "table_name", None)
    about = [head for head in heads if table and head.endswith(f'"{table}"')]
    if len(about) == 1:
        error.add_note(f"The statement that failed: {about[0]}")
    else:
        listed = "; ".join(heads)
        error.add_note(f"One of these failed (DATABASE_STATEMENTS_APART=1 sends each by itself): {listed}")


@contextmanager
def refusing(constraint: str, refusal: Callable[[], Exception], *, savepoint: bool = True) -> Iterator[None]:
    """Run the block in a savepoint, and raise what `refusal` makes when a statement in it breaks `constraint`.

    An error about anything else is a mistake of ours and goes through as it is. `refusal` is called once the savepoint is taken
    back, so it may ask the database; without a `savepoint` the whole transaction is.
    """
    try:
        with transaction.atomic(savepoint=savepoint):
            yield
    except IntegrityError as error:
        if broken_constraint(error) != constraint:
            raise
        raise refusal() from error
