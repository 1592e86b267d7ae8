"""The field types of a new resource, and their source code in models, serializers, forms and samples."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One field type, and its source code in the model, the serializers and the samples.

    `options` are the options of the model field, `checks` those of the input serializer field. `values` are two samples as
    Python source, in which `tag` and `number` are random.
    """

    model: str
    options: str
    serializer: str
    checks: str
    output: str
    values: tuple[str, str]
    meaning: str
    can_be_unique: bool = True
    formatter: str = ""
    help_text: str = ""


KINDS: dict[str, Kind] = {
    "text": Kind(
        "CharField",
        "max_length=200",
        "CharField",
        "max_length=200",
        "CharField",
        ('f"Example {tag}"', '"Another example"'),
        "up to 200 characters",
    ),
    "email": Kind(
        "EmailField",
        "max_length=254",
        "EmailAddressField",
        "max_length=254",
        "CharField",
        ('f"ada-{tag}@example.com"', '"grace@example.com"'),
        "an email address",
    ),
    "url": Kind(
        "URLField",
        "max_length=2000",
        "URLField",
        "max_length=2000",
        "CharField",
        ('f"https://example.com/{tag}"', '"https://example.com/other"'),
        "a URL",
    ),
    "integer": Kind(
        "IntegerField",
        "",
        "IntegerField",
        "min_value=-MAX_INTEGER, max_value=MAX_INTEGER",
        "IntegerField",
        ("number", "7"),
        "a 32-bit integer",
    ),
    "money": Kind(
        "BigIntegerField",
        "",
        "IntegerField",
        "min_value=0, max_value=MAX_AMOUNT",
        "IntegerField",
        ("number", "1500"),
        "an amount in minor units (cents), 0 or more",
        can_be_unique=False,
        help_text="In minor units, such as cents.",
    ),
    "boolean": Kind(
        "BooleanField",
        "",
        "BooleanField",
        "",
        "BooleanField",
        ("True", "False"),
        "true or false",
        can_be_unique=False,
    ),
    "date": Kind(
        "DateField",
        "",
        "DayField",
        "",
        "DateField",
        ('"2026-01-31"', '"2026-02-28"'),
        "a date",
        can_be_unique=False,
        formatter="{}.isoformat()",
    ),
    "moment": Kind(
        "DateTimeField",
        "",
        "MomentField",
        "",
        "DateTimeField",
        ('"2026-01-31T12:00:00.000000Z"', '"2026-02-28T12:00:00.000000Z"'),
        "a date and time",
        can_be_unique=False,
        formatter="rfc3339({})",
    ),
    "metadata": Kind(
        "JSONField",
        "default=dict",
        "MetadataField",
        "",
        "DictField",
        ('{"colour": "green"}', '{"colour": "blue"}'),
        "the integrator's own key-value pairs",
        can_be_unique=False,
    ),
}

