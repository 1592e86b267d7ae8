from core.resources import MenuEntry, PomeloApp, Resource, Scope


class MessagingConfig(PomeloApp):
    """Email and SMS to a company's customers."""

    name = "messaging"
    api_urls = "messaging.api.urls"
    examples = "messaging.api.examples"
    page_urls = "messaging.dashboard.urls"
    page_prefix = "messages/"
    resources = (
        Resource(
            name="messages",
            object="message",
            prefix="msg",
            description="Email and SMS, sent immediately or later, and the status of each.",
            read_scope="messaging:read",
            # Without bodies, as in lists.
            payload="messaging.api.serializers.MessageSummaryOutput",
        ),
        Resource(
            name="suppressions",
            object="suppression",
            prefix="sup",
            description="Addresses that nothing is sent to.",
        ),
        Resource(
            name="sender_domains",
            object="sender_domain",
            prefix="sd",
            description="Domains that your live email is sent from, once DNS proves they are yours.",
        ),
        Resource(
            name="sms_senders",
            object="sms_sender",
            prefix="ss",
            description="Numbers and names that your live SMS are sent from, once staff have approved them.",
            label="SMS senders",
        ),
        Resource(
            name="templates",
            object="template",
            prefix="tpl",
            description="Reusable texts with variables, and their versions.",
        ),
        Resource(name="versions", object="template_version", prefix="tpv", read_scope="templates:read"),
        # The audit app counts requests under the same path.
        Resource(
            name="analytics",
            object="message_analytics",
            description="Counts and timings of messages and requests.",
        ),
    )
    scopes = (
        Scope("messaging:read", "Messages", "List and read messages"),
        Scope("messaging:send", "Messages", "Send messages on every channel", writes=True),
        Scope("email:send", "Messages", "Send email only", writes=True, aliases=("send_email",)),
        Scope("sms:send", "Messages", "Send SMS only", writes=True),
        Scope("suppressions:read", "Suppressions", "List suppressed addresses"),
        Scope("suppressions:write", "Suppressions", "Add and remove suppressed addresses", writes=True),
        Scope("sender_domains:read", "Sender domains", "List sender domains"),
        Scope("sender_domains:write", "Sender domains", "Add, verify and remove sender domains", writes=True),
        Scope("sms_senders:read", "SMS senders", "List SMS senders"),
        Scope("sms_senders:write", "SMS senders", "Request and remove SMS senders", writes=True),
        Scope("templates:read", "Templates", "List, read and preview templates"),
        Scope("templates:write", "Templates", "Create, change and delete templates", writes=True),
        Scope(
            "analytics:read",
            "Analytics",
            "Read message and request statistics",
            aliases=("read_analytics",),
        ),
    )
    finders = ("messaging.finding.find",)
    namers = ("messaging.finding.name",)
    audit_labels = {
        "sms_countries": "SMS countries",
        "reputation": "Reputation of email",
        "sms_spend": "What SMS cost",
    }
    traces = ("messaging.services.traces.WaitingMessages",)
    menu = (MenuEntry("business", "Messages", "/messages/", "mail", 40),)

    def ready(self) -> None:
        """Register the system checks (errors prevent start-up), the metrics and the column with encrypted keys."""
        from core.background.watch import WATCHES
        from core.security.rotation import ENCRYPTED_COLUMNS, EncryptedColumn
        from messaging import checks  # noqa: F401
        from messaging.selectors.waiting import read_oldest_message

        WATCHES["messages"] = read_oldest_message
        ENCRYPTED_COLUMNS.append(EncryptedColumn("messaging_dkimkey", "private_key", "text"))
