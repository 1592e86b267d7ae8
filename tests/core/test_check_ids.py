"""The IDs of system checks are unique, so that SILENCED_SYSTEM_CHECKS silences one check only."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks")


def test_no_id_is_used_in_two_files() -> None:
    users: defaultdict[str, set[str]] = defaultdict(set)
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for id_ in re.findall(r'"(pomelo\.[EWI]\d{3})"', file.read_text()):
                users[id_].add(str(file.relative_to(ROOT)))
    assert {"pomelo.E001", "pomelo.E020", "pomelo.E030"} <= users.keys()
    assert {id_: files for id_, files in users.items() if len(files) > 1} == {}
