"""How often somebody clicks in a browser, over all pages that a journey opens."""

from collections.abc import Callable

from playwright.sync_api import Page

COUNT = (
    "addEventListener('click', () => sessionStorage.clicks = 1 + Number(sessionStorage.clicks || 0), true)"
)


def count_clicks(page: Page) -> Callable[[], int]:
    """Count clicks from the next page that `page` opens; return a function that reads how many there were.

    A click that submits a form by Enter is counted as the browser does: as a click on its button.
    """
    page.add_init_script(COUNT)

    def clicks() -> int:
        return int(page.evaluate("Number(sessionStorage.clicks || 0)"))

    return clicks
