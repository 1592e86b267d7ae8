"""`manage.py startresource` generates an app that passes all checks as is, and validates its arguments before writing."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.scaffold.fields import KINDS
from tests.checkouts import clean_environment
from tests.engines import ROOT, copy_migrated_server

FIELDS = ("name:text", "sku:text:unique", "unit_amount:money", "supplier:customers?")
LEFT_BEHIND = shutil.ignore_patterns(
    ".git",
    ".venv*",
    ".data*",
    ".ruff_cache",
    ".mypy_cache",
    "*.ttf",
    "node_modules",
    "staticfiles",
)
# The isolation matrix for the new resource alone; the other suites are filtered by its name.
MATRIX = """
from tests.isolation.matrix import Matrix


def test_products_stay_within_their_tenant():
    outcome = Matrix().run(only={"products"})
    assert outcome.operations == 5
    assert outcome.cases > 50
    assert outcome.leaks == []
"""
SUITES = (
    "tests/products",
    "tests/contracts/test_openapi.py",
    "tests/contracts/test_openapi_examples.py",
    "tests/contracts/test_guard_matrix.py",
    "tests/contracts/test_idempotent_writes.py",
    "tests/contracts/test_hostile_fields.py",
    "tests/contracts/test_refusals.py",
    "tests/contracts/test_layout.py",
    "tests/contracts/test_readme.py",
    "tests/audit/test_event_list.py",
    "tests/audit/test_every_event.py",
    "tests/isolation/test_catalog.py",
    "tests/isolation/test_products_alone.py",
)
NARROWED_TO = "product or catalog or layout or (readme and folder) or (openapi and (valid or committed or tag or served))"

# The steps of `make check` that are Django commands, in one process instead of seven.
CHECKS = """
import django
django.setup()
from django.core.management import call_command
call_command("check", fail_level="WARNING")
call_command("makemigrations", check=True, dry_run=True)

for page in ("generate_error_docs", "generate_openapi", "generate_audit_docs", "generate_scope_docs"):
    call_command(page, check=True)
"""
SERVES_GADGETS = """
from core.api.document import current
print(b"/v1/gadgets" in current())
"""


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command that must succeed, and return its output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


def tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def manage(folder: Path, *arguments: str, **environment: str) -> str:
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.test", **environment}
    return run(folder, sys.executable, "-W", "ignore", "manage.py", *arguments, **settings)


def in_one_process(folder: Path, script: str, **environment: str) -> str:
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.test", **environment}
    return run(folder, sys.executable, "-W", "ignore", "-c", script, **settings)


@dataclass(frozen=True, slots=True)
class Made:
    """A copy of the repository with a generated app `products`, and the suites running in a copy of it."""

    folder: Path
    suites: subprocess.Popen[bytes]
    printed: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Generate `products` in a copy of the repository. The suites, which take longest, start immediately."""
    folder = tmp_path_factory.mktemp("copy") / "pomelo"
    shutil.copytree(ROOT, folder, ignore=LEFT_BEHIND)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    printed = manage(folder, "startresource", "products", "--fields", *FIELDS)
    assert "Created products with the fields name, sku" in printed
    tested = folder.with_name("tested")
    shutil.copytree(folder, tested, symlinks=True)
    (tested / "tests" / "isolation" / "test_products_alone.py").write_text(MATRIX)
    pytest_run = (sys.executable, "-m", "pytest", "-q", "-x", "-k", NARROWED_TO, *SUITES)
    output = folder.with_name("suites.txt")
    # Only the migrations of `products` are new.
    server = folder.with_name("server")
    copy_migrated_server(server)
    environment = clean_environment() | {"POMELO_TEST_EARLIER_SERVER": str(server)}
    with output.open("wb") as file:
        suites = subprocess.Popen(
            pytest_run, cwd=tested, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield Made(folder, suites, output)
    finally:
        if suites.poll() is None:
            suites.terminate()
            suites.wait(timeout=60)


@pytest.mark.timeout(900)
def test_generated_app_passes_make_check(made: Made) -> None:
    folder = made.folder
    run(folder, tool("ruff"), "check", ".")
    run(folder, tool("ruff"), "format", "--check", ".")
    assert " 0 broken" in run(folder, tool("lint-imports"), "--no-cache")
    run(folder, tool("djlint"), "templates", "--lint", "--quiet")
    in_one_process(folder, CHECKS)
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "add", "--all")
    run(folder, sys.executable, ".ci/repository.py")
    if (ROOT / ".mypy_cache").is_dir():
        # The cache of `make check`; without it, mypy alone would take a minute.
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    run(folder, tool("mypy"), "products")


