"""The template tags of the design system."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.conf import settings
from django.template import Context, Template
from django.test import RequestFactory

from config.pages.context import MenuSection
from core.resources import MenuEntry
from core.templatetags import ui, values
from core.values.moments import describe_distance

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
CSS = Path(settings.BASE_DIR) / "core/static/pomelo/css"


def render(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-44), "just now"),
        (timedelta(seconds=20), "in a moment"),
        (timedelta(seconds=-45), "1 minute ago"),
        (timedelta(minutes=-59, seconds=-59), "59 minutes ago"),
        (timedelta(hours=-1), "1 hour ago"),
        (timedelta(hours=-23), "23 hours ago"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=7), "in 7 days"),
        # A moment after something for seven days was made: what lies ahead is rounded.
        (timedelta(days=7, seconds=-3), "in 7 days"),
        (timedelta(hours=23, minutes=59), "in 1 day"),
        (timedelta(minutes=59, seconds=50), "in 1 hour"),
        (timedelta(days=-7, seconds=3), "6 days ago"),
        (timedelta(days=-59), "59 days ago"),
        (timedelta(days=-60), "22 Sep 2026"),
        (timedelta(days=90), "19 Feb 2027"),
    ],
)
def test_relative_times_are_formatted_in_words(offset: timedelta, words: str) -> None:
    assert describe_distance(NOW + offset, NOW) == words


def test_relative_time_keeps_the_exact_time() -> None:
    html = values.relative_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert 'datetime="2026-01-02T03:04:05+00:00"' in html
    assert 'title="02 Jan 2026, 03:04:05 UTC"' in html


def test_missing_time_is_shown_as_never() -> None:
    assert values.relative_time(None) == '<span class="dim">Never</span>'
    assert "Not yet" in values.exact_time(None, "Not yet")


def test_every_timestamp_has_utc_in_its_title_and_a_slot_for_local_time() -> None:
    moment = datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1)))

    found = [values.relative_time(moment), values.log_time(moment), values.exact_time(moment)]

    assert all(
        'datetime="2026-01-02T03:04:05+00:00" title="02 Jan 2026, 03:04:05 UTC"' in html for html in found
    )
    assert [re.search(r'data-local="(\w+)">([^<]*)', html).groups() for html in found[1:]] == [  # type: ignore[union-attr]
        ("text", "02 Jan 2026, 03:04:05"),
        ("zoned", "02 Jan 2026, 03:04:05 UTC"),
    ]
    assert 'data-local="title"' in found[0]


def test_the_date_of_a_document_is_a_day_in_utc_with_the_moment_on_hover() -> None:
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)

    assert render("{% utc_day moment %}", moment=late) == (
        '<time datetime="2026-07-01T23:30:00+00:00" title="01 Jul 2026, 23:30:00 UTC" data-local="title">1 Jul 2026</time>'
    )


def test_templates_format_timestamps_only_with_the_tag() -> None:
    """Days may be written by `|date`; a moment has a time zone, and the tags know the person's."""
    pages = (Path(settings.BASE_DIR) / "templates").rglob("*.html")
    by_itself = {
        path.name: found
        for path in pages
        if "email" not in path.parts
        and (found := re.findall(r'\|date:"[^"]*[HGgh]:i[^"]*"', path.read_text()))
    }

    assert not by_itself


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1999, "EUR", "€19.99"),
        (5, "usd", "$0.05"),
        (500, "JPY", "¥500"),
        (1_234_567, "KWD", "1,234.567\u00a0KWD"),
        (-250, "GBP", "−£2.50"),
        (100, "CHF", "1.00\u00a0CHF"),
        (None, "EUR", "–"),
    ],
)
def test_money_follows_the_currency(amount: int | None, currency: str, text: str) -> None:
    assert values.money(amount, currency) == text


def test_badge_shows_and_escapes_its_text() -> None:
    assert ui.badge("succeeded") == '<span class="badge badge-dot badge-ok">Succeeded</span>'
    assert (
        ui.badge("partially_refunded")
        == '<span class="badge badge-dot badge-muted">Partially refunded</span>'
    )
    assert ui.badge("TXT") == '<span class="badge badge-dot badge-muted">TXT</span>'
    assert "<script" not in ui.badge("<script>")


def test_mode_is_live_or_test() -> None:
    assert ">Live<" in ui.mode_badge("live")
    assert ">Test<" in ui.mode_badge("test")
    with pytest.raises(ValueError, match="live or test"):
        ui.mode_badge("prod")


@pytest.mark.parametrize(
    ("used", "limit", "tone", "words"),
    [
        (0, 10, "ok", "(0%)"),
        (79, 100, "ok", "(79%)"),
        (80, 100, "warn", "almost reached"),
        (100, 100, "danger", "limit reached"),
        (5, 0, "danger", "limit reached"),
    ],
)
def test_meter_warns_in_text(used: int, limit: int, tone: str, words: str) -> None:
    html = render('{% meter used limit "Emails" "recipients" %}', used=used, limit=limit)

    assert f"meter-{tone}" in html
    assert words in html
    assert float(re.search(r'meter-fill" width="([\d.]+)"', html)[1]) <= 100


