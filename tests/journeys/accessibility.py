"""What axe finds on the page that is open, in both themes, and whether the page fits a telephone.

Most of axe's time would go into contrast, which it computes for every piece of text. Pieces that look the same, in the light and in
the dark (accessibility.js), are judged once. A piece that axe could not judge says nothing about the next one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
IMPACTS = ("moderate", *SERIOUS)
CONTRAST = "color-contrast"
SCRIPT = f"{AXE_SCRIPT};{Path(__file__).with_suffix('.js').read_text()}"
# So many pieces that look the same are judged at once: the first may be one that axe cannot judge.
ALIKE = 3

# The pages that have no faults, by their markup: many addresses lead to the same one.
_faultless: set[int] = set()
# The looks that have contrast enough as they are, and in the dark.
_enough: dict[str, set[int]] = {"judge": set(), "judgeInTheDark": set()}


def violations(page: Page, rules: Sequence[str] = (), impacts: Sequence[str] = IMPACTS) -> list[str]:
    """Return what axe finds of these impacts, with the elements; by all its rules, or by `rules`."""
    _prepare(page)
    looks = _read_looks(page) if not rules or CONTRAST in rules else []
    found, _ = _judge(page, looks, range(len(looks)), {"runOnly": list(rules)} if rules else {})
    return _describe(found, impacts)


def _prepare(page: Page) -> None:
    """Load the scripts into the page that is open, and into all that `page` opens later."""
    if not page.evaluate("Boolean(window.judge)"):
        page.add_init_script(SCRIPT)
        page.evaluate(SCRIPT)


def _read_looks(page: Page) -> list[int]:
    """Return how each piece of text looks, in the order in which the page remembers them."""
    looks: list[int] = page.evaluate("window.readLooks()")
    return looks


def _judge(
    page: Page, looks: list[int], places: Iterable[int], options: dict[str, Any], how: str = "judge"
) -> tuple[list[dict[str, Any]], list[int]]:
    """Return what axe finds, by contrast only where the look is new; and those of the places where contrast is a question."""
    enough = _enough[how]
    found: list[dict[str, Any]] = []
    questions: set[int] = set()
    new = [place for place in places if looks[place] not in enough]
    is_first = True
    while new or is_first:
        alike: Counter[int] = Counter()
        some = []
        for place in new:
            alike[looks[place]] += 1
            if alike[looks[place]] <= ALIKE or not is_first:
                some.append(place)
        more, passed, unsure = page.evaluate(
            f"([options, places]) => {how}(options, places)", [options, some]
        )
        found += more
        questions.update(unsure)
        enough.update(looks[place] for place in passed)
        new = [place for place in new if place not in some and looks[place] not in enough]
        options, is_first = {"runOnly": [CONTRAST]}, False
    return found, [place for place in places if looks[place] in enough or place in questions]


def _describe(found: list[dict[str, Any]], impacts: Sequence[str] = IMPACTS) -> list[str]:
    return [f"{one['id']}: {one['help']} {one['targets']}" for one in found if one["impact"] in impacts]


def colors_in_the_dark(page: Page) -> tuple[list[str], list[str]]:
    """Return every color of the page that is open in the dark that `faults_of` looks at, and in that of a dark system."""
    _prepare(page)
    page.evaluate("window.readLooks()")
    chosen = page.evaluate("window.readColorsInTheDark()")
    page.emulate_media(color_scheme="dark")
    return chosen, page.evaluate("window.readColors()")


def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page that is open: by axe, in the dark (which changes colours and nothing else), and on a telephone."""
    _prepare(page)
    markup = page.evaluate("window.readMarkup()")
    if markup in _faultless:
        return []
    looks = _read_looks(page)
    found, places = _judge(page, looks, range(len(looks)), {})
    faults = _describe(found)
    if any(looks[place] not in _enough["judgeInTheDark"] for place in places):
        found, _ = _judge(page, looks, places, {"runOnly": [CONTRAST]}, "judgeInTheDark")
        faults += [f"dark: {one}" for one in _describe(found)]
    page.set_viewport_size({"width": 360, "height": 900})
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        faults.append("wider than a telephone")
    page.set_viewport_size({"width": 1280, "height": 900})
    if not faults:
        _faultless.add(markup)
    return faults
