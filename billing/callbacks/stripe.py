"""Stripe's events: `/callbacks/stripe`, one URL for both modes, each with its own signing secret.

Unless Stripe is configured, no signature could be valid, and the SDK is not even imported.
"""

from django.http import HttpRequest

from billing import services
from billing.gateways import DisputeReport, gateway_names
from core.http.callbacks import TooEarly, Unverified, callback


@callback
def stripe(request: HttpRequest) -> None:
    """Receive an event. Irrelevant events are acknowledged, so that Stripe does not resend them for days."""
    if "stripe" not in gateway_names():
        raise Unverified("Stripe is not set up")
    from billing.gateways.stripe_events import read_event

    report = read_event(request.headers.get("Stripe-Signature", ""), request.body)
    if isinstance(report, DisputeReport):
        # Checked first: the report finds a response that arrives in between.
        may_be_too_early = services.is_answer_awaited(gateway="stripe", report=report)
        if not services.handle_dispute_report(gateway="stripe", report=report) and may_be_too_early:
            # Stripe resends what it could not deliver.
            raise TooEarly(f"{report.reference} may be about a charge whose answer is not noted yet")
    elif report is not None:
        services.handle_payment_report(gateway="stripe", report=report)
