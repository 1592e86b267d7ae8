"""`POST /v1/invoices/{id}/send`. It is here because billing does not depend on messaging."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from billing.export.documents import Document
from billing.selectors import get_invoice
from core.api.access import ApiRequest
from core.api.serializers import StrictSerializer
from core.api.views import GenericViewSet
from core.security.reach import lacking, require_reach
from messaging import representations
from messaging.api.serializers import MessageSummaryOutput, addresses
from messaging.api.throttles import MessagesThrottle
from messaging.api.views import accept
from messaging.channels import get_channel
from messaging.services.invoices import MAX_MESSAGE, make_document, send_invoice

EMAIL = get_channel("email")
# The response contains invoice data, which needs the scope to read invoices.
_SHOWN = ["invoice.sent"]


class SendInvoiceInput(StrictSerializer):
    """The recipient and the texts of an invoice email."""

    body_is_optional = True

    to = addresses(help_text="Default: the customer's own email address.")
    subject = serializers.CharField(
        max_length=998,
        required=False,
        trim_whitespace=False,
        help_text="Default: the invoice number and the seller, in the customer's language.",
    )
    message = serializers.CharField(
        max_length=MAX_MESSAGE,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Shown above the amount due and the link to the invoice.",
    )
    json_schema = {
        "properties": {
            "to": {"items": EMAIL.address_schema},
            "subject": EMAIL.message_schema["properties"]["subject"],
        }
    }


class InvoiceSending(GenericViewSet):
    """`/v1/invoices/{id}/send`."""

    throttle_classes = [*GenericViewSet.throttle_classes, MessagesThrottle]
    scopes = {"send": ("messaging:send", EMAIL.scope)}
    document: Document | None = None

    def before_transaction(self, request: ApiRequest) -> None:
        """Create the PDF before the transaction, because it is slow."""
        if not lacking(request.user, _SHOWN):
            self.document = make_document(request.auth.tenant, self.kwargs["id"])

    @extend_schema(
        operation_id="send_invoice", request=SendInvoiceInput, responses={201: MessageSummaryOutput}
    )
    def send(self, request: ApiRequest, id: str) -> Response:
        """Send a finalized invoice by email, with its PDF and a link to its page, and return the message.

        The key also needs `invoices:read`.
        """
        fields = SendInvoiceInput.read(request)
        require_reach(request.user, _SHOWN)
        row = get_invoice(id)
        [sent] = accept(
            request,
            lambda: [send_invoice(invoice=row, document=self.document, actor=request.user, **fields)],
        )
        return Response(representations.summary(sent.message, sent.recipients), 201)
