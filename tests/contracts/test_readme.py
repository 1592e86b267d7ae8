"""The README keeps up with the code."""

import re

from tests.engines import ROOT

README = (ROOT / "README.md").read_text()
INTERNAL = {"DJANGO_SETTINGS_MODULE"}


def test_every_setting_is_listed() -> None:
    base = (ROOT / "config" / "settings" / "base.py").read_text()
    read = set(re.findall(r"""(?:env\.\w+|secret|database)\(\s*"([A-Z][A-Z0-9_]+)\"""", base))
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


def test_relative_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "deploy" / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#|/)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
