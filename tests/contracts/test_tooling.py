"""The checks behind `make check` find what they are there to find."""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from apikeys import keys
from tests.engines import ROOT


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """requirements/lock.py, looking at a copy of the project's files."""
    (tmp_path / "requirements").mkdir()
    names = ("base", "tracing", "stripe", "dev", "checkov")
    for name in ("pyproject.toml", *(f"requirements/{name}.txt" for name in names)):
        shutil.copy(ROOT / name, tmp_path / name)
    module = load(ROOT / "requirements" / "lock.py")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in names:
        monkeypatch.setattr(module, name.upper(), tmp_path / "requirements" / f"{name}.txt")
    return module


def test_the_pins_fit_the_project(lock: ModuleType) -> None:
    assert lock.problems() == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("pyproject.toml", '"bcrypt",', '"bcrypt", "left-pad",'), "left-pad is not pinned"),
        (("pyproject.toml", '"bcrypt",', '"bcrypt>=999",'), "bcrypt>=999 is not pinned"),
        (("requirements/base.txt", "django==", "--index-url https://x.example\ndjango=="), "names an index"),
        (("requirements/base.txt", "bcrypt==", "bcrypt==0.0.1\nbcrypt-old=="), "no hash for bcrypt==0.0.1"),
        (("requirements/base.txt", "bcrypt==", "bcrypt==0."), "dev.txt pins bcrypt differently"),
    ],
)
def test_incompatible_pins_are_reported(
    lock: ModuleType, change: tuple[str, str, str], complaint: str
) -> None:
    name, before, after = change
    path = lock.ROOT / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))

    assert complaint in "\n".join(lock.problems())


