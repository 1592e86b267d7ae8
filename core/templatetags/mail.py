"""`{% load mail %}`: how the words of others stand in our mails."""

from django import template

from core.mail import words

register = template.Library()


@register.filter
def email_safe(text: object) -> str:
    """Show a name or another text of somebody else's choosing on one line, and nothing in it as a link."""
    return words.email_safe(str(text))
