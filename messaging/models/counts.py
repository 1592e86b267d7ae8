"""Counts of recipients: per day for the daily caps, and per hour for statistics."""

from django.db import models

from core.tenancy import TenantModel


class DailyUsage(TenantModel):
    """The recipients of a channel on one UTC day, counted by the daily caps (docs/architecture.md, Limits).

    With many concurrent senders, a part is reserved for shares (`DailyShare`); `messaging.selectors.usage` reads both.
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
    """The number of recipients that reached `status` in one hour, summed up by charts and `/v1/analytics/messages`.

    Written as small rows in the transaction of the change, so that sums are exact at any time and no two changes wait for each
    other; a task folds them into one row per key (`folded`). `tag` is "" in the row that counts every recipient; each tag of the
    message has its own row. `latency` is a bucket of `messaging.latency`, -1 if none is measured.
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
