"""What the API may refuse although its document allows it: by operation, each rule with why no JSON Schema can say it."""

# What an operation may refuse although the document allows it: "field code", and why no JSON Schema can say it.
_CUSTOMER = {"customer not_found": "which customers there are is data"}
_LINES = {
    "lines invalid": "the discount is at most quantity × unit_amount: arithmetic of three fields",
    "lines too_large": "the lines add up to an amount there can be: arithmetic",
    "lines contradictory": "not both an amount and a percentage: generators take no schema of two alternatives",
    "lines decimals": "what is no double of six decimals: `multipleOf` is judged in binary",
    "discount_bps contradictory": "not both an amount and a percentage: generators take no schema of two alternatives",
    "discount_amount too_large": "the discount is at most the sum of the lines: arithmetic, or data",
    "service_period invalid": "it begins before it ends: two fields",
}
_TAX_IDS = {"tax_ids invalid": "each country has check digits of its own (python-stdnum)"}
_MERGED = {"metadata too_many": "what is sent and what is there have 50 entries together: data"}
_SEEN = "something of it can be seen, and it is no credential: tables of Unicode, and a checksum"
_NAMES = {f"{name} invalid": _SEEN for name in ("name", "external_id")}
_PHONE = {**_NAMES, "phone invalid": "which lengths a country's numbers have is a table of hundreds of lines"}
_PERIOD = {
    "since invalid": "the period begins before it ends, and in the past: two fields, and the clock",
    "since too_early": "the period begins at most 30 days back: the clock",
}
_URL = {
    "url url_port": "only some ports are called, unless the operator allows a network: a setting",
    "url url_not_public": "no private address is called: ranges of addresses in many spellings",
    "url url_host": "names are judged by IDNA (RFC 5891)",
    "url url_credentials": "an @ belongs in a path, and not before one",
    "url url_invalid": "a path is ASCII, a host need not be: two parts of one text",
    "url url_scheme": "as the URL parser of the standard library reads it",
    "headers repeated": "names differ by more than their case",
}
_TEXTS = {
    "subject required": "a subject or a template: generators take no schema of two alternatives",
    "text required": "one of `text`, `html` and `template`: generators take no schema of two alternatives",
    "subject contradictory": "a subject or a template: generators take no schema of two alternatives",
    "text contradictory": "texts or a template: generators take no schema of two alternatives",
    "html contradictory": "texts or a template: generators take no schema of two alternatives",
    "template_version contradictory": "only a template has versions: two fields",
    "template wrong_channel": "which channel a template is of is data",
    "variables contradictory": "only a template has variables: two fields",
    "variables required": "which variables a template has is data",
    "variables unknown_variable": "which variables a template has is data",
    "send_at in_the_past": "the clock",
    "send_at too_far_ahead": "the clock",
    "headers invalid_header": "each header has a form of its own",
}
_ADDRESSES = {
    f"{part} {code}": "RFC 5321, IDNA and the numbering plans of all countries are no pattern; nobody is named twice"
    for part in ("to", "cc", "bcc", "reply_to", "from")
    for code in ("invalid_email", "invalid_phone_number", "invalid_sender", "duplicate")
}
_TEMPLATE = {
    "subject required": "emails have one, SMS none: generators take no schema of two alternatives",
    "subject not_supported": "emails have one, SMS none: generators take no schema of two alternatives",
    "subject control_character": "a subject has one line; a description of the field says so",
    "html not_supported": "emails have one, SMS none: generators take no schema of two alternatives",
    "text required": "one of `text` and `html`: generators take no schema of two alternatives",
    "variables invalid": "a name has words of letters, digits and _: Python's identifiers",
    "variables duplicate": "no name is declared twice",
    "variables contradictory": "no name is the beginning of another one",
    "name invalid": _SEEN,
    **{f"{part} invalid_template": "a grammar is no pattern" for part in ("subject", "text", "html")},
}
# In an order by something other than creation, or by position, the place of an object depends on its values.
_CURSOR = {
    f"{name} invalid": "which objects there are is data" for name in ("starting_after", "ending_before")
}
_ONE_VALUE = "`false` means nothing: generators take no boolean of one value"
BEYOND_THE_DOCUMENT: dict[str, dict[str, str]] = {
    "GET /v1/analytics/messages": {
        "since after_until": "the period begins before it ends: two parameters",
        "since too_long_ago": "the period has a greatest length: two parameters",
        "since out_of_range": "a year from 2000 to 2199 in UTC, whatever the offset",
        "until out_of_range": "a year from 2000 to 2199 in UTC, whatever the offset",
    },
    "GET /v1/analytics/requests": {
        "since invalid": "the period begins before it ends: two parameters",
        "since too_long": "the period has a greatest length: two parameters",
    },
    "GET /v1/customers": {
        **_CURSOR,
        "metadata_value invalid": "comes with `metadata_key`: OpenAPI describes each parameter by itself",
    },
    "GET /v1/events": _CURSOR,
    "GET /v1/invoices": _CURSOR,
    "GET /v1/sender_domains": _CURSOR,
    "GET /v1/sms_senders": _CURSOR,
    "GET /v1/suppressions": _CURSOR,
    "GET /v1/templates": _CURSOR,
    "POST /v1/customers": {**_PHONE, **_TAX_IDS},
    "PATCH /v1/customers/{id}": {**_PHONE, **_TAX_IDS, **_MERGED},
    "PATCH /v1/seller": {
        **_TAX_IDS,
        "legal_name invalid": _SEEN,
        "bank_details invalid": "IBAN and BIC have check digits and lengths by country; names can be seen",
        "logo invalid": "a picture is pixels that can be decoded",
        "logo too_many": "how many logos there were is data",
        "footer invalid": "blanks around a line are dropped, and a line has no separators of Unicode's either",
    },
    "POST /v1/invoices": {**_CUSTOMER, **_NAMES, **_LINES},
    "PATCH /v1/invoices/{id}": {**_CUSTOMER, **_NAMES, **_LINES, **_MERGED},
    "POST /v1/invoices/{id}/send": {
        "to required": "whether the customer has an address is data",
        **{
            f"to {code}": "RFC 5321 and IDNA are no pattern"
            for code in ("invalid_email", "duplicate", "misleading_name")
        },
        "subject required": "something of it can be seen: tables of Unicode",
    },
    "POST /v1/charges": {
        **_CUSTOMER,
        "invoice not_found": "which invoices there are is data",
        "currency mismatch": "the currency is the invoice's: data",
        "customer mismatch": "the customer is the invoice's: data",
        "payment_method invalid": "what the configured gateway takes is a setting",
        "amount required": "one of `invoice` and `amount`: generators take no schema of two alternatives",
        "currency required": "one of `invoice` and `currency`: generators take no schema of two alternatives",
    },
    "POST /v1/charges/{id}/refunds": {
        "amount required": "one of `amount` and `full`: generators take no schema of two alternatives",
        "amount contradictory": "not both `amount` and `full`: generators take no schema of two alternatives",
        "full invalid": _ONE_VALUE,
        "credit_note no_invoice": "which charges have an invoice is data",
    },
    "POST /v1/credit_notes": {
        "lines required": "one of `lines`, `amount` and `full`, which come to something: no schema of alternatives, and data",
        "lines contradictory": "one of `lines`, `amount` and `full`: generators take no schema of alternatives",
        "lines duplicate": "no line is named twice",
        "lines too_large": "what is left of a line is data",
        "full invalid": _ONE_VALUE,
        "memo invalid": _SEEN,
    },
    "POST /v1/credit_notes/{id}/void": {"reason invalid": _SEEN},
    "POST /v1/invoices/{id}/payments": {
        "paid_at out_of_range": "the clock",
        "reference invalid": _SEEN,
    },
    "POST /v1/payments/{id}/undo": {"reason invalid": _SEEN},
    "POST /v1/messages": {
        **_CUSTOMER,
        **_TEXTS,
        "to required": "one of `to` and `customer`: generators take no schema of two alternatives",
        "customer no_address": "whether the customer has an address on the channel is data",
        "to too_many": "`to`, `cc` and `bcc` have 100 addresses together: three fields",
        **{
            f"{part} not_supported": "not `bulk` and `cc` or `bcc`: generators take no schema of two alternatives"
            for part in ("cc", "bcc")
        },
        **_ADDRESSES,
        **{
            f"attachments {code}": "what a file is called and how it begins fits its type; all are small together"
            for code in ("too_large", "invalid_filename", "wrong_extension", "wrong_content", "duplicate")
        },
    },
    "POST /v1/messages/batch": {
        **_TEXTS,
        **_ADDRESSES,
        "recipients required": "one of `to` and `customer`: generators take no schema of two alternatives",
        "recipients contradictory": "only a template has variables: two fields",
        "recipients no_address": "whether the customer has an address on the channel is data",
        **{
            f"recipients {code}": "RFC 5321, IDNA and the numbering plans of all countries are no pattern"
            for code in ("invalid_email", "invalid_phone_number", "too_many")
        },
    },
    "POST /v1/sender_domains": {"domain invalid_domain": "IDNA is no pattern"},
    "POST /v1/sms_senders": {"sender invalid_sender": "the numbering plans of all countries are no pattern"},
    "POST /v1/suppressions": {
        "address invalid_email": "RFC 5321 and IDNA are no pattern",
        "address invalid_phone_number": "the numbering plans of all countries are no pattern",
    },
    "POST /v1/templates": _TEMPLATE,
    "PATCH /v1/templates/{id}": _TEMPLATE,
    "POST /v1/templates/{id}/preview": {
        "version not_found": "how many versions there are is data",
        "variables required": "which variables a template has is data",
        "variables unknown_variable": "which variables a template has is data",
    },
    "POST /v1/webhook_endpoints": _URL,
    "PATCH /v1/webhook_endpoints/{id}": _URL,
    "POST /v1/webhook_endpoints/{id}/test": {"event only_in_test_mode": "of which mode the key is"},
    "POST /v1/webhook_endpoints/{id}/recover": _PERIOD,
    "POST /v1/webhook_endpoints/{id}/replay_missing": _PERIOD,
}
