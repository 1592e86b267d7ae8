"""Audit's part of `manage.py verify_platform`: privileges, partitions, seals, and seals missing from a backup."""

from django.db import DatabaseError, connections

from audit.models import SealHead
from audit.partitions.tables import OWNER, PARENTS, ensure_partitions, list_partitions
from audit.seals.entries import seal_waiting
from audit.seals.heads import export_restored, exported_heads, sign_heads
from audit.signing import Chain
from core.operations.health import NotReady
from core.operations.restoring import Broken, set_counter_on
from core.tenancy import system_context

_ONLY_ADDED_TO = (
    "audit_auditentry",
    "audit_staffentry",
    "audit_requestlog",
    "audit_unownedrequest",
    "audit_seal",
)


def excess_privileges(using: str = OWNER) -> list[str]:
    """Return excess privileges of `app` and `system` on the trail, as `role on table`. Any role may call this."""
    partitions = [partition.name for partition in list_partitions(using=using)]
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT role, name FROM unnest(ARRAY['app', 'system']) AS role, unnest(%s::text[]) AS name "
            "WHERE has_table_privilege(role, to_regclass(name), 'UPDATE, DELETE, TRUNCATE') "
            "UNION ALL SELECT role, name FROM unnest(ARRAY['app', 'system']) AS role, unnest(%s::text[]) AS name "
            "WHERE has_table_privilege(role, to_regclass(name), 'SELECT, INSERT, UPDATE, DELETE')",
            [list(_ONLY_ADDED_TO), partitions],
        )
        return sorted({f"{role} on {name}" for role, name in cursor.fetchall()})


def check_rights_are_held() -> None:
    """Check for `/readyz` that the trail is append-only, because a restore may lose its privileges. Raises NotReady."""
    try:
        wrong = excess_privileges("default")
    except DatabaseError as error:
        raise NotReady("the rights on the audit trail cannot be read") from error
    if wrong:
        raise NotReady(
            f"the audit trail can be changed by {', '.join(wrong[:3])} ({len(wrong)} in all): see "
            "docs/runbooks/backup-and-restore.md, then run `manage.py verify_platform`"
        )


def check_rights(*, accept_loss: bool = False) -> str:
    """Refuse a database whose privileges were not restored, in which the trail could be changed. Raises Broken."""
    wrong = excess_privileges()
    if wrong:
        raise Broken(
            f"rights were not restored ({len(wrong)}, as of {wrong[0]}): restore again without --no-privileges, into a "
            "database on which database.sql has not been run yet"
        )
    return "nobody but owner can change the trail"


def keep_partitions(*, accept_loss: bool = False) -> str:
    """Create the partitions that have become due since the backup."""
    return f"{ensure_partitions()} made, for {len(PARENTS)} tables"


def seal_unsealed(*, accept_loss: bool = False) -> str:
    """Seal and sign the entries that were unsealed at the time of the backup."""
    set_counter_on("audit_entry_sequence", "audit_unsealedentry", "sequence")
    return f"{seal_waiting()} entries sealed, {sign_heads()} heads signed"


def report_lost_seals(*, accept_loss: bool = False) -> str:
    """Report chains whose exported heads have more seals than the backup. Raises Broken.

    With `accept_loss`, a signed line in the file of heads records this permanently, and the chains continue from here.
    """
    lost: dict[Chain, tuple[int, int]] = {}
    with system_context(reason="verify a restored trail"):
        heads = {
            Chain(head.company_id, head.mode, head.stream, head.day): head for head in SealHead.objects.all()
        }
    for chain, exported in exported_heads().items():
        head = heads.get(chain)
        present = head.seals if head is not None else 0
        had = int(str(exported["seals"]))
        other = head is not None and head.seals == had and bytes(head.digest).hex() != exported["digest"]
        if present < had or other:
            lost[chain] = (present, had)
    if lost and not accept_loss:
        example, (present, had) = next(iter(lost.items()))
        raise Broken(
            f"{len(lost)} chains had more seals than the backup ({example.name}: {had}, {present} restored). What came "
            "after the backup is gone: say so with --accept-loss, or restore a later one"
        )
    if lost:
        export_restored({chain: present for chain, (present, _) in lost.items()})
    return f"{len(lost)} chains go on after a loss" if lost else "no chain had more seals than are here"
