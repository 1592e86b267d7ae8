"""Charts use the reader's time zone, with UTC in tooltips; without scripts they use UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client, RequestFactory

from audit.dashboard.periods import PERIODS
from audit.ingest.store import store
from core.ui.charts import Series, bar_chart
from core.ui.reader_zone import utc_text, zone_name, zone_of
from tests.audit.rows import make_row
from tests.clients import sign_in
from tests.contracts.offers import content_of
from tests.factories import World

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin time"),
        ("America/New_York", "America/New York time"),
        ("UTC", "UTC"),
        ("", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("Europe/Nowhere", "UTC"),
        ("x" * 5_000, "UTC"),
    ],
)
def test_only_known_time_zones_are_accepted(sent: str, name: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES["timezone"] = sent

    assert zone_name(zone_of(request)) == name


def test_steps_under_a_day_use_local_time_and_days_are_utc() -> None:
    day, week, month = (PERIODS[name].span(NOON, BERLIN) for name in ("24h", "7d", "30d"))

    assert (day.label_of(NOON), day.exact_of(NOON)) == ("Wed 01 Jul, 14:00", "01 Jul, 12:00 UTC")
    assert (month.label_of(NOON), month.exact_of(NOON)) == ("Wed 01 Jul", "")
    midnight = datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert [day.tick_of(midnight + timedelta(hours=n)) for n in (-1, 0, 1)] == ["23:00", "01 Jul", "01:00"]
    # Steps of six hours begin at 02:00, 08:00, … in Berlin: the first of a day has its name.
    steps = [datetime(2026, 6, 30, 18, tzinfo=UTC) + timedelta(hours=6 * n) for n in range(6)]
    assert [week.tick_of(step) for step in steps] == ["", "Wed 01", "", "", "", "Thu 02"]
    assert utc_text(NOON, UTC) == ""
    assert utc_text(NOON, NEW_YORK) == "01 Jul, 12:00 UTC"


def test_column_tooltip_shows_the_time_in_utc() -> None:
    drawn = bar_chart("Calls", ["14:00", "15:00"], [Series("All", [1, 2])], exact=["12:00 UTC", ""])

    assert "<title>14:00 (12:00 UTC): All 1</title>" in drawn.wide_svg
    assert "<title>15:00: All 2</title>" in drawn.wide_svg
    assert '<th scope="row" title="12:00 UTC">14:00</th>' in drawn.table_rows
    assert '<th scope="row">15:00</th>' in drawn.table_rows


@pytest.mark.parametrize(
    ("cookie", "lead"), [("Asia/Tokyo", "Asia/Tokyo time"), ("", "UTC"), ("nonsense", "UTC")]
)
def test_the_usage_page_names_the_zone_of_its_charts(cookie: str, lead: str, world: World) -> None:
    store([make_row(world.company.id)])
    browser: Client = sign_in(world.owner, world.company)
    browser.cookies["timezone"] = cookie

    hours, days = (content_of(browser.get(f"/requests/usage/?period={name}")) for name in ("24h", "30d"))

    assert f"the last 24 hours, in {lead}." in hours
    assert (" UTC)" in hours) == (lead != "UTC")
    assert "the last 30 days, in days of UTC." in days
