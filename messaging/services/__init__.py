"""Messaging's services, by subject: messages and their caps, suppressions, sending, and provider reports."""

from messaging.services.domain_checks import check_due_domains
from messaging.services.messages import cancel_message, check_cancel, create_batch, create_message
from messaging.services.outcomes import record_updates
from messaging.services.prices import fetch_due_prices
from messaging.services.reputation import appeal_reputation, evaluate_reputations, lift_reputation
from messaging.services.retention import prune as prune_messages
from messaging.services.sender_domains import (
    add_domain,
    check_rotate_key,
    delete_domain,
    prepare_key,
    prepare_keys,
    request_check,
    rotate_key,
)
from messaging.services.sending import send_due_messages
from messaging.services.sms_senders import (
    assign_sms_sender,
    choose_countries,
    claim_sms_sender,
    decide_sms_sender,
    delete_sms_sender,
)
from messaging.services.spend import notify_of_spent_days, set_spend_cap
from messaging.services.statistics import fold_statistics
from messaging.services.suppressions import create_suppression, delete_suppression
from messaging.services.templates import create_template, delete_template, update_template

__all__ = [
    "add_domain",
    "appeal_reputation",
    "assign_sms_sender",
    "cancel_message",
    "check_cancel",
    "check_due_domains",
    "check_rotate_key",
    "choose_countries",
    "claim_sms_sender",
    "create_batch",
    "create_message",
    "create_suppression",
    "create_template",
    "decide_sms_sender",
    "delete_domain",
    "delete_sms_sender",
    "delete_suppression",
    "delete_template",
    "evaluate_reputations",
    "fetch_due_prices",
    "fold_statistics",
    "lift_reputation",
    "notify_of_spent_days",
    "prepare_key",
    "prepare_keys",
    "prune_messages",
    "record_updates",
    "request_check",
    "rotate_key",
    "send_due_messages",
    "set_spend_cap",
    "update_template",
]
