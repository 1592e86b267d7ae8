"""Controls written by Python say what Django's templates say."""

from datetime import date
from typing import Any

import pytest
from django import forms
from django.forms.renderers import TemplatesSetting
from django.test import SimpleTestCase
from django.utils.safestring import mark_safe

from core.ui.widgets import QuickRenderer

CHOICES = [
    ("", "Any"),
    ("a&b", "<A> & 'B'"),
    (5, "Five"),
    ("Group \"one\"", [("x", "X"), (None, "None")]),
]  # fmt: skip
ODD = {"a": '"><script>', "size": 3, "off": False, "on": True, "html": mark_safe("a&amp;b"), "class": "wide"}


class _OwnOption(forms.Select):
    option_template_name = "django/forms/widgets/radio_option.html"


class Everything(forms.Form):
    text = forms.CharField(help_text="Why.", widget=forms.TextInput(attrs=ODD))
    number = forms.IntegerField(required=False)
    mail = forms.EmailField()
    link = forms.URLField(assume_scheme="https")
    word = forms.CharField(widget=forms.PasswordInput)
    hidden = forms.CharField(widget=forms.HiddenInput)
    day = forms.DateField(initial=date(2026, 11, 30))
    tick = forms.BooleanField()
    untick = forms.BooleanField(required=False)
    one = forms.ChoiceField(choices=CHOICES, widget=forms.Select(attrs=ODD))
    several = forms.MultipleChoiceField(choices=CHOICES)
    radio = forms.ChoiceField(choices=CHOICES, widget=forms.RadioSelect)
    boxes = forms.MultipleChoiceField(choices=CHOICES, widget=forms.CheckboxSelectMultiple)
    own = forms.ChoiceField(choices=CHOICES, widget=_OwnOption)
    area = forms.CharField(widget=forms.Textarea)


SENT = {
    "text": '"x" & <y>', "number": "7", "mail": "nobody", "hidden": "h'", "tick": "on", "one": "a&b", "several": ["5", "x"],
}  # fmt: skip


@pytest.mark.parametrize("data", [None, SENT], ids=["empty", "sent"])
@pytest.mark.parametrize("name", list(Everything.base_fields))
def test_a_control_is_what_djangos_template_makes_it(name: str, data: dict[str, Any] | None) -> None:
    quick, slow = Everything(data, renderer=QuickRenderer()), Everything(data, renderer=TemplatesSetting())

    for form in (quick, slow):
        form.is_valid()
    SimpleTestCase().assertHTMLEqual(str(quick[name]), str(slow[name]))
    assert str(quick[name].errors) == str(slow[name].errors)


def test_every_form_is_rendered_so() -> None:
    assert isinstance(Everything().renderer, QuickRenderer)
