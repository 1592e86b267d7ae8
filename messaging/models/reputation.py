"""The reputation of a company's email: its bounces and complaints, and the resulting limits."""

from django.db import models

from core import clock
from core.tenancy import TenantModel


class Reputation(TenantModel):
    """A row for each tenant whose live email has bounced or was reported as spam (docs/messaging.md, Reputation).

    Events since `counted_from` count (NULL: the whole window). `appeal` is the company's statement, `decision` the answer of staff.
    """

    id_prefix = "rep"

    class State(models.TextChoices):
        """The limits on the company's email."""

        GOOD = "good", "Good"
        SLOWED = "slowed", "Slowed"
        PAUSED = "paused", "Paused"

    state = models.CharField(max_length=6, choices=State, default=State.GOOD)
    since = models.DateTimeField(default=clock.now)
    sent = models.PositiveIntegerField(default=0)
    bounced = models.PositiveIntegerField(default=0)
    complained = models.PositiveIntegerField(default=0)
    counted_from = models.DateTimeField(null=True)
    appeal = models.CharField(max_length=1000, blank=True)
    appealed_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=500, blank=True, help_text="What staff said when they lifted it.")
    notified_at = models.DateTimeField(null=True, help_text="When owners were last notified by email.")
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode"], name="messaging_reputation_one"),
            models.CheckConstraint(
                condition=models.Q(state__in=["good", "slowed", "paused"]),
                name="messaging_reputation_known_state",
            ),
        ]
        indexes = [
            models.Index(fields=["state"], name="messaging_reputation_bad", condition=~models.Q(state="good"))
        ]
        permissions = [("lift_reputation", "Can lift what follows from a bad reputation")]

    def __str__(self) -> str:
        return self.state

    @property
    def bounce_rate(self) -> float:
        """The share of attempted recipients that bounced."""
        tried = self.sent + self.bounced
        return self.bounced / tried if tried else 0.0

    @property
    def complaint_rate(self) -> float:
        """The share of sent recipients that complained."""
        return self.complained / self.sent if self.sent else 0.0


# The company has appealed and is waiting for a decision.
APPEAL_WAITS = ~models.Q(appeal="") & ~models.Q(state=Reputation.State.GOOD)
