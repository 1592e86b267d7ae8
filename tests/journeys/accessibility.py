"""What axe finds on the page that is open, in both themes, and whether the page fits a telephone.

Most of axe's time would go into contrast, which it computes for every piece of text. Pieces that look the same, in the light and in
the dark (accessibility.js), are judged once. A piece that axe could not judge says nothing about the next one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, Response

SERIOUS = ("serious", "critical")
IMPACTS = ("moderate", *SERIOUS)
CONTRAST = "color-contrast"
SCRIPT = f"{AXE_SCRIPT};{Path(__file__).with_suffix('.js').read_text()}"
# So many pieces that look the same are judged at once: the first may be one that axe cannot judge.
ALIKE = 3
# In each of them a page is shown without being loaded again. The narrowest comes first: a page may add to what it has folded there
# when it becomes wider, and takes nothing back when it becomes narrower.
SHAPES: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (360, "light"),
    (360, "dark"),
    (1280, "dark"),
    (1280, "light"),
)

# The pages that have no faults, by their markup: many addresses lead to the same one.
_faultless: set[int] = set()
# The looks that have contrast enough as they are, and in the dark.
_enough: dict[str, set[int]] = {"judge": set(), "judgeInTheDark": set()}
# The looks of which axe has left some pieces unjudged: all pieces are asked about at once, and not in a second run.
_tried: set[int] = set()


def violations(page: Page, rules: Sequence[str] = (), impacts: Sequence[str] = IMPACTS) -> list[str]:
    """Return what axe finds of these impacts, with the elements; by all its rules, or by `rules`."""
    _prepare(page)
    looks = _read_looks(page) if not rules or CONTRAST in rules else []
    found, _ = _judge(page, looks, range(len(looks)), {"runOnly": list(rules)} if rules else {})
    return _describe(found, impacts)


def open_in_every_shape(page: Page, path: str) -> Iterator[tuple[Response, int, str]]:
    """Open the address once, and show it in each of SHAPES in turn; yields the answer, the width and the theme of the system."""
    answer = None
    for width, theme in SHAPES:
        if page.viewport_size != (size := {"width": width, "height": 900}):
            page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        answer = answer or page.goto(path)
        assert answer is not None
        yield answer, width, theme


def faults_of_shape(page: Page, theme: str) -> list[str]:
    """Return what is wrong with the page as it is shown: by axe, whose other rules do not depend on the theme, and by its width."""
    faults = violations(page, [CONTRAST] if theme == "dark" else ())
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        faults.append("wider than the window")
    return faults


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
            if alike[looks[place]] <= ALIKE or looks[place] in _tried:
                some.append(place)
        more, passed, unsure = page.evaluate(
            f"([options, places]) => {how}(options, places)", [options, some]
        )
        found += more
        questions.update(unsure)
        enough.update(looks[place] for place in passed)
        _tried.update(looks[place] for place in some if looks[place] not in enough)
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
