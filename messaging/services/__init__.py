"""Writes of messaging, by subject: messages and their caps, suppressions, sending, and what providers tell."""

from messaging.services.messages import cancel_message, create_message
from messaging.services.outcomes import record_news
from messaging.services.sending import send_due_messages
from messaging.services.statistics import fold_statistics
from messaging.services.suppressions import create_suppression, delete_suppression

__all__ = [
    "cancel_message",
    "create_message",
    "create_suppression",
    "delete_suppression",
    "fold_statistics",
    "record_news",
    "send_due_messages",
]
