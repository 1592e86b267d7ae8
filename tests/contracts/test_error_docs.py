"""Every error code is documented, and some test shows it happen."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.api import error_docs
from core.errors import ERRORS

error_docs.load_every_error()
CODES = sorted(ERRORS)
PAGE = error_docs.render(with_extensions=True)


def test_the_committed_page_is_what_the_classes_say() -> None:
    call_command("generate_error_docs", check=True)


def test_outdated_page_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stale = tmp_path / "errors.md"
    stale.write_text(error_docs.PATH.read_text() + "\n### made_up\n")
    monkeypatch.setattr(error_docs, "PATH", stale)
    with pytest.raises(CommandError, match=r"errors\.md is stale: run `make docs`"):
        call_command("generate_error_docs", check=True)


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_a_title_a_meaning_and_a_way_out(code: Any) -> None:
    error = ERRORS[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert 400 <= error.status <= 503
    assert error.title
    assert not error.title.endswith(".")
    assert (error.__doc__ or "").strip().endswith(".")
    assert error.fix.endswith((".", "."))
    assert f"\n### {code}\n" in PAGE
