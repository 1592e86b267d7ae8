"""Bodies of requests, kept for a while for people to read."""

from django.db import models

from core.tenancy import TenantModel


class RequestBodies(TenantModel):
    """What was sent and answered in a request, redacted and encrypted (audit.kept). `id` is the request's own id.

    A row of the request log may be missing, or be written later: neither waits for the other. `created` is when the request
    was answered.
    """

    request = models.BinaryField()
    response = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = "bodies of a request"
        verbose_name_plural = "bodies of requests"
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created")), name="audit_requestbodies_expires"
            ),
        ]
        # The oldest of all companies, which go first (audit.retention).
        indexes = [models.Index(fields=["expires_at"], name="audit_requestbodies_expires_at")]

    def __str__(self) -> str:
        return f"bodies of {self.id}"
