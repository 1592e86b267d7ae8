"""The hold on who is on which tier, between those who move a company and staff who change what a tier allows.

A copy of a company's limits is proved by the company's version, which a change of its tier raises (billing.entitlements).
So the change has to see every company on the tier: whoever puts one there, a new one or another tier's, holds the tiers.
"""

from django.db import connection

_LOCK = 5_230_918_407  # an advisory lock of this module's own


def hold_tiers(*, exclusively: bool = False) -> None:
    """Keep what the tiers allow as it is until the end of the transaction, or keep everybody from joining one."""
    function = "pg_advisory_xact_lock" if exclusively else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_LOCK])
