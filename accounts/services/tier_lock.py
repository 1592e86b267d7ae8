"""The lock between assigning companies to tiers and changing a tier's limits.

A cached copy of a company's limits is validated by the company's version, which a change of its tier's limits raises
(billing.entitlements). That change must see every company on the tier, so whatever puts a company on a tier takes this lock.
"""

from django.db import connection

_LOCK = 5_230_918_407  # the advisory lock of this module


def lock_tiers(*, exclusively: bool = False) -> None:
    """Until the transaction ends, block changes to tiers' limits, or (`exclusively`) block companies from joining a tier."""
    function = "pg_advisory_xact_lock" if exclusively else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_LOCK])