def test_make_lets_python_keep_what_it_has_compiled() -> None:
    """Otherwise each of the suite's processes compiles Django again."""
    environment = subprocess.run(
        ["make", "--silent", "--eval=show-environment:; @env", "show-environment"],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "PATH=" in environment
    assert "PYTHONDONTWRITEBYTECODE" not in environment


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """.ci/repository.py, looking at an empty repository."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    module = load(ROOT / ".ci" / "repository.py")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pip install --index-url https://py" + "pi.org/simple x", "a package registry's host"),
        ("see /roo" + "t/checkout/x", "a path of one machine"),
        ("-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE", "a private key"),
        ("<<<<" + "<<< HEAD\n", "an unresolved conflict"),
    ],
)
def test_what_must_not_be_tracked_is_named_with_its_line(
    repository: ModuleType, text: str, complaint: str
) -> None:
    (repository.ROOT / "page.md").write_text(f"fine\n{text}\n")
    (repository.ROOT / "untracked.md").write_text(text)
    subprocess.run(["git", "add", "page.md"], cwd=repository.ROOT, check=True)

    found = repository.complaints()

    assert len(found) == 1
    assert found[0].startswith(f"page.md:2: {complaint}: ")


def test_clean_files_and_fonts_pass_and_large_ones_do_not(repository: ModuleType) -> None:
    (repository.ROOT / "font.ttf").write_bytes(b"\0\1\0\0\xa0/roo" + b"t/x")
    (repository.ROOT / "clean.md").write_text("Install it under /home/pomelo/app or /srv/work/x.\n")
    (repository.ROOT / "large.csv").write_text("x" * 1_000_001)
    subprocess.run(["git", "add", "."], cwd=repository.ROOT, check=True)

    assert repository.complaints() == ["large.csv: larger than 1000000 bytes"]


@pytest.fixture
def committed(tmp_path: Path) -> Callable[[str], None]:
    """Commit a text, and take it out again in the next commit."""

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")

    def commit(text: str) -> None:
        for content in (text, "nothing\n"):
            (tmp_path / "page.md").write_text(content)
            git("add", "page.md")
            git("commit", "--quiet", "--message", "a change")

    return commit


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (lambda: keys.generate("live").text, "one of our secrets"),
        (lambda: "AK" + "IA" + "Q" * 16, "an AWS access key"),
        (lambda: "gh" + "p_" + "a" * 36, "a GitHub token"),
        (lambda: "-----BEGIN PRIVATE " + "KEY-----\n" + "M" * 64, "a private key"),
        (lambda: "DATABASE_URL=postgresql" + "://app:correcthorsebattery@db/x", "a password in a URL"),
    ],
)
def test_credential_ever_committed_is_reported(
    committed: Callable[[str], None], tmp_path: Path, text: Callable[[], str], complaint: str
) -> None:
    committed(f"fine\n{text()}\n")

    [found] = load(ROOT / ".ci" / "credentials.py").complaints(tmp_path)

    assert found.startswith("page.md (")
    assert f":2: {complaint}: " in found


def test_what_only_looks_like_one_of_our_secrets_passes(
    committed: Callable[[str], None], tmp_path: Path
) -> None:
    committed("pm_live_" + "A" * 38 + "\n")

    assert load(ROOT / ".ci" / "credentials.py").complaints(tmp_path) == []


def test_the_bill_of_materials_names_all_that_is_pinned(tmp_path: Path) -> None:
    dependencies = load(ROOT / ".ci" / "dependencies.py")

    dependencies.sbom(tmp_path / "sbom.json")

    bill = json.loads((tmp_path / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {each["name"]: each["version"] for each in bill["components"]} == dependencies.pinned("base")


LEFT_PAD = {"name": "left-pad", "version": "1"}


@pytest.mark.parametrize(
    ("answer", "told", "said"),
    [
        (
            {**LEFT_PAD, "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]},
            ["left-pad 1: CVE-1"],
            "dev: 1 of 1 packages could be asked about.",
        ),
        ({**LEFT_PAD, "vulns": []}, [], "dev: 1 of 1 packages could be asked about."),
        (
            {**LEFT_PAD, "skip_reason": "not reached"},
            [],
            "dev: 0 of 1 packages could be asked about. Of left-pad it was said: not reached",
        ),
        (None, [], "dev: nothing could be asked: no network"),
        (
            subprocess.TimeoutExpired("pip_audit", 120),
            [],
            "dev: nothing could be asked: no answer within 120 seconds",
        ),
    ],
)
def test_known_vulnerability_fails_the_check_and_an_unreachable_service_does_not(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: dict[str, object] | Exception | None,
    told: list[str],
    said: str,
) -> None:
    dependencies = load(ROOT / ".ci" / "dependencies.py")

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            report = Path(command[command.index("--output") + 1])
            report.write_text(json.dumps({"dependencies": [answer]}))
        return subprocess.CompletedProcess(command, 0, "", "no network")

    monkeypatch.setattr(dependencies.subprocess, "run", run)

    found = dependencies.audit("dev")

    assert len(found) == len(told)
    assert all(words in line for words, line in zip(told, found, strict=True))
    assert capsys.readouterr().out == f"{said}\n"


def test_every_lock_file_is_audited() -> None:
    dependencies = load(ROOT / ".ci" / "dependencies.py")
    asked = [dependencies.pinned(lock).items() for lock in dependencies.AUDITED]

    for path in (ROOT / "requirements").glob("*.txt"):
        pins = dependencies.pinned(path.stem).items()
        assert any(pins <= others for others in asked), f"{path.name} pins what nobody asks about"


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """.ci/migrations.py, with a release of one migration and the SQL it reads in an empty folder."""
    module = load(ROOT / ".ci" / "migrations.py")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "RECORD", tmp_path / "migrations.sha256")
    for path in ("shop/migrations/0001_initial.py", "shop/migrations/__init__.py", "shop/sql/count.sql"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("as released")
    return module


def test_changed_released_migration_or_its_sql_is_refused(
    migrations: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations.sys, "argv", ["migrations.py"])
    (tmp_path / "shop/sql/count.sql").write_text("before a release, anything")
    assert migrations.main() is None
    monkeypatch.setattr(migrations.sys, "argv", ["migrations.py", "--record"])
    assert migrations.main() is None
    assert len(migrations.released()) == 2

    (tmp_path / "shop/sql/count.sql").write_text("after it")
    (tmp_path / "shop/migrations/0001_initial.py").unlink()

    said = migrations.main()  # not even recorded anew
    assert "shop/sql/count.sql was released and has changed" in said
    assert "shop/migrations/0001_initial.py was released and is gone" in said


def test_what_is_newer_than_the_release_is_linted(
    migrations: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations.sys, "argv", ["migrations.py", "--record"])
    migrations.main()
    (tmp_path / "shop/migrations/0002_more.py").write_text("new")
    (tmp_path / "shop/sql/count_0002.sql").write_text("new")
    linted: list[tuple[str, str]] = []
    monkeypatch.setattr(migrations, "lint", lambda found: len(linted.extend(found) or linted))
    monkeypatch.setattr(migrations.sys, "argv", ["migrations.py"])

    assert migrations.main().startswith("1 migrations would break the release before")
    assert linted == [("shop", "0002_more")]
