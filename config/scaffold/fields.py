"""The fields of a new resource: how the model, the serializers, the forms and the samples write each type."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of field: how the model, the serializers and the samples write it.

    `options` are those of the model's field, `checks` those of the input serializer; `values` are two samples as Python
    source, in which `tag` and `number` are others each time.
    """

    model: str
    options: str
    serializer: str
    checks: str
    output: str
    values: tuple[str, str]
    meaning: str
    can_be_unique: bool = True
    shown_by: str = ""
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
        "an address of the web",
    ),
    "integer": Kind(
        "IntegerField",
        "",
        "IntegerField",
        "min_value=-MAX_INTEGER, max_value=MAX_INTEGER",
        "IntegerField",
        ("number", "7"),
        "a whole number of 32 bits",
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
        "a day",
        can_be_unique=False,
        shown_by="{}.isoformat()",
    ),
    "moment": Kind(
        "DateTimeField",
        "",
        "MomentField",
        "",
        "DateTimeField",
        ('"2026-01-31T12:00:00.000000Z"', '"2026-02-28T12:00:00.000000Z"'),
        "a date and a time",
        can_be_unique=False,
        shown_by="rfc3339({})",
    ),
    "metadata": Kind(
        "JSONField",
        "default=dict",
        "MetadataField",
        "",
        "DictField",
        ('{"colour": "green"}', '{"colour": "blue"}'),
        "names and texts of the integrator's own",
        can_be_unique=False,
    ),
}

# Fields of serializers that are Pomelo's own, by the module they come from.
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
    """What a field of references points to."""

    collection: str
    object: str
    prefix: str
    model: str  # billing.Customer
    app: str  # the package: billing
    finder: str  # the selector that finds one by its public id, or empty

    @property
    def class_name(self) -> str:
        """The name of the model's class."""
        return self.model.rpartition(".")[2]

    @property
    def label(self) -> str:
        """The label of its app, by which migrations know it."""
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
        """The name for people: `Unit amount`."""
        return self.name.replace("_", " ").capitalize()

    @property
    def is_text(self) -> bool:
        """Whether its values are texts, and so what a person knows an object by."""
        return self.kind is KINDS["text"]

    @property
    def is_money(self) -> bool:
        """Whether its values are amounts."""
        return self.kind is KINDS["money"]

    @property
    def is_metadata(self) -> bool:
        """Whether it is the integrator's own names and texts."""
        return self.kind is KINDS["metadata"]

    @property
    def may_be_null(self) -> bool:
        """Whether "not given" is stored as NULL; metadata that is not given is empty."""
        return self.is_optional and not self.is_metadata

    @property
    def is_stored_as_text(self) -> bool:
        """Whether its column is one of those that Django would rather have empty than NULL."""
        return self.kind is not None and self.kind.model in ("CharField", "EmailField", "URLField")

    @property
    def attribute(self) -> str:
        """The column: what a representation reads."""
        return f"{self.name}_id" if self.target else self.name

    @property
    def model_source(self) -> str:
        """The field of the model."""
        null = "null=True" if self.may_be_null else ""
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
            source += "  # noqa: DJ001  NULL: not given"
        return source

    @property
    def input_source(self) -> str:
        """The field of the serializer that reads a body."""
        required = ["required=False"] if self.is_optional or self.is_metadata else []
        if self.may_be_null:
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
        """The field of the serializer that describes an answer."""
        null = "allow_null=True" if self.may_be_null else ""
        if self.target:
            return f'PublicIdField("{self.target.prefix}"{", " + null if null else ""})'
        assert self.kind is not None
        if self.is_metadata:
            return "serializers.DictField(child=serializers.CharField(allow_blank=True))"
        return f"serializers.{self.kind.output}({null})"

    @property
    def shown_source(self) -> str:
        """What a representation says of it."""
        value = f"row.{self.attribute}"
        if self.target:
            shown = f'ids.encode("{self.target.prefix}", {value})'
        else:
            assert self.kind is not None
            shown = (self.kind.shown_by or "{}").format(value)
        return f"{shown} if {value} is not None else None" if self.may_be_null and shown != value else shown

    @property
    def sample(self) -> str:
        """A value to create with, as Python source."""
        assert self.kind is not None
        return self.kind.values[0]

    @property
    def varies(self) -> bool:
        """Whether each sample is another one."""
        return self.kind is None or any(word in self.sample for word in ("tag", "number"))

    @property
    def other(self) -> str:
        """A value to change to, as Python source; where samples vary, the next one is good enough."""
        assert self.kind is not None
        return self.kind.values[1]

    @property
    def is_number(self) -> bool:
        """Whether its values stand to the right in a table."""
        return self.kind is not None and self.kind.model in ("IntegerField", "BigIntegerField")

    @property
    def label_lower(self) -> str:
        """The name for people inside of a sentence."""
        return self.name.replace("_", " ")

    @property
    def max_length(self) -> str:
        """The greatest length of its texts, as an option of a filter."""
        assert self.kind is not None
        return self.kind.options

    @property
    def example_source(self) -> str:
        """A value for the OpenAPI document, as Python source."""
        assert self.kind is not None
        text = self.kind.values[0].removeprefix("f").replace("{tag}", "4711").replace("number", "4200")
        return text.replace("-4711", "") if self.kind is KINDS["email"] else text
