"""What a gateway must do. Its calls are made outside of any transaction and repeated under the same key until answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    """Take `amount` minor units of `currency`. `key` is our idempotency key: one key, at most one charge.

    `ordered_at` says how old the order is: a service that forgets keys has to look for the charge of an old one.
    """

    key: str
    mode: str
    ordered_at: datetime
    amount: int
    currency: str
    payment_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Give `amount` minor units of `currency` back of the charge the gateway calls `charge_reference`."""

    key: str
    mode: str
    ordered_at: datetime
    amount: int
    currency: str
    charge_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOrder:
    """Let a payer pay `amount` minor units of `currency` on the gateway's own page, until `expires_at`.

    `session` is the gateway's name for that page, "" before there is one.
    """

    key: str
    mode: str
    amount: int
    currency: str
    expires_at: datetime
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutPage:
    """A page of the gateway's at which a payer can pay now."""

    session: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A definitive answer. `reference` is the gateway's own name for what it did."""

    succeeded: bool
    reference: str
    failure_code: str = ""
    failure_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReport:
    """Something became of a payment, says the gateway by itself: of the one under our `key`, "" if it named none.

    `failed` is said of refunds only: banks send some back days later. `taken` is said of payments: the money came.
    """

    mode: str
    key: str
    reference: str
    failed: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeReport:
    """Something became of a dispute about the charge that the gateway calls `charge_reference`.

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
    """No definitive answer came: the order may or may not have been carried out. Ask again under the same key."""


class GatewayMisconfigured(Exception):
    """The gateway refuses us, not the order: a wrong key, a missing right. Staff are told, and the order waits."""


class Gateway(Protocol):
    """A payment service. Stateless; shared by all threads of a process.

    `payment_methods` are those a person can choose from, none where each payer has their own.
    `charge`, `refund` and `abandon` may raise GatewayMisconfigured as well.
    """

    name: str
    payment_methods: Sequence[str]

    def takes(self, mode: str) -> bool:
        """Tell whether new charges of `mode` can be put to it."""

    def payment_method_problem(self, payment_method: str) -> str:
        """Return why this cannot be charged, as a sentence, or ""."""

    def amount_problem(self, amount: int, currency: str) -> str:
        """Return why so many minor units of ISO 4217 cannot be charged or refunded, as a sentence, or ""."""

    def charge(self, order: ChargeOrder) -> Outcome:
        """Take the money, once per key. Raises GatewayUnavailable."""

    def refund(self, order: RefundOrder) -> Outcome:
        """Give the money back, once per key. Raises GatewayUnavailable."""

    def abandon(self, order: ChargeOrder | RefundOrder) -> Outcome:
        """Stop waiting: return what became of the order, or make sure that nothing ever will. Raises GatewayUnavailable.

        After it returned a failure, no earlier or later attempt under the same key may take or return money.
        """


@runtime_checkable
class CheckoutGateway(Gateway, Protocol):
    """A gateway that can also take the money from a payer who is there, on a page of its own. Optional.

    A page is good for one payment at most. All calls may raise GatewayUnavailable and GatewayMisconfigured.
    """

    def checkout_origin(self) -> str:
        """Return scheme and host of its pages; no other address is a payer sent to."""

    def open_checkout(
        self, order: CheckoutOrder, *, title: str, return_to: str, attempt: str
    ) -> CheckoutPage | Outcome:
        """Make the page; under one `attempt` always the same one. An Outcome is the refusal of the order itself.

        `title` says what is paid; `return_to` is our page, to which `?payment=done` or `?payment=left` is added.
        """

    def reopen_checkout(self, order: CheckoutOrder) -> CheckoutPage | None:
        """Return the page of `order.session`, or None when nobody can pay there any more."""

    def ask_checkout(self, order: CheckoutOrder) -> Outcome | None:
        """Return what became of `order.session`, or None as long as that is open."""

    def end_checkout(self, order: CheckoutOrder) -> Outcome | None:
        """Make sure that nobody can pay at `order.session` any more, and return what became of it until then.

        None when a payment is being processed at this moment.
        """
