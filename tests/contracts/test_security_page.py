"""docs/security.md promises a test for every line; each of them exists, and no attack is left out."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs" / "security.md").read_text()


def rows_of(section: str) -> list[str]:
    """Return the rows of every table between a heading and the next one of its level."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("|---", "| can | cannot |", "| attack |"))]


def test_every_proof_named_on_the_page_exists() -> None:
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(proofs) >= 40
    gone = [f"{path}::{name}" for path, name in proofs if f"def {name}(" not in _text(ROOT / path)]
    assert gone == []


def test_every_line_of_the_threat_model_names_its_test() -> None:
    rows = rows_of("Threat model")
    assert len(rows) >= 40
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py(?:::\w+)?`", row)] == []


def test_every_attack_is_in_the_table() -> None:
    table = "\n".join(rows_of("Attacks"))
    attacks = sorted(path.name for path in (ROOT / "tests" / "attacks").glob("test_*.py"))
    assert len(attacks) >= 12
    assert [name for name in attacks if f"`{name}`" not in table] == []


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
