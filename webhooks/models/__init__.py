"""The tables of webhooks."""

from webhooks.models.delivery import Attempt, Delivery, EventBody
from webhooks.models.endpoint import Endpoint, EndpointSecret
from webhooks.models.recovery import RecoveryJob
from webhooks.models.statistics import LATENCY, EndpointHour

__all__ = [
    "LATENCY",
    "Attempt",
    "Delivery",
    "Endpoint",
    "EndpointHour",
    "EndpointSecret",
    "EventBody",
    "RecoveryJob",
]
