"""Tables of messaging: messages and their status, SMS costs, verified senders, and templates."""

from messaging.models.counts import DailyUsage, MessageStat
from messaging.models.messages import (
    FOLLOWS,
    HELD,
    MAX_RECIPIENTS,
    MAX_TOPIC,
    PRECEDENCE,
    Message,
    MessageAttachment,
    MessageTag,
    Recipient,
    RecipientEvent,
    Status,
)
from messaging.models.reputation import Reputation
from messaging.models.senders import CompanySenders, DkimKey, SenderDomain, SmsCountries, SmsSender
from messaging.models.shares import DailyShare
from messaging.models.spend import SmsPrice, SmsSpend, SmsSpendCap
from messaging.models.suppressions import Suppression
from messaging.models.templates import Template, TemplateVersion

__all__ = [
    "FOLLOWS",
    "HELD",
    "MAX_RECIPIENTS",
    "MAX_TOPIC",
    "PRECEDENCE",
    "CompanySenders",
    "DailyShare",
    "DailyUsage",
    "DkimKey",
    "Message",
    "MessageAttachment",
    "MessageStat",
    "MessageTag",
    "Recipient",
    "RecipientEvent",
    "Reputation",
    "SenderDomain",
    "SmsCountries",
    "SmsPrice",
    "SmsSender",
    "SmsSpend",
    "SmsSpendCap",
    "Status",
    "Suppression",
    "Template",
    "TemplateVersion",
]
