"""Run in the environment of a platform: migrates it, makes a company, and prints the secret of a key, all by commands."""

from __future__ import annotations

import io
import json
import sys

import django
from django.core.management import call_command

django.setup()


def main() -> None:
    """Do what an operator does first, in one process: each start of one would take seconds."""
    call_command("migrate", database="owner", verbosity=0)
    company = _said(
        "create_company", "--name=Acme", "--tier=enterprise", "--owner-email=a@acme.example"
    ).strip()
    key = _said(
        *("issue_key", f"--company={company}", "--name=k", "--mode=live", "--rate-limit=1000"),
        *("--scopes=customers:read,customers:write", "--json"),
    )
    sys.stdout.write(json.loads(key)["client_secret"])


def _said(*command: str) -> str:
    output = io.StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


if __name__ == "__main__":
    main()
