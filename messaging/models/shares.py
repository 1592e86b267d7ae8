"""Shares of a daily cap, for companies that send from many threads at once."""

from django.db import models

from core.tenancy import TenantModel


class DailyShare(TenantModel):
    """Recipients reserved from a channel's day, so that not every sender locks the row of its `DailyUsage`.

    They are included in that row's count; `unused` is the part not yet used. Rows are created and removed automatically
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
