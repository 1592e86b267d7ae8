"""The peer's list (tests.benchmarks.peer) on our side: the same columns by the same kind of serializer, and the whole guard."""

from rest_framework import serializers

from billing.models import Customer
from core.api.views import ModelViewSet


class CustomerSerializer(serializers.ModelSerializer):
    """The columns that the peer's table has."""

    class Meta:
        model = Customer
        fields = [
            "id", "name", "email", "phone", "address", "external_id", "metadata", "created", "updated",
        ]  # fmt: skip


class CustomerViewSet(ModelViewSet):
    """Nothing of our own but the names of the scopes."""

    scopes = {
        "list": "customers:read",
        "retrieve": "customers:read",
        "create": "customers:write",
        "update": "customers:write",
        "partial_update": "customers:write",
        "destroy": "customers:write",
    }
    # As `manage.py startresource` writes it: what is deleted is not listed, and the index of its lists knows of the others only.
    queryset = Customer.objects.filter(deleted_at=None)
    serializer_class = CustomerSerializer
