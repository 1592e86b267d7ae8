"""Messaging's tasks. They carry no message: each queries the tables for what is due."""

from core.background.jobs import system_task, tenant_task
from messaging import services


@system_task(name="messaging.send_due", expires=30)
def send_due() -> int:
    """Send the messages that are due."""
    return services.send_due_messages()


@system_task(name="messaging.check_domains", expires=60)
def check_domains() -> int:
    """Check the DNS records of sender domains that are due."""
    return services.check_due_domains()


@system_task(name="messaging.fold_statistics", expires=60)
def fold_statistics() -> int:
    """Fold the statistics written since the last run."""
    return services.fold_statistics()


@system_task(name="messaging.prune")
def prune() -> int:
    """Delete expired messages, statistics and counts."""
    return services.prune_messages()


@system_task(name="messaging.evaluate_reputations", expires=300)
def evaluate_reputations() -> int:
    """Evaluate the companies whose live email bounced or was reported."""
    return services.evaluate_reputations()


@system_task(name="messaging.fetch_prices", expires=60)
def fetch_prices() -> int:
    """Fetch the prices of SMS that are due."""
    return services.fetch_due_prices()


@tenant_task(name="messaging.notify_of_spent_days")
def notify_of_spent_days() -> int:
    """Notify the owners of a company whose SMS limit was lowered of the days that exceed it."""
    return services.notify_of_spent_days()