class NameForm(forms.Form):
    name = forms.CharField(help_text="Seen by your team.")
    note = forms.CharField(required=False)
    agree = forms.BooleanField()
    scopes = forms.MultipleChoiceField(choices=[("a", "a")], widget=forms.CheckboxSelectMultiple)


def test_errors_and_help_are_associated_with_the_control() -> None:
    html = render("{% field form.name %}", form=NameForm({}))

    described = re.search(r'<input[^>]*aria-describedby="([^"]+)"', html)[1].split()
    assert described == ["id_name_helptext", "id_name_error"]
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html


def test_fields_render_the_right_control() -> None:
    form = NameForm()

    assert "optional" in render("{% field form.note %}", form=form)
    assert "optional" not in render("{% field form.name %}", form=form)
    assert 'class="check"' in render("{% field form.agree %}", form=form)
    assert "<legend>Scopes</legend>" in render("{% field form.scopes %}", form=form)


def test_copy_field_escapes_its_value() -> None:
    html = render('{% copy_field value "Client secret" "secret" %}', value='"><script>')

    assert "<script>" not in html
    assert '<label for="secret">Client secret</label>' in html
    assert 'data-copy="secret"' in html


def test_block_tags_escape_what_is_inside_once() -> None:
    html = render("{% card title %}{{ word }}{% endcard %}", title="A & B", word="x < y")
    noted = render("{% card note='At once.' %}{% endcard %}")
    assert "<p>At once.</p>" in noted
    assert "<h2>" not in noted

    assert "A &amp; B" in html
    assert "x &lt; y" in html


def test_dialog_can_be_confirmed_or_canceled() -> None:
    html = render(
        '{% dialog "d" "Revoke?" "/keys/1/revoke/" "Revoke key" %}<p>Gone.</p>{% enddialog %}',
        csrf_token="tok",
    )

    assert 'role="alertdialog" aria-labelledby="d-title" aria-describedby="d-text"' in html
    assert 'method="post" action="/keys/1/revoke/"' in html
    assert 'name="csrfmiddlewaretoken" value="tok"' in html
    assert re.search(r"data-dialog-close autofocus>Cancel<", html)


def test_pager_links_both_ways_and_keeps_filters_and_size() -> None:
    request = RequestFactory().get(
        "/requests/", {"status": ["4xx", "5xx"], "limit": "50", "starting_after": "req_1"}
    )
    page = SimpleNamespace(items=[1, 2], previous="req_2", following="req_3")

    html = render('{% pager page "requests" %}', request=request, page=page)

    kept = "/requests/?status=4xx&amp;status=5xx&amp;limit=50"
    assert f'href="{kept}&amp;starting_after=req_3" rel="next"' in html
    assert f'href="{kept}&amp;ending_before=req_2" rel="prev"' in html
    assert f'href="{kept}">First page' in html
    assert 'href="/requests/?status=4xx&amp;status=5xx&amp;limit=100"' in html
    assert 'href="/requests/?status=4xx&amp;status=5xx" aria-label="20 per page"' in html
    assert '<span aria-current="true">50</span>' in html


def test_single_page_has_no_pager() -> None:
    page = SimpleNamespace(items=[1], previous=None, following=None)

    assert render("{% pager page %}", request=RequestFactory().get("/keys/"), page=page).strip() == ""


@pytest.mark.parametrize(
    ("asked", "now", "next_sort"),
    [("", "", "name"), ("name", "ascending", "-name"), ("-name", "descending", "name"), ("used", "", "name")],
)
def test_column_header_toggles_the_sort_direction(asked: str, now: str, next_sort: str) -> None:
    request = RequestFactory().get("/keys/", {"q": "a", "starting_after": "key_1", "sort": asked})

    html = render('{% sort_column "Name" "name" %}', request=request)

    assert f'href="/keys/?q=a&amp;sort={next_sort}"' in html
    assert (f'aria-sort="{now}"' in html) if now else ("aria-sort" not in html)


@pytest.mark.parametrize(
    ("asked", "now", "href"),
    [("", "descending", "?sort=created"), ("created", "ascending", ""), ("name", "", ""), ("-name", "", "")],
)
def test_the_default_order_is_not_in_the_url(asked: str, now: str, href: str) -> None:
    request = RequestFactory().get("/keys/", {"sort": asked} if asked else {})

    html = render('{% sort_column "Created" "created" first="down" default="down" %}', request=request)

    assert f'href="/keys/{href}"' in html
    assert (f'aria-sort="{now}"' in html) if now else ("aria-sort" not in html)


def test_chips_show_the_active_filters_and_remove_one() -> None:
    class Filters(forms.Form):
        q = forms.CharField(label="Search", required=False)
        status = forms.ChoiceField(required=False, choices=[("", "Any"), ("ok", "All <well>")])

    request = RequestFactory().get(
        "/keys/", {"q": "a b", "status": "ok", "sort": "name", "starting_after": "x"}
    )

    html = render("{% filter_chips form %}", request=request, form=Filters(request.GET))

    assert "Search: a b" in html
    assert "Status: All &lt;well&gt;" in html
    assert 'href="/keys/?q=a+b&amp;sort=name"' in html
    assert 'href="/keys/?status=ok&amp;sort=name"' in html
    assert 'href="/keys/?sort=name">Clear all' in html


