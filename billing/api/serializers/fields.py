"""Fields with a fixed list of values or a format, which the OpenAPI document includes."""

from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers

from billing.languages import Language
from billing.money import MAX_QUANTITY, QUANTITY_DECIMALS
from billing.services.customer_fields import PHONE
from billing.tax_ids import KINDS, MAX_TAX_ID
from core.api.fields import DayField
from core.api.patterns import any_of
from core.api.schema_enums import name_values
from core.api.serializers import MetadataField, StrictSerializer
from core.values.countries import COUNTRIES
from core.values.currencies import EXPONENTS
from core.values.metadata import MAX_VALUE

_MILLIONTH = Decimal(1).scaleb(-QUANTITY_DECIMALS)
_LAST_PLACE = Decimal(2) ** -51

name_values("Currency", sorted(EXPONENTS))
name_values("Language", Language.values)
name_values("TaxIdType", list(KINDS))


class CurrencyField(serializers.RegexField):
    """An ISO 4217 code."""

    json_schema: ClassVar[dict[str, Any]] = {"enum": sorted(EXPONENTS)}

    default_error_messages = {"invalid": "Use an uppercase ISO 4217 code, such as EUR."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ISO 4217, uppercase. Amounts are integers in its minor unit.")
        super().__init__(any_of(*sorted(EXPONENTS)), **kwargs)


class CountryField(serializers.RegexField):
    """An ISO 3166-1 alpha-2 code."""

    default_error_messages = {"invalid": "Use an ISO 3166-1 alpha-2 code such as DE."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ISO 3166-1 alpha-2, uppercase.")
        super().__init__(any_of(*sorted(COUNTRIES)), **kwargs)


class PhoneField(serializers.CharField):
    """A phone number in international format; the service checks that it is valid."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": f"^{PHONE}$"}


class AddressInput(StrictSerializer):
    """A postal address; every part is optional. PATCH updates the parts that are sent; null removes one."""

    line1 = serializers.CharField(max_length=200, required=False, allow_blank=True, allow_null=True)
    line2 = serializers.CharField(max_length=200, required=False, allow_blank=True, allow_null=True)
    city = serializers.CharField(max_length=100, required=False, allow_blank=True, allow_null=True)
    state = serializers.CharField(max_length=100, required=False, allow_blank=True, allow_null=True)
    postal_code = serializers.CharField(max_length=20, required=False, allow_blank=True, allow_null=True)
    country = CountryField(required=False, allow_null=True)


class AddressOutput(serializers.Serializer):
    """A postal address; unknown parts are omitted."""

    line1 = serializers.CharField(required=False)
    line2 = serializers.CharField(required=False)
    city = serializers.CharField(required=False)
    state = serializers.CharField(required=False)
    postal_code = serializers.CharField(required=False)
    country = serializers.CharField(required=False)


class TaxIdInput(StrictSerializer):
    """A tax identifier; the service verifies its check digits."""

    type = serializers.ChoiceField(choices=list(KINDS))
    value = serializers.CharField(max_length=MAX_TAX_ID)


class TaxIdOutput(serializers.Serializer):
    """A tax identifier in its compact form."""

    type = serializers.CharField()
    value = serializers.CharField()


class MergedMetadataField(MetadataField):
    """Metadata that PATCH merges: null removes an entry; null instead of the object removes all of them."""

    child = serializers.CharField(
        max_length=MAX_VALUE, allow_blank=True, trim_whitespace=False, allow_null=True
    )


class QuantityField(serializers.FloatField):
    """A number with up to six decimal places, as written: a double is nearest to it."""

    json_schema: ClassVar[dict[str, Any]] = {"multipleOf": 0.000001}

    default_error_messages = {
        "wrong_type": "Must be a number.",
        "decimals": "Use at most six decimal places.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0.000001, max_value=MAX_QUANTITY, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Parse the number. Raises ValidationError."""
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("wrong_type")
        if abs(data) > MAX_QUANTITY:
            return data  # the range is checked later
        exact = Decimal(repr(data))
        kept = exact.quantize(_MILLIONTH)
        # Half a unit in the last place of a double, as sent by a program that multiplied by 0.000001.
        if abs(exact - kept) > abs(kept) * _LAST_PLACE:
            self.fail("decimals")
        return kept


class DueDateField(DayField):
    """A day from 2000 to 2199, as in billing.services.invoices."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": "^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}$"}
