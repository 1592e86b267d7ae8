"""Classifies database errors: an outage, which would affect every row, or a failure of one statement."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, transaction

# SQLSTATE classes (PostgreSQL, appendix A): connection exception, insufficient resources, operator shutdown, system error.
_SERVER_CLASSES = ("08", "53", "57P", "58")
_READ_ONLY = "25006"  # a standby, in the middle of a failover


def is_outage(error: BaseException) -> bool:
    """Return whether `error` means that PostgreSQL is unreachable or unable to serve any statement.

    A lock timeout, a deadlock or a rejected value is not an outage: other rows may succeed.
    """
    if not isinstance(error, (DatabaseError, InterfaceError)):
        return False
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    if state is None:
        # The server sent no SQLSTATE: the connection or the pool failed.
        return isinstance(error, (OperationalError, InterfaceError))
    return state.startswith(_SERVER_CLASSES) or state == _READ_ONLY


# Transaction rollback (serialization, deadlock), lock not available, query canceled by a timeout.
_CONFLICTS = ("40", "55P03", "57014")


def is_conflict(error: BaseException) -> bool:
    """Return whether `error` was caused by concurrent activity, so that a retry may well succeed."""
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, DatabaseError) and state is not None and state.startswith(_CONFLICTS)


def broken_constraint(error: DatabaseError) -> str:
    """Return the name of the violated constraint; empty when the error is about something else."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


# The verb and the table of a statement, without any values.
_HEAD = re.compile(r'(?:[A-Z_a-z]+ ?){1,3}(?:"[^"]+")?')


def name_statement(error: Exception, statements: Sequence[str]) -> None:
    """Add a note to `error` saying which of the statements sent in one message failed, without their values.

    PostgreSQL names the table of a violated constraint; where that is ambiguous, the note lists all statements.
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
    """Run the block in a savepoint, and raise `refusal()` when a statement in it violates `constraint`.

    Any other error is a bug of ours and propagates unchanged. `refusal` is called after the savepoint was rolled back, so it
    may query the database; without a `savepoint`, the whole transaction is rolled back.
    """
    try:
        with transaction.atomic(savepoint=savepoint):
            yield
    except IntegrityError as error:
        if broken_constraint(error) != constraint:
            raise
        raise refusal() from error
