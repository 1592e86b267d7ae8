"""Responses of the keys app's endpoint."""

from rest_framework import serializers

from accounts.models import Company
from apikeys.models import ApiKey
from core.api.scopes import SCOPES


class WhoAmIKeyOutput(serializers.Serializer):
    """The key that calls."""

    client_id = serializers.CharField()
    name = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    api_version = serializers.CharField(help_text="The version of the API that the key is pinned to.")


class WhoAmICompanyOutput(serializers.Serializer):
    """The company the key belongs to."""

    id = serializers.CharField()
    name = serializers.CharField()
    tier = serializers.ChoiceField(choices=Company.Tiers.values)


class WhoAmILimitsOutput(serializers.Serializer):
    """Requests per minute of each policy."""

    key = serializers.IntegerField()
    company = serializers.IntegerField()
    messages = serializers.IntegerField()


class WhoAmIOutput(serializers.Serializer):
    """Who is calling, and what they may do."""

    object = serializers.ChoiceField(choices=["whoami"])
    key = WhoAmIKeyOutput()
    company = WhoAmICompanyOutput()
    mode = serializers.ChoiceField(choices=["live", "test"])
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(SCOPES)))
    limits = WhoAmILimitsOutput()


class ApiKeyOutput(serializers.Serializer):
    """An API key, as its events carry it; keys are managed on the dashboard."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["api_key"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(choices=ApiKey.Kind.choices)
    api_version = serializers.CharField(help_text="The version of the API that the key is pinned to.")
    scopes = serializers.ListField(child=serializers.CharField())
    rate_limit = serializers.IntegerField(help_text="Requests per minute.")
    allowed_ips = serializers.ListField(child=serializers.CharField())
    allowed_origins = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    rotation_days = serializers.IntegerField(allow_null=True)
    rotated_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
