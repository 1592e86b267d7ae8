"""Runs in a platform's environment: migrates, creates a company, and prints a key's secret, using management commands."""

from __future__ import annotations

import io
import json
import sys

import django
from django.core.management import call_command

django.setup()


def main() -> None:
    """Run an operator's first commands in one process, because each process start takes seconds."""
    call_command("migrate", database="owner", verbosity=0)
    company = _output_of(
        "create_company", "--name=Acme", "--tier=enterprise", "--owner-email=a@acme.example"
    ).strip()
    key = _output_of(
        *("issue_key", f"--company={company}", "--name=k", "--mode=live", "--rate-limit=1000"),
        *("--scopes=customers:read,customers:write", "--json"),
    )
    sys.stdout.write(json.loads(key)["client_secret"])


def _output_of(*command: str) -> str:
    output = io.StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


if __name__ == "__main__":
    main()
