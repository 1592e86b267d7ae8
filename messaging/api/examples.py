"""What examples of messaging show in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

from core.api.examples import MOMENT, public_id

EXAMPLES = {
    "MessageAnalytics.from": MOMENT,
    "MessageAnalytics.object": "message_analytics",
    "MessageAnalytics.to": MOMENT,
    "MessageChannelTotals.channel": "email",
    "EmailMessageInput.tags": ["welcome"],
    "EmailSuppressionInput.address": "bob@example.com",
    "Message.customer": public_id("cus"),
    "Message.html": None,
    "Message.subject": "Your invoice",
    "Message.tags": ["welcome"],
    "Message.text": "Dear Ada, thank you for your order.",
    "MessageSummary.customer": public_id("cus"),
    "MessageSummary.object": "message",
    "MessageSummary.subject": "Your invoice",
    "MessageSummary.tags": ["welcome"],
    "MessageSummary.to": ["ada@example.com"],
    "Recipient.error": None,
    "Recipient.to": "ada@example.com",
    "SenderDomain.domain": "acme.example",
    "SenderDomain.first_failed_at": None,
    "SenderDomain.object": "sender_domain",
    "SenderDomainInput.domain": "acme.example",
    "SenderRecord.found": [],
    "SenderRecord.name": "_pomelo-challenge.acme.example",
    "SenderRecord.type": "TXT",
    "SenderRecord.value": "pomelo=5f2c…",
    "SmsMessageInput.tags": ["welcome"],
    "SmsMessageInput.to": ["+4915112345678"],
    "SmsSuppressionInput.address": "+4915112345678",
    "Suppression.address": "bob@example.com",
    "MessageTagTotals.tag": "welcome",
    "bcc": [],
    "cc": [],
    "from": "Acme <news@acme.example>",
    "html": "<p>Dear Ada, thank you for your order.</p>",
    "reply_to": [],
    "tag": None,
}

# Fields of a request that its example does without.
LEFT_OUT = ["bcc", "cc", "from", "reply_to", "send_at"]
