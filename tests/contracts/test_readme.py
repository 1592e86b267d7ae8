"""The README keeps up with the code."""

import re
import tomllib

import pytest

from tests.engines import ROOT

README = (ROOT / "README.md").read_text()
INTERNAL = {"DJANGO_SETTINGS_MODULE"}
FOLDERS = (
    "accounts",
    "apikeys",
    "audit",
    "billing",
    "cli",
    "config",
    "core",
    "deploy",
    "docs",
    "messaging",
    "templates",
    "webhooks",
)
TRACKED = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*"))
    # What was released is written by a command at a release, and by nothing else.
    if path.parent.name != "released"
    and path.suffix
    in (".py", ".html", ".js", ".css", ".txt", ".md", ".sql", ".json", ".tpl", ".yaml", ".example")
]


def test_every_setting_is_listed() -> None:
    names = ("api", "base", "environment", "people")
    text = "\n".join((ROOT / "config" / "settings" / f"{name}.py").read_text() for name in names)
    read = set(re.findall(r"""(?:env\.\w+|secret|database)\(\s*"([A-Z][A-Z0-9_]+)\"""", text))
    assert len(read) > 30

    missing = {name for name in read - INTERNAL if not name.endswith("_FILE") and f"`{name}`" not in README}

    assert not missing


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "check", "bench", "chaos"} <= set(targets)

    assert [target for target in targets if target != "help" and f"`make {target}`" not in README] == []


def test_every_folder_of_the_map_exists_and_none_is_missing() -> None:
    tree = next(block for block in README.split("```") if "config/   " in block)
    mapped = set(re.findall(r"(?:^|\s{3,})([a-z]+)/", tree, re.MULTILINE))
    folders = {
        path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))
    } - {"requirements", "node_modules", "staticfiles"}

    assert {name for name in mapped if (ROOT / name).is_dir()} == folders


GENERATED = {"docs/errors.md", "docs/audit.md", "docs/authentication.md", "docs/openapi.json", "README.md"}


def typical_changes() -> list[tuple[str, str, str]]:
    """Return the rows of "Where do I put…?": the change, its files, and what finds an example."""
    table = README.split("## Where do I put…?")[1].split("| tests of it |")[0]
    rows = re.findall(r"(?m)^\| (.+?) \| (.+) \| `(.+)` \|$", table)
    return [
        (change, files, pattern.replace("\\|", "|")) for change, files, pattern in rows if change != "change"
    ]


def named_files(text: str) -> dict[str, re.Pattern[str]]:
    """Return the files and folders that a row names, each with what it stands for."""
    found = {}
    for name in re.findall(r"`((?:<app>|[a-z]+)/[^` ]*|README\.md)`", text):
        stem = re.escape(name.rstrip("/")).replace("<app>", r"(?!tests|docs)[a-z]+")
        found[name] = re.compile(rf"{stem}(\.py)?(/.*)?")
    return found


def test_every_row_of_typical_changes_is_read() -> None:
    table = README.split("## Where do I put…?")[1].split("| tests of it |")[0]
    assert len(typical_changes()) == table.count("\n| ") - 1 > 12


@pytest.mark.parametrize(("change", "files", "example"), typical_changes(), ids=lambda text: text[:30])
def test_every_file_of_a_typical_change_is_named(change: str, files: str, example: str) -> None:
    touched = [
        name
        for path in TRACKED
        if not (name := str(path.relative_to(ROOT))).startswith("tests/")
        if re.search(example, path.read_text(errors="ignore"))
    ]
    named = named_files(files)

    if change == "a resource":
        # Its files are the app: nothing else of Pomelo's knows of it.
        assert touched == []
        return
    missing = [name for name in touched if not any(each.fullmatch(name) for each in named.values())]
    assert [name for name in missing if name not in GENERATED] == []
    # `core/checks` is for settings that can be wrong; the others of a row are part of the example.
    idle = [name for name, each in named.items() if not any(each.fullmatch(found) for found in touched)]
    assert [name for name in idle if name not in ("core/checks", *GENERATED)] == []


def test_kinds_of_changes_are_those_of_the_changelog() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
    sentence = README.split("`changes/<words>.<kind>.md`")[1].split("\n\n")[0]

    assert set(re.findall("`([a-z]+)`", sentence)) == {each["directory"] for each in settings["type"]}


def test_relative_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "deploy" / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#|/)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
