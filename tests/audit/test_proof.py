"""Verifying a day independently: the download, and the script that needs only Python."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.seals.heads import sign_heads
from audit.signing import canonical, public_key
from core import clock
from core.values import ids
from tests.audit.test_tampering import add_rows
from tests.engines import superuser_url
from tests.factories import World

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "verify_audit.py"
SCRIPT_NAMES: dict[str, Any] = runpy.run_path(str(SCRIPT), run_name="script")


@pytest.fixture(params=["entries", "requests"])
def proof(world: World, login: Callable[..., Client], request: pytest.FixtureRequest) -> list[str]:
    """The lines of a downloaded proof: a signed head, two seals, their rows. A third seal is not signed yet."""
    for _ in range(2):
        add_rows(world, request.param)
    sign_heads()
    add_rows(world, request.param)
    browser = login(world.owner, company=world.company)
    response = browser.get(f"/audit/proof/{request.param}?day={clock.now().date().isoformat()}")
    assert response.status_code == 200
    return b"".join(response).decode().splitlines()


def check(lines: list[str], key: str | None = None) -> list[str]:
    return SCRIPT_NAMES["check"](iter(lines), key)  # type: ignore[no-any-return]


def test_unmodified_proof_verifies(proof: list[str]) -> None:
    assert check(proof) == []
    assert check(proof, public_key().hex()) == []
    assert sum('"type":"seal"' in line for line in proof) == 2


def test_verification_script_uses_only_the_standard_library(proof: list[str], tmp_path: Path) -> None:
    path = tmp_path / "proof.jsonl"
    path.write_text("\n".join(proof) + "\n")
    run = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(path)], capture_output=True, text=True, check=False
    )
    head = json.loads(proof[0])
    # A proof of another day, handed over in its place, is just as good: whoever checks it is told what it is about.
    about = f"{head['stream']} of {head['day']}, live mode, company {head['company']}: {head['rows']} rows\n"
    assert (run.returncode, run.stdout) == (0, f"{about}Nothing was changed.\n")
    path.write_text("\n".join(proof[:-1]) + "\n")
    run = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stdout.startswith(f"{about}deleted: row ")
    path.write_text(
        "\n".join([json.dumps({**head, "day": "\x1b[2J\rNothing was changed."}), *proof[1:]]) + "\n"
    )
    run = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "\x1b" not in run.stdout


def rows_of(proof: list[str]) -> list[int]:
    return [index for index, line in enumerate(proof) if '"type":"row"' in line]


def test_tampering_with_the_proof_file_is_detected(proof: list[str]) -> None:
    first, second, *_ = rows_of(proof)
    seals = [index for index, line in enumerate(proof) if '"type":"seal"' in line]
    edited = json.loads(proof[first])
    edited["content"][4] = "somebody else"
    other = json.loads(proof[first])
    other["content"][0] = "0" * 32
    head = json.loads(proof[0])
    ways = {
        "edited": [*proof[:first], json.dumps(edited), *proof[first + 1 :]],
        "deleted": [*proof[:first], *proof[first + 1 :]],
        "inserted": [*proof[: first + 1], json.dumps(other), *proof[first + 1 :]],
        "repeated": [*proof[: first + 1], proof[first], *proof[first + 1 :]],
        "cut off": proof[: seals[1]],
        "missing": [proof[0], *proof[seals[1] :]],
        "the signature": [json.dumps({**head, "signature": "00" * 64}), *proof[1:]],
    }
    found = {name: check(lines)[0] for name, lines in ways.items()}
    assert {name for name, problem in found.items() if not problem.startswith(name)} == set(), found
    assert second > first


def test_foreign_signing_key_is_detected(proof: list[str]) -> None:
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    assert check(proof, stranger) == ["the signature does not fit"]


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=200), st.integers(min_value=0, max_value=511))
def test_the_scripts_signature_check_agrees_with_the_library(message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.generate()
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    is_signed = SCRIPT_NAMES["is_signed"]
    assert is_signed(key, message, signature)
    broken = bytearray(signature)
    broken[bit // 8] ^= 1 << (bit % 8)
    assert not is_signed(key, message, bytes(broken))
    assert not is_signed(key, message + b"x", signature)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=5))
def test_server_and_script_produce_the_same_canonical_text(content: list[Any]) -> None:
    assert SCRIPT_NAMES["canonical"](content) == canonical(content)


def test_day_without_a_proof_and_an_invalid_day_are_not_found(
    world: World, login: Callable[..., Client]
) -> None:
    browser = login(world.owner, company=world.company)
    for query in ("day=1999-01-01", "day=x", ""):
        assert browser.get(f"/audit/proof/entries?{query}").status_code == 404
    assert browser.get(f"/audit/proof/staff?day={clock.now().date().isoformat()}").status_code == 404


def test_the_page_verifies_a_day_and_names_the_row_that_was_changed(
    world: World, login: Callable[..., Client]
) -> None:
    add_rows(world, "entries")
    sign_heads()
    browser = login(world.teammate, company=world.company)
    verify = f"/audit/verify/entries?day={clock.now().date().isoformat()}"
    untouched = browser.get(verify).content.decode()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        edited = superuser.execute(
            "UPDATE audit_auditentry SET actor_name = 'nobody' WHERE id = (SELECT id FROM audit_auditentry "
            "WHERE company_id = %s AND mode = 'live' LIMIT 1) RETURNING id",
            [world.company.id],
        ).fetchone()
    assert edited is not None

    changed = browser.get(verify).content.decode()

    assert "Nothing was changed" in untouched
    assert "and the signature is ours" in untouched
    assert "Nothing was changed" not in changed
    assert "This day does not match its seals" in changed
    assert ids.encode("aud", edited[0]) in changed
    assert browser.get("/audit/verify/entries?day=2001-01-01").status_code == 404
    assert browser.get("/audit/verify/staff?day=2001-01-01").status_code == 404
