"""Which peppers key verifiers still need (`manage.py rotate_secrets`). Moving one to a new pepper requires the secret itself."""

from django.db import connection

from core.security import crypto
from core.security.rotation import Report
from core.tenancy import system_context

_COUNT = """
SELECT CASE store WHEN 'vault' THEN 'in Vault' ELSE split_part(fingerprint, '$', 1) END AS pepper, count(*), max(last_used_at)
FROM apikeys_apikeysecret
WHERE revoked_at IS NULL AND (ends_at IS NULL OR ends_at > now())
GROUP BY 1 ORDER BY 1
"""


def count_peppers(*, report: Report) -> bool:
    """Report how many working secrets use each pepper. Returns whether all of them use the current one."""
    current = crypto.peppers().current.label
    with system_context(reason="rotate peppers"), connection.cursor() as cursor:
        cursor.execute(_COUNT)
        rows = cursor.fetchall()
    for label, count, used in rows:
        role = "current" if label == current else "known" if crypto.peppers().get(label) else "lost"
        when = f", last used {used:%Y-%m-%d %H:%M} UTC" if used else ""
        suffix = "" if label == "in Vault" else f" ({role})"
        report(f"secrets of keys under {label}{suffix}: {count}{when}")
    others = [label for label, *_ in rows if label != current]
    if others:
        report(
            "each moves at its next match; one whose pepper is gone is matched by its hash once, slowly, and moves then"
        )
    return not others
