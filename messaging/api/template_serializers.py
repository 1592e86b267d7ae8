"""Request and response fields of template endpoints. Texts and variables are validated by the service."""

from rest_framework import serializers

from core.api.fields import NameField
from core.api.serializers import StrictSerializer
from messaging.api.serializers import VariablesField, channel_names
from messaging.services.templates import MAX_VARIABLES, MAX_VERSIONS


class TemplateVariableInput(StrictSerializer):
    """A variable that the texts use or may use."""

    name = serializers.CharField(max_length=100, help_text="As used in the texts: `customer.name`.")
    default = serializers.CharField(
        max_length=10_000,
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Used when a message provides no value; without a default, it must provide one.",
    )
    example = serializers.CharField(
        max_length=10_000,
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The value that previews show.",
    )


class TemplateChange(StrictSerializer):
    """The fields of a template that can be changed. Changing the texts or variables creates a new version."""

    name = NameField(max_length=100, help_text="Unique among your templates of this mode.")
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    subject = serializers.CharField(max_length=998, required=False, allow_blank=True, trim_whitespace=False)
    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Values are HTML-escaped.",
    )
    variables = serializers.ListField(
        child=TemplateVariableInput(),
        max_length=MAX_VARIABLES,
        required=False,
        help_text="Defaults and examples. Variables that are used but not listed have neither.",
    )


class TemplateInput(TemplateChange):
    """Texts with variables, such as `Hello {{ customer.name }}`, used to create messages."""

    channel = serializers.ChoiceField(choices=channel_names())


class PreviewInput(StrictSerializer):
    """Values for a template's variables."""

    version = serializers.IntegerField(
        min_value=1,
        max_value=MAX_VERSIONS,
        required=False,
        allow_null=True,
        help_text="Default: the newest version.",
    )
    variables = VariablesField(
        allow_null=True, help_text="Validated like those of a message; null shows the examples."
    )


class TemplateVariableOutput(serializers.Serializer):
    """A variable of a template."""

    name = serializers.CharField()
    required = serializers.BooleanField(  # type: ignore[assignment]  # the metaclass takes declared fields away
        help_text="Whether a message must provide it: the texts use it, and it has no default."
    )
    default = serializers.CharField(allow_null=True)
    example = serializers.CharField(allow_null=True)


class TemplateSummaryOutput(serializers.Serializer):
    """A template without its texts, as in lists."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["template"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    channel = serializers.ChoiceField(choices=channel_names())
    version = serializers.IntegerField(help_text="The number of the newest version.")
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


class TemplateOutput(TemplateSummaryOutput):
    """A template with the texts of its newest version."""

    subject = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    html = serializers.CharField(allow_null=True)
    variables = TemplateVariableOutput(many=True)


class TemplateVersionOutput(serializers.Serializer):
    """One version of a template. It never changes."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["template_version"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    template = serializers.CharField()
    version = serializers.IntegerField()
    subject = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    html = serializers.CharField(allow_null=True)
    variables = TemplateVariableOutput(many=True)
    created = serializers.DateTimeField()


class TemplatePreviewOutput(serializers.Serializer):
    """The texts of a message created from the template."""

    object = serializers.ChoiceField(choices=["template_preview"])
    template = serializers.CharField()
    version = serializers.IntegerField()
    subject = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    html = serializers.CharField(allow_null=True)
