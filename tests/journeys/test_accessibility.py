"""What the journeys hold pages to is itself held to pages that are wrong: in the content, and in what surrounds it."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.journeys.accessibility import faults_of

PAGE = """<!doctype html><html lang="en"><head><title>Page</title><style>
body {{ background: #fff; color: #000 }} .pale {{ color: #ddd }} .dusk {{ background: #333 }} .thin {{ opacity: 0.3 }}
[data-theme="dark"] .dim {{ color: #ccc }} [data-theme="dark"] .night {{ background: #222 }}
.holds {{ position: relative }} .below {{ position: absolute; inset: 0; z-index: -1 }}
</style></head><body><nav><p class="{around}">Menu</p></nav>
<main><h1>Title</h1><p class="{content}" {more}>{text}</p></main></body></html>"""


def test_pale_text_is_found_in_the_content_and_in_what_surrounds_it(visit: Callable[..., Page]) -> None:
    page = visit()

    def faults(around: str = "", content: str = "", more: str = "", text: str = "Text") -> list[str]:
        page.goto("about:blank")
        page.set_content(PAGE.format(around=around, content=content, more=more, text=text))
        return [one.partition(": ")[0] + one.partition("[")[2] for one in faults_of(page)]

    # Given a page that is fine, whose looks need not be judged again
    assert faults() == []
    # Then other looks are, in the light and in the dark
    assert faults(content="pale") == ["color-contrast['.pale']]", "dark['.pale']]"]
    assert faults(content="dim") == ["dark['.dim']]"]
    # And the surroundings, as long as they are not fine
    for _ in range(2):
        assert faults(around="pale") == ["color-contrast['.pale']]", "dark['.pale']]"]
        assert faults(around="dim") == ["dark['.dim']]"]
    # And text of the same colour before another ground, of what holds it or of a neighbour, or seen through
    assert faults(content="dusk") == ["color-contrast['.dusk']]", "dark['.dusk']]"]
    assert faults(content="dusk", text="<em>Text</em>") == ["color-contrast['em']]", "dark['em']]"]
    assert faults(content="night", text="<em>Text</em>") == ["dark['em']]"]
    below = '<b class="below dusk"></b><em>Text</em>'
    assert faults(content="holds", text=below) == ["color-contrast['em']]", "dark['em']]"]
    assert faults(content="thin", text="<em>Text</em>") == ["color-contrast['em']]", "dark['em']]"]
    # And what looks like something that axe does not judge: a letter, a button that is off
    assert faults(content="pale", text="T") == []
    assert faults(text='<button class="pale" disabled>Save</button>') == []
    [fault, _] = faults(text='<button class="pale" disabled>Save</button> <button class="pale">Send</button>')
    assert fault == "color-contrast['button:nth-child(2)']]"
    # And what is no question of contrast is found everywhere
    [fault] = faults(more='role="nothing"')
    assert fault.startswith("aria-roles[")
    assert faults(more='style="width: 500px"') == ["wider than a telephone"]