# Pomelo's own serializer fields and their modules.
OWN_FIELDS = {
    "DayField": "core.api.fields",
    "EmailAddressField": "core.api.fields",
    "MomentField": "core.api.fields",
    "PublicIdField": "core.api.fields",
    "MetadataField": "core.api.serializers",
    "StrictSerializer": "core.api.serializers",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a reference field."""

    collection: str
    object: str
    prefix: str
    model: str  # billing.Customer
    app: str  # the package: billing
    finder: str  # the selector that looks up one object by its public id, or empty

    @property
    def class_name(self) -> str:
        """The name of the model's class."""
        return self.model.rpartition(".")[2]

    @property
    def label(self) -> str:
        """The label of its app, as used by migrations."""
        return self.model.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ResourceField:
    """One field of the new resource."""

    name: str
    kind: Kind | None
    is_unique: bool
    is_optional: bool
    target: Target | None = None

    @property
    def label(self) -> str:
        """The display name: `Unit amount`."""
        return self.name.replace("_", " ").capitalize()

    @property
    def is_text(self) -> bool:
        """Whether its values are text, and can therefore serve as an object's name."""
        return self.kind is KINDS["text"]

    @property
    def is_money(self) -> bool:
        """Whether its values are amounts of money."""
        return self.kind is KINDS["money"]

    @property
    def is_metadata(self) -> bool:
        """Whether it holds the integrator's own key-value pairs."""
        return self.kind is KINDS["metadata"]

    @property
    def is_nullable(self) -> bool:
        """Whether an omitted value is stored as NULL. Omitted metadata is stored as an empty object."""
        return self.is_optional and not self.is_metadata

    @property
    def is_stored_as_text(self) -> bool:
        """Whether it is a string column, for which Django prefers an empty string to NULL."""
        return self.kind is not None and self.kind.model in ("CharField", "EmailField", "URLField")

    @property
    def attribute(self) -> str:
        """The attribute that the representation reads."""
        return f"{self.name}_id" if self.target else self.name

    @property
    def model_source(self) -> str:
        """The source code of the model field."""
        null = "null=True" if self.is_nullable else ""
        if self.target:
            options = [
                f'"{self.target.model}"',
                "on_delete=models.PROTECT",
                null,
                'related_name="+"',
                "db_index=False",
            ]
            return f"TenantForeignKey({', '.join(filter(None, options))})"
        assert self.kind is not None
        options = [self.kind.options, null]
        source = f"models.{self.kind.model}({', '.join(filter(None, options))})"
        if null and self.is_stored_as_text:
            source += "  # noqa: DJ001  NULL: omitted"
        return source

    @property
    def input_source(self) -> str:
        """The source code of the field in the input serializer."""
        required = ["required=False"] if self.is_optional or self.is_metadata else []
        if self.is_nullable:
            required.append("allow_null=True")
        if self.target:
            return f"PublicIdField({', '.join([repr(self.target.prefix), *required])})".replace("'", '"')
        assert self.kind is not None
        text = f'help_text="{self.kind.help_text}"' if self.kind.help_text else ""
        options = ", ".join(filter(None, [self.kind.checks, *required, text]))
        module = "" if self.kind.serializer in OWN_FIELDS else "serializers."
        return f"{module}{self.kind.serializer}({options})"

    @property
    def output_source(self) -> str:
        """The source code of the field in the output serializer."""
        null = "allow_null=True" if self.is_nullable else ""
        if self.target:
            return f'PublicIdField("{self.target.prefix}"{", " + null if null else ""})'
        assert self.kind is not None
        if self.is_metadata:
            return "serializers.DictField(child=serializers.CharField(allow_blank=True))"
        return f"serializers.{self.kind.output}({null})"

    @property
    def representation_source(self) -> str:
        """The source code of its value in the representation."""
        value = f"row.{self.attribute}"
        if self.target:
            shown = f'ids.encode("{self.target.prefix}", {value})'
        else:
            assert self.kind is not None
            shown = (self.kind.formatter or "{}").format(value)
        return f"{shown} if {value} is not None else None" if self.is_nullable and shown != value else shown

    @property
    def sample(self) -> str:
        """A value to create an object with, as Python source."""
        assert self.kind is not None
        return self.kind.values[0]

    @property
    def varies(self) -> bool:
        """Whether each sample differs from the others."""
        return self.kind is None or any(word in self.sample for word in ("tag", "number"))

    @property
    def other(self) -> str:
        """A value to change to, as Python source. If samples vary, the next sample is used instead."""
        assert self.kind is not None
        return self.kind.values[1]

    @property
    def is_moment(self) -> bool:
        """Whether it is a date and a time, which pages show in the reader's time zone."""
        return self.kind is KINDS["moment"]

    @property
    def is_day(self) -> bool:
        """Whether it is a day, the same in every time zone."""
        return self.kind is KINDS["date"]

    @property
    def is_number(self) -> bool:
        """Whether its values are right-aligned in tables."""
        return self.kind is not None and self.kind.model in ("IntegerField", "BigIntegerField")

    @property
    def label_lower(self) -> str:
        """The display name in the middle of a sentence."""
        return self.name.replace("_", " ")

    @property
    def max_length(self) -> str:
        """The maximum length of its values, as a filter option."""
        assert self.kind is not None
        return self.kind.options

    @property
    def example_source(self) -> str:
        """A value for the OpenAPI document, as Python source."""
        assert self.kind is not None
        text = self.kind.values[0].removeprefix("f").replace("{tag}", "4711").replace("number", "4200")
        return text.replace("-4711", "") if self.kind is KINDS["email"] else text
