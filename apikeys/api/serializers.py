"""What the keys app's endpoint answers."""

from rest_framework import serializers

from accounts.models import Company
from core.api.scopes import SCOPES


class WhoAmIKeyOutput(serializers.Serializer):
    """The key that calls."""

    client_id = serializers.CharField()
    name = serializers.CharField()
    expires = serializers.DateTimeField(allow_null=True)


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

    object = serializers.CharField()
    key = WhoAmIKeyOutput()
    company = WhoAmICompanyOutput()
    mode = serializers.ChoiceField(choices=["live", "test"])
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(SCOPES)))
    limits = WhoAmILimitsOutput()
