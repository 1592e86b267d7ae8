"""Messaging's tasks. They carry no message: each looks into the tables for what is due."""

from core.background.jobs import system_task, tenant_task
from messaging import services


@system_task(name="messaging.send_due", expires=30)
def send_due() -> int:
    """Send the messages that are due."""
    return services.send_due_messages()


@system_task(name="messaging.check_domains", expires=60)
def check_domains() -> int:
    """Look at the DNS records of senders' domains that are due."""
    return services.check_due_domains()


@system_task(name="messaging.fold_statistics", expires=60)
def fold_statistics() -> int:
    """Fold the statistics that were written since the last time."""
    return services.fold_statistics()


@system_task(name="messaging.prune")
def prune() -> int:
    """Remove messages, statistics and counts that have been kept long enough."""
    return services.prune_messages()


@system_task(name="messaging.evaluate_reputations", expires=300)
def evaluate_reputations() -> int:
    """Judge the companies whose live email bounces or is reported."""
    return services.evaluate_reputations()


@system_task(name="messaging.fetch_prices", expires=60)
def fetch_prices() -> int:
    """Ask providers for the prices of SMS that are due."""
    return services.fetch_due_prices()


@tenant_task(name="messaging.notify_of_spent_days")
def notify_of_spent_days() -> int:
    """Notify a company whose limit on what SMS may cost was lowered of the days on which that is spent."""
    return services.notify_of_spent_days()
