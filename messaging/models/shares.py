"""Shares of a day's cap, for companies that send with many hands at once."""

from django.db import models

from core.tenancy import TenantModel


class DailyShare(TenantModel):
    """Recipients that were set aside of a channel's day, so that not everybody counts in the row of its `DailyUsage`.

    They are part of that row's count; `unused` is what of them is free. Rows come and go by themselves
    (messaging/sql/count_recipients.sql): most companies have none.
    """

    channel = models.CharField(max_length=16)
    day = models.DateField()
    unused = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(fields=["company", "mode", "channel", "day"], name="messaging_dailyshare_day"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.day}: {self.unused} unused"
