from core.resources import MenuEntry, PomeloApp, Resource, Scope


class BillingConfig(PomeloApp):
    """Customers, invoices, charges and refunds, the seller, and the tiers of companies."""

    name = "billing"
    api_urls = "billing.api.urls"
    examples = "billing.api.examples"
    page_urls = "billing.dashboard.urls"
    resources = (
        Resource(
            name="customers",
            object="customer",
            prefix="cus",
            description="The people and companies you do business with.",
        ),
        Resource(
            name="seller",
            object="seller",
            description="The company's details on its invoices.",
        ),
        Resource(
            name="invoices",
            object="invoice",
            prefix="in",
            description="From draft to paid, numbered without gaps, with their PDF.",
        ),
        Resource(name="invoice_lines", object="invoice_line", prefix="il", read_scope="invoices:read"),
        Resource(
            name="credit_notes",
            object="credit_note",
            prefix="cn",
            description="Credits of issued invoices, numbered without gaps, with their PDF.",
            read_scope="invoices:read",
        ),
        Resource(
            name="credit_note_lines", object="credit_note_line", prefix="cnl", read_scope="invoices:read"
        ),
        Resource(
            name="payments",
            object="payment",
            prefix="pay",
            description="Payments for invoices received outside the gateway: transfers, cash.",
            read_scope="invoices:read",
        ),
        Resource(
            name="charges",
            object="charge",
            prefix="ch",
            description="Payments collected with or without an invoice, and their refunds.",
        ),
        Resource(
            name="refunds",
            object="refund",
            prefix="re",
            description="Money returned from charges.",
            read_scope="charges:read",
        ),
    )
    scopes = (
        Scope("customers:read", "Customers", "List and read customers"),
        Scope("customers:write", "Customers", "Create, change and delete customers", writes=True),
        Scope(
            "invoices:read", "Invoices", "List and read invoices, credit notes and payments, download PDFs"
        ),
        Scope(
            "invoices:write",
            "Invoices",
            "Create, finalize and void invoices, credit them, record payments",
            writes=True,
        ),
        Scope("seller:read", "Invoicing", "Read the company's details on invoices"),
        Scope(
            "seller:write",
            "Invoicing",
            "Change the company's details on invoices, including its bank details",
            writes=True,
        ),
        Scope("charges:read", "Charges", "List and read charges and refunds"),
        Scope("charges:write", "Charges", "Create charges and refunds", writes=True),
    )
    finders = ("billing.finding.find",)
    namers = ("billing.finding.name",)
    menu = (
        MenuEntry("business", "Customers", "/customers/", "users", 10),
        MenuEntry("business", "Invoices", "/invoices/", "invoice", 20),
        MenuEntry("business", "Charges", "/charges/", "card", 30),
        MenuEntry("company", "Invoicing", "/invoicing/", "invoice", 30),
    )

    def ready(self) -> None:
        """Register the system checks (errors prevent start-up)."""
        from billing import checks  # noqa: F401