def test_directory_option_leaves_the_repository_untouched(tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in ROOT.glob("*") if path.is_file()}

    printed = manage(ROOT, "startresource", "gadgets", "--fields", "name:text", "--directory", str(tmp_path))

    assert f"EXTENSIONS=gadgets with {tmp_path} on PYTHONPATH" in printed
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (ROOT / "gadgets").exists()
    script = CHECKS.split("\n\n")[0] + SERVES_GADGETS
    printed = in_one_process(ROOT, script, EXTENSIONS="gadgets", PYTHONPATH=str(tmp_path))
    assert printed.endswith("True\n")


@pytest.mark.timeout(900)
def test_generated_app_passes_the_test_suites(made: Made) -> None:
    code = made.suites.wait(timeout=840)

    printed = made.printed.read_text()
    assert code == 0, printed
    assert " passed" in printed
    assert "skipped" not in printed


def start(*arguments: str) -> None:
    call_command("startresource", *arguments, "--dry-run", verbosity=0)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Products", "'Products' is not a valid collection name"),
        ("pro-ducts", "is not a valid collection name"),
        ("_products", "is not a valid collection name"),
        ("x" * 25, "at most 24 characters"),
        ("class", "class is reserved by Python or Pomelo"),
        ("sheep", "is its own singular"),
        ("customers", "already a resource customers"),
        ("json", "is its own singular"),
        ("bookings", "already a resource bookings"),
        ("requests", "already a Python package requests"),
    ],
)
def test_invalid_names_are_refused(name: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        start(name, "--fields", "name:text")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (["name"], "'name' is not a valid field: write name:type"),
        (["name:text:uniq"], "is not a valid field: write name:type"),
        (["name:text?:unique"], "is not a valid field: write name:type"),
        (["Name:text"], "'Name' is not a valid field name"),
        (["1st:text"], "is not a valid field name"),
        ([f"{'x' * 31}:text"], "at most 30 characters"),
        (["mode:text"], "mode is reserved"),
        (["lambda:text"], "lambda is reserved"),
        (["name:string"], "there is no type string. Use text, email"),
        (["name:text", "name:url"], "there are two fields named name"),
        (["price:money:unique"], "a money field cannot be unique"),
        (["owner:customers:unique"], "a reference cannot be unique"),
        (["parent:products"], "products do not exist yet"),
        (["entry:audit_entries"], "there is no type audit_entries"),
        (["name:text?", "details:metadata"], "At least one field must be required"),
    ],
)
def test_invalid_fields_are_refused(fields: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says.replace("?", r"\?")):
        start("products", "--fields", *fields)


@pytest.mark.parametrize(
    ("prefix", "says"),
    [("cus", "cus_ is already in use"), ("p", "not a valid ID prefix"), ("prod1", "not a valid ID prefix")],
)
def test_invalid_prefixes_are_refused(prefix: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        start("products", "--fields", "name:text", "--prefix", prefix)


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "products"
    mine.mkdir()
    (mine / "models.py").write_text("mine")

    with pytest.raises(CommandError, match=r"already exists and is not overwritten"):
        call_command("startresource", "products", "--fields", "name:text", "--directory", str(tmp_path))

    assert [path.name for path in tmp_path.rglob("*")] == ["products", "models.py"]
    assert (mine / "models.py").read_text() == "mine"


def test_dry_run_lists_the_files_without_writing_them(capsys: pytest.CaptureFixture[str]) -> None:
    start("products", "--fields", *FIELDS)

    printed = capsys.readouterr().out
    assert "write products/models.py" in printed
    assert "edit pyproject.toml" in printed
    assert not (ROOT / "products").exists()
    assert '"products"' not in (ROOT / "pyproject.toml").read_text()


def test_help_lists_every_type_and_reference_target(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("startresource", "--help")

    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in KINDS)
    assert "charges, credit_notes, customers" in " ".join(printed.split())
    assert "manage.py startresource products --fields name:text" in printed
