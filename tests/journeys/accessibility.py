"""What axe finds on the page that is open, in both themes, and whether the page fits a telephone.

Three quarters of axe's time go into contrast, which it computes for every piece of text. What surrounds the content (the navigation,
the bar above) is the same on most pages: its contrast is looked at once for everything it says, in each theme and at each width.
"""

from collections.abc import Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
CONTRAST = "color-contrast"

# What lies around <main>, in the largest pieces, and how each will look: by its markup without hidden fields, whose values are new
# on each page, and by what decides on its colours from outside.
SURROUNDINGS = """() => {
  const main = document.querySelector("main");
  const pieces = [];
  const collect = (parent) => {
    for (const child of parent.children) {
      if (!child.contains(main)) pieces.push(child);
      else if (child !== main) collect(child);
    }
  };
  if (main) collect(document.body);
  window.surroundings = pieces;
  const theme = [matchMedia("(prefers-color-scheme: dark)").matches, document.documentElement.dataset.theme];
  const outside = [...theme, document.documentElement.className, document.body.className, innerWidth].join(" ");
  return pieces.map((piece) => `${outside} ${piece.outerHTML.replace(/<input type="hidden"[^>]*>/g, "")}`);
}"""
RUN = """async ([options, passed]) => {
  const context = passed.length ? { exclude: passed.map((place) => window.surroundings[place]) } : document;
  return (await axe.run(context, { resultTypes: ["violations"], ...options })).violations;
}"""

# The surroundings whose contrast was found to be enough.
_passed: set[str] = set()


def violations(
    page: Page, rules: Sequence[str] = (), impacts: Sequence[str] = ("moderate", *SERIOUS)
) -> list[str]:
    """Return what axe finds of these impacts, with the elements; by all its rules, or by `rules`."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = []
    if not rules:
        found += page.evaluate(RUN, [{"rules": {CONTRAST: {"enabled": False}}}, []])
    elif others := [rule for rule in rules if rule != CONTRAST]:
        found += page.evaluate(RUN, [{"runOnly": others}, []])
    if not rules or CONTRAST in rules:
        found += _contrast(page)
    return [
        f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in impacts
    ]


def _contrast(page: Page) -> list[dict[str, Any]]:
    surroundings = page.evaluate(SURROUNDINGS)
    passed = [place for place, looks in enumerate(surroundings) if looks in _passed]
    found: list[dict[str, Any]] = page.evaluate(RUN, [{"runOnly": [CONTRAST]}, passed])
    if not found:
        _passed.update(surroundings)
    return found


def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page that is open: by axe, in the dark (which changes colours and nothing else), and on a telephone."""
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    # Colours change over a moment, in which they are neither.
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    found += [f"dark: {one}" for one in violations(page, [CONTRAST])]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 360, "height": 900})
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append("wider than a telephone")
    page.set_viewport_size({"width": 1280, "height": 900})
    return found
