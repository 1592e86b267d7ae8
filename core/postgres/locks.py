"""The order in which one transaction locks rows: the one place that says it.

Two transactions that lock the same two rows in different orders wait for each other, and PostgreSQL ends one of them. So a
transaction that changes rows of several tables of a list takes them from the top to the bottom, and rows of one table in the
order of their ids: `ORDER BY id FOR NO KEY UPDATE` first, where an UPDATE alone would take them as its plan finds them.
What passes over locked rows (`SKIP LOCKED`: the claims and sweeps) waits for nobody, and may begin anywhere.

Rows of two lists never wait for each other: no transaction locks rows of both. A new row refers to others with no more than
a KEY SHARE lock, which a change of those others (`FOR NO KEY UPDATE`) does not wait for. A customer is locked by itself, with
the rows that it is found by.
"""

# What a leak switches off (core.security.made_by) comes after the key, in the order of the apps.
KEY_LOCKS = (
    "apikeys_leakreport",
    "apikeys_apikey",
    "apikeys_apikeysecret",
    "apikeys_apikeyscopeuse",
    "apikeys_apikeydeprecateduse",
)
# Whatever pays, credits or gives back begins with its invoice, where there is one.
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
# A batch of results begins with its deliveries, whose claims decide what it says of the endpoint.
WEBHOOK_LOCKS = ("webhooks_recoveryjob", "webhooks_delivery", "webhooks_endpoint", "webhooks_endpointsecret")

LOCK_ORDERS = (KEY_LOCKS, PAYMENT_LOCKS, TIER_LOCKS, WEBHOOK_LOCKS)
