"""The tag `url` remembers what it looked up, and says what Django's would."""

from types import SimpleNamespace

import pytest
from django.template import Context, Engine
from django.test import RequestFactory, override_settings
from django.urls import NoReverseMatch, path, set_script_prefix

DJANGO, OURS = Engine(), Engine(builtins=["core.templatetags.addresses"])

urlpatterns = [
    path("plain/", lambda request: None, name="plain"),
    path("a&b/<str:id>/end/", lambda request: None, name="one"),
    path("<int:id>/", lambda request: None, name="number"),
    path("<str:a>/<str:b>/", lambda request: None, name="two"),
]
TAGS = [
    '{% url "plain" %}',
    '{% url "one" word %}',
    '{% url "one" odd %}',
    '{% url "number" 7 %}',
    '{% url "number" "7" %}',
    '{% url "two" word odd %}',
    '{% url "one" id=word %}',
    '{% url "one" word as there %}[{{ there }}]',
    '{% url "missing" as there %}[{{ there }}]',
    '{% autoescape off %}{% url "one" word %}{% endautoescape %}',
]


def _render(engine: Engine, tag: str) -> str:
    return engine.from_string(tag).render(Context({"word": "key_01h", "odd": "ä '\"<"}))


@pytest.mark.parametrize("tag", TAGS)
def test_an_address_is_what_django_makes_it(tag: str) -> None:
    with override_settings(ROOT_URLCONF=__name__):
        for _ in range(2):  # the second time it is remembered
            assert _render(OURS, tag) == _render(DJANGO, tag)


@pytest.mark.parametrize("tag", ['{% url "missing" %}', '{% url "number" word %}', '{% url "plain" word %}'])
def test_what_has_no_address_raises(tag: str) -> None:
    with override_settings(ROOT_URLCONF=__name__):
        for _ in range(2):
            with pytest.raises(NoReverseMatch):
                _render(OURS, tag)


def test_another_urlconf_and_another_prefix_have_addresses_of_their_own() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        assert _render(OURS, '{% url "plain" %}') == "/plain/"
        set_script_prefix("/below/")
        try:
            assert _render(OURS, '{% url "plain" %}') == "/below/plain/"
        finally:
            set_script_prefix("/")
    with pytest.raises(NoReverseMatch):
        _render(OURS, '{% url "plain" %}')


def test_the_current_application_is_asked_for_as_django_does() -> None:
    request = RequestFactory().get("/staff/")
    request.resolver_match = SimpleNamespace(namespace="admin")  # type: ignore[assignment]
    context = Context({"request": request})
    context.request = request  # type: ignore[attr-defined]

    tag = '{% url "admin:index" %}'
    assert OURS.from_string(tag).render(context) == DJANGO.from_string(tag).render(context) == "/staff/"
