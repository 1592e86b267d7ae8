"""Which signing keys the heads of the audit chains still need (`manage.py rotate_secrets`). Heads are never re-signed."""

from collections import Counter

from audit.models import SealHead
from audit.seals.heads import exported_heads, signer_of_head
from audit.signing import public_key, verify_keys
from core.security.rotation import Report
from core.tenancy import system_context


def count_signers(*, report: Report) -> bool:
    """Report how many heads, in the database and in the file, each key has signed. Returns whether the current one signed all."""
    signers: Counter[bytes | None] = Counter()
    with system_context(reason="rotate the audit's signing key"):
        for head in SealHead.objects.exclude(signature=None).iterator(chunk_size=500):
            if head.signed_seals == head.seals:
                signers[signer_of_head(head)] += 1
    for record in exported_heads().values():
        key = bytes.fromhex(str(record["public_key"]))
        signers[key if key in verify_keys() else None] += 1
    for signer, count in sorted(signers.items(), key=lambda item: item[0] or b""):
        name = (
            signer.hex() if signer else "a key that is neither AUDIT_SIGNING_KEY's nor in AUDIT_VERIFY_KEYS"
        )
        report(f"heads signed by {name}{' (current)' if signer == public_key() else ''}: {count}")
    return set(signers) <= {public_key()}
