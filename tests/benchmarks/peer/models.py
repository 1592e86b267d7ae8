"""The peer's customers: the columns that integrators see, in an ordinary Django table."""

import uuid

from django.db import models


class PeerCustomer(models.Model):
    """A customer without tenant, mode or policies."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=32, blank=True)
    address = models.JSONField(null=True)
    external_id = models.CharField(max_length=100, null=True, unique=True)  # noqa: DJ001 - as in the product
    metadata = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "peer"
        ordering = ["-created"]
        indexes = [models.Index(fields=["-created"], name="peer_customer_created")]

    def __str__(self) -> str:
        return self.name
