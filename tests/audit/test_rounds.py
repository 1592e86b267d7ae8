"""Heads of many companies are exported under one signature, each provable on its own, including exports of earlier releases."""

import base64
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.test import Client

from audit.models import SealHead
from audit.seals import heads
from audit.seals.compacting import compact_heads
from audit.seals.rounds import sign_round
from audit.signing import Chain, public_key
from audit.verification import Finding, verify_chain
from core import clock
from core.tenancy import system_context
from tests.audit.test_proof import SCRIPT_NAMES
from tests.audit.test_tampering import add_rows
from tests.factories import World

DAY = date(2026, 1, 1)


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def head_of(world: World) -> SealHead:
    with system_context(reason="test"):
        return SealHead.objects.get(company_id=world.company.id, mode="live", stream="requests")


def findings(world: World) -> list[Finding]:
    head = head_of(world)
    return list(verify_chain(head, heads.exported_heads()[heads.chain_of(head)]))


def chain(number: int) -> Chain:
    return Chain(UUID(int=number), "live", "requests", DAY)


def write_round(minute: int, *ends: tuple[int, int]) -> None:
    """Export, at a minute of DAY, the heads of companies: their number, and that of their seals."""
    listed = [(chain(company), seals, seals, bytes([company, seals]) * 16) for company, seals in ends]
    heads.append_to_file([sign_round(listed, signed_at=f"2026-01-01T00:{minute:02}:00Z")])


def ends_of(exported: dict[Chain, dict[str, Any]]) -> dict[int, tuple[Any, ...]]:
    return {
        one.company_id.int: (
            found["seals"],
            found["digest"],
            found["signed_at"],
            heads.is_signed_export(found),
        )
        for one, found in exported.items()
    }


def test_heads_signed_together_share_a_line_under_100_bytes_each(world: World, file: Path) -> None:
    listed = [(Chain(uuid4(), "live", "requests", DAY), 1_440, 86_400, bytes(range(32))) for _ in range(500)]
    heads.append_to_file([sign_round(listed, signed_at="2026-01-01T00:00:00.123456Z")])
    assert len(file.read_bytes().splitlines()) == 1
    assert file.stat().st_size / len(listed) < 100

    add_rows(world, "requests")
    heads.sign_heads()
    assert findings(world) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace('"live requests ', '"test requests '),
        lambda line: line.replace(",1,", ",2,", 1),
        lambda line: line.replace('"signed_at":"20', '"signed_at":"19'),
        lambda line: json.dumps({**json.loads(line), "signature": "00" * 64}),
    ],
    ids=["mode", "seals", "moment", "signature"],
)
def test_edited_round_is_not_a_proof(file: Path, change: Callable[[str], str]) -> None:
    write_round(1, (1, 1), (2, 1))
    changed = change(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    assert [holds for *_, holds in ends_of(heads.exported_heads()).values()] == [False, False]


@pytest.mark.parametrize(
    "line", ['{"heads": 5}', '{"heads": {"x": [[1]]}}', '{"heads": {"a b": []}, "signed_at": 1}']
)
def test_line_that_is_not_a_round_is_skipped(file: Path, line: str) -> None:
    write_round(1, (1, 1))
    file.write_text(f"{line}\n{file.read_text()}")
    assert set(ends_of(heads.exported_heads())) == {1}


def test_head_exported_by_an_earlier_release_still_proves_its_chain(world: World, file: Path) -> None:
    add_rows(world, "requests")
    heads.sign_heads()
    file.write_bytes(orjson.dumps(heads.head_as_json(head_of(world))) + b"\n")
    assert findings(world) == []
    # and a later round continues it
    add_rows(world, "requests")
    heads.sign_heads()
    assert findings(world) == []
    # but a forged one proves nothing
    file.write_bytes(orjson.dumps({**heads.head_as_json(head_of(world)), "rows": 99}) + b"\n")
    assert [finding.what for finding in findings(world)] == ["signature"]


def test_compaction_keeps_the_last_head_of_each_chain_from_past_rounds(file: Path) -> None:
    write_round(1, (1, 1), (2, 1), (3, 1))
    write_round(2, (1, 2), (2, 2))
    write_round(3, (1, 3))
    before, lines = ends_of(heads.exported_heads()), file.read_bytes().splitlines()

    assert compact_heads(today=DAY + timedelta(days=3)) == 3

    assert ends_of(heads.exported_heads()) == before
    assert {company: end[0] for company, end in before.items()} == {1: 3, 2: 2, 3: 1}
    first, second, third = file.read_bytes().splitlines()
    assert (len(first) < len(lines[0]), len(second) < len(lines[1]), third) == (True, True, lines[2])


def test_chain_exported_from_an_earlier_head_keeps_its_head_in_every_round(file: Path) -> None:
    write_round(1, (1, 5), (2, 1))
    write_round(2, (1, 3), (2, 2))
    assert heads.read_exported()[1] == {chain(1)}

    assert compact_heads(today=DAY + timedelta(days=3)) == 1

    assert heads.read_exported()[1] == {chain(1)}
    assert {company: end[0] for company, end in ends_of(heads.exported_heads()).items()} == {1: 5, 2: 2}


def test_round_signed_with_a_former_key_is_never_signed_again(file: Path, settings: Any) -> None:
    """In part it could only be signed by the current key, which would vouch for a key that was given up."""
    write_round(1, (1, 1), (2, 1))
    settings.AUDIT_VERIFY_KEYS = [public_key().hex()]
    settings.AUDIT_SIGNING_KEY = base64.b64encode(bytes(range(32))).decode()
    write_round(2, (1, 2))
    before = file.read_bytes()

    assert compact_heads(today=DAY + timedelta(days=3)) == 0

    assert file.read_bytes() == before
    assert all(holds for *_, holds in ends_of(heads.exported_heads()).values())


def test_the_script_compares_a_download_with_the_exported_heads(
    world: World, file: Path, login: Callable[..., Client]
) -> None:
    def proof() -> list[str]:
        browser = login(world.owner, company=world.company)
        answer = browser.get(f"/audit/proof/requests?day={clock.now().date().isoformat()}")
        return b"".join(answer).decode().splitlines()

    def check(lines: list[str]) -> list[str]:
        found: list[str] = SCRIPT_NAMES["check"](iter(lines), None, iter(file.read_text().splitlines()))
        return found

    add_rows(world, "requests")
    heads.sign_heads()
    old = proof()
    add_rows(world, "requests")
    heads.sign_heads()
    # given also the line of an earlier release
    heads.append_to_file([heads.head_as_json(head_of(world))])
    assert check(proof()) == []
    # then an older download, or one that was cut off and signed again, lacks what was exported
    assert set(check(old)) == {"cut off: 2 seals were exported"}
    file.write_text(file.read_text().replace('"signed_at":"20', '"signed_at":"19'))
    assert "the signature of the exported head of seal 1 does not fit" in check(proof())