@pytest.mark.parametrize(
    ("here", "path", "current"),
    [
        ("/keys/", "/keys/", "page"),
        ("/keys/key_1/", "/keys/", "true"),
        ("/", "/", "page"),
        ("/keys/", "/", ""),
        ("/keysmith/", "/keys/", ""),
    ],
)
def test_the_current_section_is_marked(here: str, path: str, current: str) -> None:
    html = render('{% nav_link path "X" "key" %}', path=path, request=RequestFactory().get(here))

    assert ('aria-current="' + current + '"' in html) if current else ("aria-current" not in html)


@pytest.mark.parametrize(
    ("here", "marked"),
    [
        ("/", {"/": "page"}),
        ("/shop/", {"/shop/": "page"}),
        ("/shop/item_1/", {"/shop/": "true"}),
        ("/shop/sale/", {"/shop/": "true", "/shop/sale/": "page"}),
        ("/shop/sale/item_1/", {"/shop/": "true", "/shop/sale/": "true"}),
        ("/docs/keys/", {"/docs/": "true"}),
        ("/profile/", {}),
    ],
)
def test_sidebar_marks_the_current_page(here: str, marked: dict[str, str]) -> None:
    entries = (MenuEntry("business", "Shop", "/shop/"), MenuEntry("business", "Sale", "/shop/sale/"))
    menu = (MenuSection("business", entries),)

    html = render('{% include "components/menu_links.html" %}', menu=menu, request=RequestFactory().get(here))

    assert dict(re.findall(r'href="([^"]+)" aria-current="(\w+)"', html)) == marked
    assert 'id="menu-business"' in html


def test_every_icon_a_template_names_exists() -> None:
    symbols = set(re.findall(r'<symbol id="([^"]+)"', (CSS.parent / "img/icons.svg").read_text()))
    named = set()
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        named |= set(re.findall(r'{% icon "([^"]+)"', path.read_text()))
        named |= set(re.findall(r'{% empty_state "[^"]*" "([^"]+)"', path.read_text()))
        named |= set(re.findall(r'{% nav_link "[^"]*" "[^"]*" "([^"]+)"', path.read_text()))

    assert named - symbols == set()


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    channels = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *[(text, ground) for text in ("text", "text-2", "text-3", "accent") for ground in ("bg", "surface", "sunken", "hover")],
        *[(tone, f"{tone}-soft") for tone in ("ok", "warn", "danger", "info", "muted")],
        ("accent-soft-text", "accent-soft"), ("on-accent", "accent"), ("on-accent", "accent-hover"),
        ("on-danger", "danger-fill"), ("code-text", "code-bg"), ("code-dim", "code-bg"),
        *[("text", f"{tone}-soft") for tone in ("ok", "warn", "danger", "info")],
    ],
)  # fmt: skip
def test_text_contrast_is_sufficient_on_every_background(theme: str, text: str, ground: str) -> None:
    """WCAG AA: 4.5 to 1."""
    css = (CSS / "tokens.css").read_text()
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", css))
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\);", css):
        tokens[name] = light if theme == "light" else dark

    assert contrast(tokens[text], tokens[ground]) >= 4.5


def test_the_color_scheme_alone_makes_a_page_dark() -> None:
    """Journeys look at pages in the dark theme that a person chooses, which therefore must equal that of a dark system."""
    styled = [*CSS.rglob("*.css"), *(Path(settings.BASE_DIR) / "templates").rglob("*.html")]
    asking = [
        str(path) for path in styled if re.search(r"prefers-color-scheme|data-theme=.?dark", path.read_text())
    ]

    assert asking == [str(CSS / "tokens.css")]
    [rule] = re.findall(r'\[data-theme="dark"\] {([^}]*)}', (CSS / "tokens.css").read_text())
    assert rule.strip() == "color-scheme: dark;"


def test_no_template_has_inline_style_or_script() -> None:
    """The CSP forbids both; a page would silently lose them."""
    wrong = []
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        # Mails have no policy, and the preview of a template has one of its own.
        if "email" in path.parts or path.name == "template_preview.html":
            continue
        source = path.read_text()
        if re.search(r"\sstyle=|<style|\son\w+=\"|<script(?![^>]*(?:src=|application/json))", source):
            wrong.append(str(path))

    assert wrong == []


def test_backticks_become_code_and_everything_else_is_escaped() -> None:
    assert values.prose("Send `a<b` & wait.") == "Send <code>a&lt;b</code> &amp; wait."
    assert values.prose("<b>no</b>") == "&lt;b&gt;no&lt;/b&gt;"


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("Change Password", "Change password"),
        ("Authenticator App Activation", "Authenticator app activation"),
        ("Add WebAuthn Security Key", "Add WebAuthn security key"),
        ("Deactivate TOTP", "Deactivate TOTP"),
        ("", ""),
    ],
)
def test_third_party_titles_use_sentence_case(title: str, sentence: str) -> None:
    assert values.sentence_case(title) == sentence
