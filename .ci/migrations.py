"""Checks that released migrations never change, and that newer ones are compatible with the previous release.

docs/released/migrations.sha256 contains the hash of each released migration and of its SQL files; `--record` writes it at a
release. Newer migrations are checked by django-migration-linter on a private PostgreSQL.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RECORD = ROOT / "docs" / "released" / "migrations.sha256"
FILES = ("*/migrations/[0-9]*.py", "*/sql/*.sql")

# Exceptions from the linter by migration and check, with the reason why the previous release is not affected:
# ("billing", "0005_…"): {"DROP_COLUMN": "nothing has read or written it since 1.2"}
ALLOWED: dict[tuple[str, str], dict[str, str]] = {}


def current() -> dict[str, str]:
    """Return the hashes of all migrations and SQL files by path."""
    paths = sorted(path for pattern in FILES for path in ROOT.glob(pattern))
    return {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    }


def released() -> dict[str, str]:
    """Return the released hashes; empty before the first release."""
    if not RECORD.exists():
        return {}
    return {
        path: digest for digest, path in (line.split(maxsplit=1) for line in RECORD.read_text().splitlines())
    }


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return a line for each released file that has changed."""
    return [
        f"{path} was released and {'has changed' if path in now else 'is gone'}"
        for path, digest in before.items()
        if now.get(path) != digest
    ]


def newer(before: dict[str, str], now: dict[str, str]) -> list[tuple[str, str]]:
    """Return app and name of each unreleased migration."""
    return [
        (Path(path).parts[0], Path(path).stem) for path in now if path.endswith(".py") and path not in before
    ]


def lint(migrations: list[tuple[str, str]]) -> int:
    """Return how many of these would break the previous release, and print why."""
    from core.engines.pair import DATABASE, Engines

    with tempfile.TemporaryDirectory() as folder, Engines(folder, durable=False, valkey=False) as engines:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATA_DIR": folder,
            "DATABASE_URL": engines.database_url("app", DATABASE),
            "DATABASE_OWNER_URL": engines.database_url("owner", DATABASE),
        }
        import django

        django.setup()
        from django_migration_linter.migration_linter import MigrationLinter

        failed = 0
        for app, name in migrations:
            linter = MigrationLinter(
                database="owner",
                analyser_string="postgresql",
                no_cache=True,
                exclude_migration_tests=ALLOWED.get((app, name), {}),
            )
            linter.lint_all_migrations(app_label=app, migration_name=name)
            failed += linter.has_errors
    return failed


def main() -> str | None:
    """Check or record. Return the problem, if any."""
    before, now = released(), current()
    if found := changed(before, now):
        return (
            "\n".join(found)
            + "\nWhat is released never changes: write another migration (CONTRIBUTING.md, A release)."
        )
    if "--record" in sys.argv[1:]:
        RECORD.write_text("".join(f"{digest}  {path}\n" for path, digest in now.items()))
        sys.stdout.write(f"{RECORD.relative_to(ROOT)} written: {len(now)} files.\n")
        return None
    if not before:
        sys.stdout.write("Nothing is released yet: migrations may still change.\n")
        return None
    if (migrations := newer(before, now)) and (count := lint(migrations)):
        return f"{count} migrations would break the release before (.ci/migrations.py, ALLOWED, says how one is let through)."
    sys.stdout.write(f"{len(before)} released files as they were, {len(migrations)} newer migrations.\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
