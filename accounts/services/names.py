"""Validation of people's and companies' names, for every caller of a service: pages, commands, external apps."""

from core.errors import FieldError, FieldErrors
from core.values.texts import clean_name


def checked_name(name: str, *, longest: int) -> str:
    """Return the normalized name. Raises FieldErrors."""
    try:
        return clean_name(name, longest=longest)
    except ValueError as error:
        raise FieldErrors([FieldError("name", "invalid", str(error))]) from error
