"""The gateway interface. Calls are made outside of any transaction, and retried with the same key until there is an outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from django.core.checks import CheckMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    """An order to charge `amount` minor units of `currency`. `key` is our idempotency key: at most one charge per key.

    `ordered_at` is the time of the order: a service whose keys expire has to search for the charge of an old order.
    """

    key: str
    mode: str
    ordered_at: datetime
    amount: int
    currency: str
    payment_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """An order to refund `amount` minor units of `currency` of the charge with the gateway's id `charge_reference`."""

    key: str
    mode: str
    ordered_at: datetime
    amount: int
    currency: str
    charge_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOrder:
    """An order to let a payer pay `amount` minor units of `currency` on the gateway's hosted page, until `expires_at`.

    `session` is the gateway's id of that page, "" before there is one.
    """

    key: str
    mode: str
    amount: int
    currency: str
    expires_at: datetime
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutPage:
    """A hosted payment page that is open."""

    session: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A definitive result. `reference` is the gateway's id of the charge or refund."""

    succeeded: bool
    reference: str
    failure_code: str = ""
    failure_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReport:
    """A gateway's event about the payment with our `key`, "" if it names none.

    `failed` is only reported for refunds, some of which banks return days later. `taken` means that a payment succeeded.
    """

    mode: str
    key: str
    reference: str
    failed: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeReport:
    """A gateway's event about a dispute of the charge with its id `charge_reference`.

    `amount` is in minor units of ISO 4217, `status` one of billing.models.disputes.DisputeStatus, `reported_at` by the gateway's clock.
    """

    mode: str
    charge_reference: str
    reference: str
    amount: int
    currency: str
    reason: str
    status: str
    response_due_at: datetime | None
    reported_at: datetime


class GatewayUnavailable(Exception):
    """There is no definitive result: the order may or may not have been executed. Retry with the same key."""


class GatewayMisconfigured(Exception):
    """The gateway rejects our account rather than the order: a wrong key, a missing permission. The order waits for staff."""


class Gateway(Protocol):
    """A payment service. Stateless, and shared by all threads of a process.

    `payment_methods` lists the methods to choose from; empty where each payer has their own.
    `charge`, `refund` and `abandon` may raise GatewayMisconfigured as well.
    """

    name: str
    payment_methods: Sequence[str]

    @staticmethod
    def check_settings() -> Iterable[CheckMessage]:
        """Return what is wrong with the gateway's own settings. Called at start-up if it is configured, also as a former one.

        Each has the next ID that no other file uses (`pomelo.E0…`), so that silencing one silences nothing else.
        """

    def takes(self, mode: str) -> bool:
        """Return whether the gateway accepts new charges in `mode`."""

    def payment_method_problem(self, payment_method: str) -> str:
        """Return a sentence saying why this payment method cannot be charged, or ""."""

    def amount_problem(self, amount: int, currency: str) -> str:
        """Return a sentence saying why this amount, in ISO 4217 minor units, cannot be charged or refunded, or ""."""

    def charge(self, order: ChargeOrder) -> Outcome:
        """Execute the charge, once per key. Raises GatewayUnavailable."""

    def refund(self, order: RefundOrder) -> Outcome:
        """Execute the refund, once per key. Raises GatewayUnavailable."""

    def abandon(self, order: ChargeOrder | RefundOrder) -> Outcome:
        """Return the outcome of the order, or cancel it for good if it has none. Raises GatewayUnavailable.

        After it returned a failure, no earlier or later attempt with the same key may move money.
        """


@runtime_checkable
class CheckoutGateway(Gateway, Protocol):
    """A gateway that also offers a hosted payment page. Optional.

    A page accepts at most one payment. All calls may raise GatewayUnavailable and GatewayMisconfigured.
    """

    def checkout_origin(self) -> str:
        """Return the scheme and host of its pages, the only ones to which payers are redirected."""

    def open_checkout(
        self, order: CheckoutOrder, *, title: str, return_to: str, attempt: str
    ) -> CheckoutPage | Outcome:
        """Create the page, always the same one for an `attempt`. An Outcome means that the order itself was refused.

        `title` describes the purchase; `return_to` is our page, to which `?payment=done` or `?payment=left` is appended.
        """

    def reopen_checkout(self, order: CheckoutOrder) -> CheckoutPage | None:
        """Return the page of `order.session`, or None when it is no longer open."""

    def poll_checkout(self, order: CheckoutOrder) -> Outcome | None:
        """Return the outcome of `order.session`, or None while it is open."""

    def end_checkout(self, order: CheckoutOrder) -> Outcome | None:
        """Close the page of `order.session` and return its outcome.

        None while a payment is being processed.
        """
