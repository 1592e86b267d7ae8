"""All pages on a few pictures, to look at: `.venv/bin/python -m pytest tests/journeys/contact_sheet.py` writes them to $SHEETS.

Not a test of the suite: what it makes is for eyes. Every page of the dashboard and the staff site with data, at 390 and 1280
pixels, light and dark; the names of the pages stand above their pictures.
"""

import io
import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.urls import reverse
from PIL import Image, ImageDraw
from playwright.sync_api import FloatRect, Page

from audit.ingest.store import store
from core import clock
from core.values import ids
from tests.audit.rows import make_row
from tests.clients import sign_in
from tests.factories import World, make_key, make_user
from tests.journeys.test_every_page import ENTRANCE, fill, opens, pages_of_the_dashboard

FOLDER = Path(os.environ.get("SHEETS") or Path(tempfile.gettempdir()) / "sheets")
# By the width of the window: how wide a page is on the sheet, how many stand in a row, how much of its height is shown.
LAYOUTS = {390: (312, 5, 1500), 1280: (640, 3, 1500)}
ROWS = 2
CAPTION = 16
DOCUMENTS = ["/docs/quickstart/", "/docs/errors/", "/docs/search/?q=rotate", "/docs/api/", "/docs/api/redoc/"]


def a_day_of_requests(world: World) -> None:
    """Log two hundred requests of the last day, of two keys, of which some are refused and some repeat."""
    keys = [UUID(int=(n << 100) | (7 << 76) | (8 << 60)) for n in (1, 2)]
    now = clock.now()
    rows = []
    for n in range(200):
        status, refused = [
            (200, ""),
            (200, ""),
            (201, ""),
            (403, "insufficient_scope"),
            (429, "rate_limited"),
        ][n // 7 % 5]
        milliseconds = int((now - timedelta(minutes=7 * n)).timestamp() * 1000)
        row = UUID(int=(milliseconds << 80) | (ids.new_id().int & ((1 << 80) - 1)))
        rows.append(
            make_row(
                world.company.id,
                id=row.hex,
                key=keys[n % 2].hex,
                key_name=["ci-deploy", "billing-sync"][n % 2],
                status=status,
                refused_by=refused,
                duration_us=3000 + 37 * n % 9000,
            )
        )
    store(rows)


class Sheets:
    """Pictures that are put side by side, a file whenever one is full."""

    def __init__(self, name: str, width: int) -> None:
        self.name, (self.shown, self.columns, self.height) = name, LAYOUTS[width]
        self.pictures: list[tuple[str, Image.Image]] = []
        self.count = 0

    def add(self, path: str, png: bytes) -> None:
        """Add the picture of a page."""
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        scale = self.shown / picture.width
        self.pictures.append((path, picture.resize((self.shown, round(picture.height * scale)))))
        if len(self.pictures) == self.columns * ROWS:
            self.write()

    def write(self) -> None:
        """Write what has been added since the last file."""
        if not self.pictures:
            return
        rows = [self.pictures[n : n + self.columns] for n in range(0, len(self.pictures), self.columns)]
        heights = [max(picture.height for _, picture in row) + CAPTION for row in rows]
        sheet = Image.new("RGB", (self.columns * (self.shown + 8), sum(heights)), "#808080")
        draw = ImageDraw.Draw(sheet)
        for number, row in enumerate(rows):
            top = sum(heights[:number])
            for column, (path, picture) in enumerate(row):
                draw.text((column * (self.shown + 8) + 4, top + 2), path[:90], fill="white")
                sheet.paste(picture, (column * (self.shown + 8), top + CAPTION))
        self.count += 1
        sheet.save(FOLDER / f"{self.name}-{self.count:02}.png")
        self.pictures = []


def staff_pages(world: World) -> list[str]:
    """Return the home of the staff site, its lists, and the page of one company."""
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    return ["/staff/", f"/staff/accounts/company/{world.company.id}/change/", *sorted(lists)]


def _top(width: int, height: int) -> FloatRect:
    return {"x": 0, "y": 0, "width": width, "height": height}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", sorted(LAYOUTS))
def test_sheets(
    world: World,
    visit: Callable[..., Page],
    sign_in_as: Callable[..., Any],
    base_url: str,
    width: int,
    theme: str,
) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    single = fill(world)
    for name in ("ci-deploy", "billing-sync", "warehouse"):
        make_key(world.company, ("customers:read", "invoices:read", "charges:read"), name=name)
    a_day_of_requests(world)
    page = visit(width=width, theme=theme)
    sheets = Sheets(f"{width}-{theme}", width)

    def take(paths: list[str]) -> None:
        for path in paths:
            # Whoever is signed in is sent on from some: the page that they come to has its own picture.
            if (
                opens(page, path)
                and page.url.removeprefix(base_url).partition("?")[0] == path.partition("?")[0]
            ):
                page.wait_for_load_state("networkidle")
                height = min(page.evaluate("document.documentElement.scrollHeight"), sheets.height)
                sheets.add(path, page.screenshot(full_page=True, clip=_top(width, height)))

    take(ENTRANCE)
    sign_in_as(page, world.owner)
    take([*pages_of_the_dashboard(), *single, *DOCUMENTS])
    sheets.write()
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    page.context.add_cookies(
        [{"name": "sessionid", "value": sign_in(staff).cookies["sessionid"].value, "url": base_url}]
    )
    sheets.name, sheets.count = f"staff-{width}-{theme}", 0
    take(staff_pages(world))
    sheets.write()
