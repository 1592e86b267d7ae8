"""Turns by name: whoever counts before adding lets nobody else count meanwhile, where there is no row yet that could be locked."""

from django.db import connection


def take_turn(*names: str) -> None:
    """Wait until nobody else has any of `names`, and keep them until the transaction ends.

    They are taken in one order, whatever order they are given in: no two wait in a ring.
    """
    with connection.cursor() as cursor:
        for name in sorted(names):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
