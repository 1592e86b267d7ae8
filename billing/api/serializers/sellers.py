"""Request and response fields of the seller, whose details appear on invoices."""

from math import ceil

from rest_framework import serializers

from billing.api.serializers.fields import AddressInput, AddressOutput, TaxIdInput, TaxIdOutput
from billing.languages import Language
from billing.logos import BOX, MAX_PIXELS, MAX_UPLOAD
from billing.models.sellers import NUMBER_PREFIX
from billing.tax_ids import MAX_TAX_IDS
from core.api.fields import Base64Field, NameField
from core.api.serializers import StrictSerializer

# Any text without control characters (C0, C1, U+2028, U+2029) except line breaks, which are stored as line feeds.
LINES = r"^[^\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]*$"


class BankDetailsInput(StrictSerializer):
    """Bank details; null removes a part. IBAN and BIC are validated."""

    account_holder = NameField(max_length=100, required=False, allow_null=True)
    bank_name = NameField(max_length=100, required=False, allow_null=True)
    iban = NameField(max_length=42, required=False, allow_null=True)
    bic = NameField(max_length=14, required=False, allow_null=True)
    account_number = NameField(max_length=40, required=False, allow_null=True)
    routing_number = NameField(max_length=40, required=False, allow_null=True)


class BankDetailsOutput(serializers.Serializer):
    """Bank details; unknown parts are omitted."""

    account_holder = serializers.CharField(required=False)
    bank_name = serializers.CharField(required=False)
    iban = serializers.CharField(required=False)
    bic = serializers.CharField(required=False)
    account_number = serializers.CharField(required=False)
    routing_number = serializers.CharField(required=False)


class SellerInput(StrictSerializer):
    """The seller fields that can be changed; `address` and `bank_details` are merged, `tax_ids` replaced."""

    legal_name = NameField(max_length=200, required=False, allow_null=True)
    address = AddressInput(required=False, allow_null=True)
    tax_ids = serializers.ListField(child=TaxIdInput(), required=False, max_length=MAX_TAX_IDS)
    bank_details = BankDetailsInput(required=False, allow_null=True)
    logo = Base64Field(
        max_length=4 * ceil(MAX_UPLOAD / 3),
        required=False,
        allow_null=True,
        trim_whitespace=False,
        help_text=f"A PNG or JPEG file of at most {MAX_UPLOAD // 1024} KiB and {MAX_PIXELS // 1_000_000} million pixels, in base 64.  "
        f"It is redrawn within {BOX[0]} × {BOX[1]} pixels, on white; nothing else of the file is kept.",
    )
    footer = serializers.RegexField(
        LINES,
        max_length=500,
        required=False,
        allow_blank=True,
        allow_null=True,
        trim_whitespace=False,
        help_text="Printed on each page; may have several lines.",
    )
    number_prefix = serializers.RegexField(
        NUMBER_PREFIX.replace("^", "^(?!TEST)"),
        max_length=16,
        required=False,
        allow_null=True,
        help_text="Of live invoice numbers, INV by default; test invoice numbers begin with TEST.",
    )
    language = serializers.ChoiceField(choices=Language.values, required=False)


class LogoOutput(serializers.Serializer):
    """The logo, as it was redrawn from the uploaded file."""

    content_type = serializers.ChoiceField(choices=["image/png", "image/jpeg"])
    width = serializers.IntegerField(min_value=1, help_text="In pixels.")
    height = serializers.IntegerField(min_value=1)
    sha256 = serializers.CharField()


class SellerOutput(serializers.Serializer):
    """The company's details on its invoices."""

    object = serializers.ChoiceField(choices=["seller"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    legal_name = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    tax_ids = TaxIdOutput(many=True)
    bank_details = BankDetailsOutput(allow_null=True)
    logo = LogoOutput(allow_null=True)
    footer = serializers.CharField(allow_null=True)
    number_prefix = serializers.CharField(allow_null=True)
    language = serializers.ChoiceField(choices=Language.values)
    updated = serializers.DateTimeField(allow_null=True, help_text="Null until it is filled in.")
