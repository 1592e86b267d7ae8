"""Names of people and companies, judged for whoever calls a service: a page, a command, an app outside this repository."""

from core.errors import FieldError, FieldErrors
from core.values.texts import clean_name


def checked_name(name: str, *, longest: int) -> str:
    """Return the name as it is kept. Raises FieldErrors."""
    try:
        return clean_name(name, longest=longest)
    except ValueError as error:
        raise FieldErrors([FieldError("name", "invalid", str(error))]) from error
