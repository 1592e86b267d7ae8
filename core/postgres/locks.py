"""The order in which a transaction locks rows, defined in one place.

Two transactions that lock the same two rows in different orders deadlock, and PostgreSQL aborts one of them. So a
transaction that changes rows of several tables in a list locks them from top to bottom, and rows of one table in id
order: `ORDER BY id FOR NO KEY UPDATE` first, where a bare UPDATE would lock them in the order of its plan.
Queries with `SKIP LOCKED` (claims and sweeps) never wait, so they may start anywhere.

The lists are independent: no transaction locks rows of two. Inserting a row takes only a KEY SHARE lock on the rows it
references, which does not conflict with changing those (`FOR NO KEY UPDATE`). A customer is locked on its own, with the
rows used to look it up.
"""

# Whatever a leaked key's revocation switches off (core.security.made_by) comes after the key, in the order of the apps.
KEY_LOCKS = (
    "apikeys_leakreport",
    "apikeys_apikey",
    "apikeys_apikeysecret",
    "apikeys_apikeyscopeuse",
    "apikeys_apikeydeprecateduse",
)
# Payments, credit notes and refunds start with the invoice, where there is one.
PAYMENT_LOCKS = (
    "billing_invoice",
    "billing_invoicecounter",
    "billing_charge",
    "billing_refund",
    "billing_offplatformpayment",
    "billing_creditnotecounter",
    "billing_creditnote",
)
TIER_LOCKS = ("billing_tierrequest", "accounts_company")
# A batch of results starts with its deliveries, whose claims decide what it records about the endpoint.
WEBHOOK_LOCKS = ("webhooks_recoveryjob", "webhooks_delivery", "webhooks_endpoint", "webhooks_endpointsecret")

LOCK_ORDERS = (KEY_LOCKS, PAYMENT_LOCKS, TIER_LOCKS, WEBHOOK_LOCKS)
