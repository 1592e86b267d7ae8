"""`{% load mail %}`: user-supplied text in platform emails."""

from django import template

from core.mail import words

register = template.Library()


@register.filter
def email_safe(text: object) -> str:
    """Render user-supplied text on one line, without anything that becomes a link."""
    return words.email_safe(str(text))
