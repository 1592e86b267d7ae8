"""How a company's email is received: what bounces and what is reported, and what follows from it."""

from django.db import models

from core import clock
from core.tenancy import TenantModel


class Reputation(TenantModel):
    """One row for each tenant whose live email has bounced or was reported (docs/messaging.md, Reputation).

    Counted is what happened since `counted_from` (NULL: for as long as the window reaches). What the company says to it is
    `appeal`, what staff answered `decision`.
    """

    id_prefix = "rep"

    class State(models.TextChoices):
        """What the company may send."""

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
        """The share of what was tried that bounced."""
        tried = self.sent + self.bounced
        return self.bounced / tried if tried else 0.0

    @property
    def complaint_rate(self) -> float:
        """The share of what was sent that its recipients have reported."""
        return self.complained / self.sent if self.sent else 0.0


# The company has said something to what follows from its reputation, and waits for an answer.
APPEAL_WAITS = ~models.Q(appeal="") & ~models.Q(state=Reputation.State.GOOD)
