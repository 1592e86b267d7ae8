"""Fields whose values are on a list, or of a form, that the OpenAPI document says too."""

from typing import Any, ClassVar

from rest_framework import serializers

from billing.services.customer_fields import PHONE
from core.api.fields import DayField
from core.api.patterns import any_of
from core.api.schema_enums import name_values
from core.countries import COUNTRIES
from core.currencies import EXPONENTS

name_values("Currency", sorted(EXPONENTS))


class CurrencyField(serializers.RegexField):
    """An ISO 4217 code."""

    json_schema: ClassVar[dict[str, Any]] = {"enum": sorted(EXPONENTS)}

    default_error_messages = {"invalid": "Use an ISO 4217 code in capitals, such as EUR."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ISO 4217, in capitals. Amounts are whole numbers of its minor unit.")
        super().__init__(any_of(*sorted(EXPONENTS)), **kwargs)


class CountryField(serializers.RegexField):
    """An ISO 3166-1 alpha-2 code."""

    default_error_messages = {"invalid": "Use an ISO 3166-1 alpha-2 code such as DE."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ISO 3166-1 alpha-2, in capitals.")
        super().__init__(any_of(*sorted(COUNTRIES)), **kwargs)


class PhoneField(serializers.CharField):
    """A telephone number in international form; that it can exist is judged by the service."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": f"^{PHONE}$"}


class DueDateField(DayField):
    """A day from 2000 to 2199, as billing.services.invoices has it."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": "^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}$"}
