"""Channels in pages: `{% load channels %}`."""

from django import template

from messaging.channels import label_of

register = template.Library()


@register.filter
def channel_label(name: str) -> str:
    """What people call a channel: `"sms"|channel_label` is SMS."""
    return label_of(name)
