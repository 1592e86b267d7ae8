"""Composes an email from its two templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from core.values.texts import on_one_line


def send_mail(*, to: Sequence[str], subject: str, template: str, context: Mapping[str, Any]) -> None:
    """Queue an email, rendered from `<template>.txt` and `<template>.html`, in the current transaction, unless `to` is empty.

    Line breaks and whatever else cannot stand in a header, and white space, in `subject` become single spaces: names of people and keys stand in it.
    """
    if not to:
        return
    line = on_one_line(subject)
    values = {**context, "subject": line}
    message = EmailMultiAlternatives(
        subject=line, body=render_to_string(f"{template}.txt", values), to=list(to)
    )
    message.attach_alternative(render_to_string(f"{template}.html", values), "text/html")
    message.send()
