"""How many recipients there were: in a day, for the daily caps, and in an hour, for statistics."""

from django.db import models

from core.tenancy import TenantModel


class DailyUsage(TenantModel):
    """How many recipients a channel has been given for one UTC day: what the daily caps count (docs/architecture.md, Limits).

    Under many senders at once a part of them is set aside for shares (`DailyShare`); `messaging.selectors.usage` reads both.
    """

    channel = models.CharField(max_length=16)
    day = models.DateField()
    recipients = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        verbose_name = verbose_name_plural = "daily usage"
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "channel", "day"], name="messaging_dailyusage_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.day}: {self.recipients}"


class MessageStat(TenantModel):
    """So many recipients came to `status` in one hour. What charts and `/v1/analytics/messages` add up.

    Written as small rows in the transaction of the change, so the sums are exact at any moment and no two changes wait for
    each other; a task folds them into one row per key (`folded`). `tag` is "" in the row that counts every recipient; each
    tag of the message has a row of its own. `latency` is a bucket of `messaging.latency`, -1 where none is measured.
    """

    hour = models.DateTimeField()
    channel = models.CharField(max_length=16)
    tag = models.CharField(max_length=50, blank=True)
    status = models.CharField(max_length=16)
    latency = models.SmallIntegerField(default=-1)
    recipients = models.IntegerField()
    folded = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "tag", "hour", "channel", "status", "latency"],
                name="messaging_messagestat_folded",
                condition=models.Q(folded=True),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "mode", "tag", "hour"], name="messaging_messagestat_tag"),
            models.Index(fields=["company", "mode", "hour"], name="messaging_messagestat_hour"),
            models.Index(fields=["id"], name="messaging_messagestat_loose", condition=models.Q(folded=False)),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.status}: {self.recipients}"
