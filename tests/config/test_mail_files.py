"""Without a mail server, email is written to files in the data folder, where the banner of `make run` says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import ROOT


@pytest.mark.parametrize(
    ("url", "folder"), [(None, "{data}/mail"), ("filemail:///var/spool/x", "/var/spool/x")]
)
def test_mail_files_are_written_to_the_documented_folder(
    tmp_path: Path, url: str | None, folder: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "EMAIL_URL"}
    environment |= {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings.base"}
    if url is not None:
        environment["EMAIL_URL"] = url
    program = "from django.conf import settings; print(settings.EMAIL_FILE_PATH)"

    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()

    assert found == folder.format(data=tmp_path)
