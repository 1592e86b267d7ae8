"""Page weight: one style sheet and one script with content hashes, precompressed; pages compressed, except those with secrets."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.test import Client
from whitenoise.middleware import WhiteNoiseMiddleware

from core.templatetags import ui
from core.ui import assets
from tests.clients import sign_in
from tests.factories import World, make_key

MOST_REQUESTS = 12
MOST_BYTES = 100_000


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """The files as `make run` collects them, and icons that name them."""
    settings.STATIC_ROOT = str(tmp_path)
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "core.ui.assets.OwnFilesStorage"}}
    assets.collect_own_files()
    ui.icon.cache_clear()
    yield tmp_path
    ui.icon.cache_clear()


def test_every_source_file_is_in_a_bundle() -> None:
    bundled = {Path(source) for sources in assets.BUNDLES.values() for source in sources}
    folder = assets.SOURCES
    there = {
        path.relative_to(folder) for kind in ("css", "js") for path in folder.glob(f"pomelo/{kind}/*.{kind}")
    }
    # The theme must be there before anything is drawn; the viewers of the API are pages of their own, and the staff site has its own look.
    apart = {
        Path("pomelo/js/theme.js"),
        Path("pomelo/js/api-reference.js"),
        Path("pomelo/css/api-reference.css"),
        Path("pomelo/css/staff.css"),
    }

    assert there - apart == bundled


def test_bundle_is_rebuilt_when_a_source_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "a.css"
    source.write_text("a {}")
    monkeypatch.setattr(assets, "SOURCES", tmp_path)
    monkeypatch.setitem(assets.BUNDLES, "pomelo/test.css", ["a.css"])
    assert assets.write_bundle("pomelo/test.css").read_text() == "a {}"
    source.write_text("b {}")

    found = finders.find("pomelo/test.css")

    assert found is not None
    assert Path(found).read_text() == "b {}"


def test_overview_page_weight_is_bounded(world: World, collected: Path) -> None:
    browser = sign_in(world.owner, world.company)
    page = browser.get("/", headers={"Accept-Encoding": "gzip"})
    html = gzip.decompress(page.content).decode()

    asked = {found.partition("#")[0] for found in re.findall(r'(?:href|src)="(/static/[^"]+)"', html)}
    sizes = {
        path: (collected / path.removeprefix("/static/")).with_name(f"{Path(path).name}.br") for path in asked
    }
    weight = len(page.content) + sum(file.stat().st_size for file in sizes.values())

    assert all(re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", path) for path in asked), asked
    assert 1 + len(asked) <= MOST_REQUESTS
    assert weight <= MOST_BYTES, weight


def test_hashed_files_are_served_compressed_and_cached_for_a_year(collected: Path) -> None:
    server = WhiteNoiseMiddleware(lambda request: None)  # type: ignore[arg-type,return-value]
    file = server.files[static("pomelo/pomelo.css")]

    answer = file.get_response("GET", {"HTTP_ACCEPT_ENCODING": "gzip, br"})

    headers = dict(answer.headers)
    assert headers["Content-Encoding"] == "br"
    assert "immutable" in headers["Cache-Control"]
    # What is not collected keeps its own name.
    assert static("pomelo/css/api-reference.css") == "/static/pomelo/css/api-reference.css"


def test_pages_are_compressed_and_those_that_show_a_secret_are_not(world: World) -> None:
    browser = sign_in(world.owner, world.company)
    browser.defaults["HTTP_ACCEPT_ENCODING"] = "gzip, br"
    key = make_key(world.company).key

    assert browser.get(f"/keys/{key.public_id}/").headers["Content-Encoding"] == "gzip"
    assert Client(HTTP_ACCEPT_ENCODING="gzip").get("/docs/quickstart/").headers["Content-Encoding"] == "gzip"
    form = {"name": "x", "kind": "server", "scopes": ["customers:read"], "expiry": "90", "rate_limit": "60"}
    shown = browser.post("/keys/new/", form)
    assert "pm_live_" in shown.content.decode()
    browser.post("/team/invite/", {"email": "grace@example.com", "role": "viewer"})
    team = browser.get(
        "/team/?x=reflected"
    )  # what the address says stands on the page, beside the link to copy
    assert all(text in team.content.decode() for text in ("x=reflected", "testserver/invitations/inv_"))
    for answer in (
        shown,
        team,
        browser.post(f"/keys/{key.public_id}/rotate/", {"overlap": "none"}),
        browser.get("/accounts/2fa/"),
        browser.get("/audit/export.csv"),
    ):
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers
