"""Advisory locks by name, for count-then-insert sections where there is no row to lock yet."""

from django.db import connection


def take_turn(*names: str) -> None:
    """Acquire the locks on all `names`, waiting if needed, and hold them until the transaction ends.

    They are always acquired in the same order, whatever order they are given in, so they cannot deadlock.
    """
    with connection.cursor() as cursor:
        for name in sorted(names):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
