"""Domain errors. The API renders them as problem+json, forms show their text (docs/architecture.md, Contracts).

Every class is registered by its code, and `docs/errors.md` is generated from the registry: the docstring says what the error
means, `fix` what to do about it. `advice()` is the specific fix for one error: a class whose `fix` refers to facts of the response
has a template and fills in the facts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.forms import BaseForm

ERRORS: dict[str, type["DomainError"]] = {}


class DomainError(Exception):
    """Base of all errors with a public code.

    `detail` is public text, `facts` are merged into the response's `error` member, and `headers` are added to the response.
    `violated_policies` are the names of the exhausted rate-limit policies, as in the headers.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 400
    title: ClassVar[str] = ""
    fix: ClassVar[str] = ""
    # The fix shown on pages, if `fix` mentions headers, members or operations of the API.
    page_fix: ClassVar[str] = ""
    # Whether only pages can raise it, never the API.
    only_on_pages: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class under its code, which must be unique."""
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return
        if cls.code in ERRORS:
            raise TypeError(f"error code {cls.code} is already taken by {ERRORS[cls.code].__qualname__}")
        ERRORS[cls.code] = cls

    def __init__(
        self,
        detail: str = "",
        *,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        violated_policies: Sequence[str] = (),
    ) -> None:
        self.detail = detail or self.title
        self.facts = dict(facts or {})
        self.headers = dict(headers or {})
        self.violated_policies = list(violated_policies)
        super().__init__(self.detail)

    def advice(self) -> str:
        """Return the specific fix for this error, for a trace."""
        return self.fix

    @property
    def page_detail(self) -> str:
        """The detail as shown on pages."""
        return self.detail

    @property
    def page_advice(self) -> str:
        """The specific fix for this error, for a page."""
        return self.page_fix or self.advice()


def is_allowed(check: Callable[..., object], *of: Any) -> bool:
    """Return whether a service's `check` passes, so that pages only offer actions that will be accepted."""
    try:
        check(*of)
    except DomainError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class FieldError:
    """An invalid field: its dotted name (`lines.0.amount`), a stable code and a message for people."""

    field: str
    code: str
    message: str


class FieldErrors(DomainError):
    """One or more fields of the request have a value that is not accepted."""

    code = "validation_failed"
    status = 400
    title = "Some fields are not valid"
    fix = "Correct the fields listed in `error.fields` and send the request again."
    page_fix = "Go back and correct it."

    def __init__(self, fields: Sequence[FieldError]) -> None:
        self.fields = tuple(fields)
        super().__init__(
            "; ".join(f"{f.field}: {f.message}" for f in self.fields),
            facts={"fields": [{"field": f.field, "code": f.code, "message": f.message} for f in self.fields]},
        )

    @property
    def page_detail(self) -> str:
        """The messages alone, because pages do not show field names."""
        return " ".join(one.message for one in self.fields)

    @classmethod
    def of_form(cls, form: BaseForm) -> Self:
        """Return the errors of a Django form by field."""
        return cls(
            [
                FieldError(name, error["code"] or "invalid", error["message"])
                for name, errors in form.errors.get_json_data().items()
                for error in errors
            ]
        )


class NotFound(DomainError):
    """No such object for this key: it does not exist, was deleted, or belongs to another company or mode."""

    code = "not_found"
    status = 404
    title = "Not found"
    fix = "Check the identifier, and that the key is of the same mode (live or test) as the object."
    page_fix = "Open the list again to see what is there."

    def __init__(self) -> None:
        # The same text for every cause: another company's object must look like a missing one (docs/architecture.md, Contracts).
        super().__init__("There is no such object for this key.")

    @property
    def page_detail(self) -> str:
        """The same for pages, where there is no key. Again, one text for every cause."""
        return "It does not exist: it was deleted, or belongs to another company or mode."


class TemporarilyUnavailable(DomainError):
    """A part the API needs cannot be reached right now. Nothing was executed."""

    code = "temporarily_unavailable"
    status = 503
    title = "Temporarily unavailable"
    fix = "Send the request again after `Retry-After`, with the same Idempotency-Key."
    page_fix = "Try again in a moment."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})
