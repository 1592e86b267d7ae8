"""A form of the dashboard that comes back leads to what is wrong: by a summary that has the focus and links to each field."""

import re

from tests.clients import sign_in
from tests.contracts.forms import Form, read_forms
from tests.contracts.pages import list_pages, sample_page_id
from tests.isolation.matrix import make_unlimited_world

SUMMARY = re.compile(
    r'<div class="banner banner-danger error-summary" role="alert" tabindex="-1" autofocus>.*?</ul>', re.S
)
# Nothing, a text that few fields take, and one that is longer than any field allows.
WRONG = ("", "٣²!", "x" * 20_001)
KEPT = ("csrfmiddlewaretoken", "form_token", "customer", "next")


def fill_wrongly(form: Form, text: str) -> dict[str, list[str]]:
    """Return what a form sends when somebody writes `text` wherever they can."""
    return {
        name: sent if name in KEPT else [text]
        for name, sent in form.values.items()
        if name not in form.buttons
    }


def test_every_refused_form_has_a_summary_with_links_to_its_fields() -> None:
    # given a company with one of everything, and each page that has a form
    world = make_unlimited_world()
    browser = sign_in(world.owner, company=world.company)
    came_back: set[str] = set()
    tried: set[tuple[str, ...]] = set()
    without: list[str] = []
    for page in list_pages():
        path = page.path(sample_page_id(page, world.tenant("live")) if page.parameters else "")
        opened = browser.get(path)
        if opened.status_code != 200 or "text/html" not in opened.headers["Content-Type"]:
            continue
        for form in read_forms(opened.content.decode(), address=path):
            # The forms of the frame stand on every page.
            place = (page.route if form.action == path else form.action, *form.values)
            if form.method != "POST" or form.action.startswith("/accounts/") or place in tried:
                continue
            tried.add(place)
            for text in WRONG:
                # when it is filled in wrongly
                answer = browser.post(form.action, fill_wrongly(form, text))
                if answer.status_code not in (400, 422) or answer.headers.get("HX-Request"):
                    continue
                html = answer.content.decode()
                if "<main" not in html:
                    continue  # shown in a frame beside the form
                came_back.add(form.action)
                # then the page that comes back has the summary, and what it links to is there
                summary = SUMMARY.search(html)
                if summary is None:
                    without.append(f"{form.action} with {text[:5]!r}: no summary")
                    continue
                without += [
                    f"{form.action} with {text[:5]!r}: #{target} is not on the page"
                    for target in re.findall(r'href="#([^"]+)"', summary[0])
                    if f'id="{target}"' not in html
                ]
    assert without == []
    assert len(came_back) >= 15
