"""The Go samples of the documentation, on machines without Go, with the toolchain of the generated client."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.billing.factories import set_aside_due_payments
from tests.clients_generated.generators import GO, install_python
from tests.config.sample_programs import begin_all, shown_by, wait_for
from tests.live import WebProcess, web_process
from tests.sandbox import SandboxProcess


@pytest.fixture
def public(gateway: SandboxProcess) -> Iterator[WebProcess]:
    with web_process(workers=1, threads=4, is_public=True) as server:
        yield server


def test_the_samples_in_go_run_as_printed(
    public: WebProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = install_python(tmp_path, GO)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    set_aside_due_payments()
    running = begin_all(shown_by(public), "go", tmp_path / "go")
    wait_for([running])
    running.result()
