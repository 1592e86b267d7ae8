"""What Schemathesis does before each of its requests; loaded by its own process (see test_schemathesis.py)."""

import re
import secrets
from typing import Any

import schemathesis

# What the document says of the header; any other value is sent as it was generated, to be refused.
VALID_KEY = re.compile(r"[!#-~][!-~]{0,254}")


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Send from an address of its own, and under an Idempotency-Key of its own.

    An address may fail to authenticate 20 times a minute and is refused with 429 from then on; the checks fail oftener.
    And an Idempotency-Key is made for one request: the document's example or the shortest key, sent with many, would
    only ever get 422, and nothing behind it would be tried.
    """
    key = case.headers.get("Idempotency-Key")
    if key is not None and VALID_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    case.headers["X-Forwarded-For"] = ".".join(["203", *(str(secrets.randbelow(256)) for _ in range(3))])
