"""What the journeys hold pages to is itself held to pages that are wrong: in the content, and in what surrounds it."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.journeys.accessibility import faults_of

PAGE = """<!doctype html><html lang="en"><head><title>Page</title><style>
body {{ background: #fff; color: #000 }} .pale {{ color: #ddd }}
@media (prefers-color-scheme: dark) {{ .dim {{ color: #ccc }} }}
</style></head><body><nav><p class="{around}">Menu</p></nav><main><h1>Title</h1><p class="{content}" {more}>Text</p></main></body></html>"""


def test_pale_text_is_found_in_the_content_and_once_in_what_surrounds_it(visit: Callable[..., Page]) -> None:
    page = visit()

    def faults(around: str = "", content: str = "", more: str = "") -> list[str]:
        page.goto("about:blank")
        page.set_content(PAGE.format(around=around, content=content, more=more))
        return [one.partition(": ")[0] + one.partition("[")[2] for one in faults_of(page)]

    # Given surroundings that are fine, which need not be looked at again
    assert faults() == []
    # Then the content is looked at all the same, in the light and in the dark
    assert faults(content="pale") == ["color-contrast['.pale']]", "dark['.pale']]"]
    assert faults(content="dim") == ["dark['.dim']]"]
    # And other surroundings are looked at, as long as they are not fine
    for _ in range(2):
        assert faults(around="pale") == ["color-contrast['.pale']]", "dark['.pale']]"]
        assert faults(around="dim") == ["dark['.dim']]"]
    # And what is no question of contrast is found everywhere
    [fault] = faults(more='role="nothing"')
    assert fault.startswith("aria-roles[")
    assert faults(more='style="width: 500px"') == ["wider than a telephone"]
