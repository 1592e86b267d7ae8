"""Template filters for channels: `{% load channels %}`."""

from django import template

from messaging.channels import label_of

register = template.Library()


@register.filter
def channel_label(name: str) -> str:
    """Return a channel's label: `"sms"|channel_label` is SMS."""
    return label_of(name)
