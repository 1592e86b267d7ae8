"""Argument types of commands, with the same parsers as forms and the API."""

from argparse import ArgumentTypeError
from datetime import date, datetime

from core.values.moments import parse_day, parse_moment
from core.values.numbers import NotANumber, parse_decimal
from core.values.texts import clean_name


def day(text: str) -> date:
    """Parse a date such as 2026-01-31. Raises ArgumentTypeError, which argparse shows."""
    try:
        return parse_day(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def moment(text: str) -> datetime:
    """Parse a timestamp such as 2026-01-31T12:00:00Z. Raises ArgumentTypeError, which argparse shows."""
    try:
        return parse_moment(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def name(text: str) -> str:
    """Parse a name of up to 100 characters. Raises ArgumentTypeError, which argparse shows."""
    try:
        return clean_name(text, longest=100)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def whole_number(text: str) -> int:
    """Parse an integer in ASCII digits. Raises ArgumentTypeError, which argparse shows."""
    try:
        number = parse_decimal(text.removeprefix("-"), decimals=0)
    except NotANumber as error:
        raise ArgumentTypeError(f"{error} Write a whole number, as in 1250.") from error
    return -number if text.startswith("-") else number
