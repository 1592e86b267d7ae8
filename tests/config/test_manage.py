"""`manage.py` without an installation."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings


def test_command_without_an_installation_fails_with_one_sentence(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)}
    arguments = ["create_company", "--name", "Acme", "--owner-email", "you@acme.example"]

    ended = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("manage.py: SECRET_KEY is not set.")
    assert f"({tmp_path.resolve()}; nothing runs there now)" in ended.stderr
    assert ended.stderr.count("\n") == 1
