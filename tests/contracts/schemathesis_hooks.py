"""What Schemathesis does before and after each of its requests; loaded by its own process (see test_schemathesis.py).

The document says the form of a value; whether there is such a customer, or whether `from` lies before `to`, no JSON Schema
can say. In most cases that keep to the document, such a value is therefore replaced by one that holds (`REPAIRS`): an
identifier of an object that is there, a period that ends after it began. Then nothing excuses a refusal.

Every KEEP_EACH-th case is sent as it was made, so that strange values that keep to the document reach the server too. There a
refusal is right exactly when it names nothing but rules of BEYOND_THE_DOCUMENT.
"""

import json
import re
import secrets
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

from tests.contracts.schemathesis_repairs import REPAIRS, repair_identifiers
from tests.contracts.schemathesis_rules import BEYOND_THE_DOCUMENT
from tests.contracts.schemathesis_values import TYPE_ID, WORLD, counts, spare, there

KEEP_EACH = 6
# See filter_case.
SEND_EACH = 4
MOST_OF_A_KIND = 12
TYPE_ID_BYTES = re.compile(TYPE_ID.pattern.encode())
# Objects that an answer has named and that were not deleted since, and the cases that were sent as they were made.
named: set[str] = set()
kept: set[str] = set()
# How many cases of a kind the coverage phase has made, kind by kind.
made: dict[tuple[object, ...], int] = {}


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Say of the names of SMS senders, which look ahead for 11 characters, that no part of them is longer.

    It changes nothing of what the pattern matches. Without it, seconds go by in the search for a name of 600 characters,
    the most that the document allows of any address.
    """
    schemas = raw_schema["components"]["schemas"]
    for name in ("SmsMessageInput", "SmsMessageBatchInput"):
        sender = schemas[name]["properties"]["from"]
        sender["pattern"] = sender["pattern"].replace("[A-Za-z0-9 ]*", "[A-Za-z0-9 ]{0,10}")


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Drop most cases of the coverage phase that differ in nothing but which wrong type or which word of a list they send.

    A field gets each of six wrong types, and one that takes a currency each of 180. Of such cases the first is sent, and of
    the others every SEND_EACH-th. Which ones these are moves on from field to field, so that every type is sent to many.
    """
    if case.meta is None or case.meta.phase.name is not TestPhase.COVERAGE:
        return True
    data: Any = case.meta.phase.data
    what = (data.description or "").removeprefix(f"{data.parameter}: ")
    kind = (case.operation.label, case.method, data.scenario, data.parameter_location, data.parameter, what)
    number = made[kind] = made.get(kind, -1) + 1
    return number == 0 or (number <= MOST_OF_A_KIND and (number + len(made)) % SEND_EACH == 0)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Send from an address of its own, under an Idempotency-Key of its own, and about what is there.

    An address may fail to authenticate 20 times a minute and is refused with 429 from then on; the checks fail oftener.
    And an Idempotency-Key is made for one request: the document's example or the shortest key, sent with many, would
    only ever get 422, and nothing behind it would be tried.
    """
    key = case.headers.get("Idempotency-Key")
    if key is not None and re.fullmatch(WORLD["idempotency_key"], key):
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    # A page is read on or back: two parameters, of which the document cannot say that they exclude each other.
    if case.query and "starting_after" in case.query:
        case.query.pop("ending_before", None)
    # Waiting for an event would only take its time, and goes with one order only: two parameters.
    if case.query and keeps_to_the_document(case, ParameterLocation.QUERY):
        case.query.pop("wait", None)
    # Which days are versions the document leaves open: a client of today must be able to name one of tomorrow.
    # And who asks for no version there is is told so before it is told that there is no such method.
    version = case.headers.get("Pomelo-Version")
    is_day = version is not None and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", version)
    # And what a case gets wrong elsewhere would otherwise never be looked at.
    is_tried = case.method == case.operation.method.upper() and not is_about_another_part(case)
    if is_day or (version is not None and not is_tried):
        case.headers["Pomelo-Version"] = WORLD["version"]
    # Random tags would end every write with 412 before anything behind it is tried.
    for name in ("If-Match", "If-None-Match"):
        case.headers.pop(name, None)
    case.headers["X-Forwarded-For"] = ".".join(["203", *(str(secrets.randbelow(256)) for _ in range(3))])
    label = case.operation.label
    counted = f"{label} {case.meta.phase.name if case.meta else ''}"
    counts[counted] += 1
    if counts[counted] % KEEP_EACH == 0 and not is_step(case):
        kept.add(case.id)
        return
    # A step names what an earlier one has made or found; any other case knows of nothing.
    trusted = named if is_step(case) else frozenset()
    # In a chain what was used up stays used up: nothing else stands for it.
    uses_up = is_step(case) and label in spare
    if keeps_to_the_document(case, ParameterLocation.PATH) and not uses_up:
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = there(value, trusted, label)
    repair = REPAIRS.get(label)
    if repair is None and label.startswith(("POST ", "PATCH ")):
        repair = repair_identifiers
    if repair is None or case.method != case.operation.method.upper():
        return
    if case.operation.label.startswith("GET "):
        if keeps_to_the_document(case, ParameterLocation.QUERY):
            repair(case.query, trusted)
    elif isinstance(case.body, dict) and keeps_to_the_document(case, ParameterLocation.BODY):
        body = json.loads(json.dumps(case.body))
        repair(body, trusted)
        case.body = body


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: Any) -> None:
    """Remember what an answer names: a later step that names it means it, unless it was deleted."""
    if case.method == "DELETE" and response.status_code == 204:
        named.difference_update(case.path_parameters.values())
    if response.status_code < 300:
        named.update(match[0].decode() for match in TYPE_ID_BYTES.finditer(response.content))


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Any, case: schemathesis.Case, response: Any
) -> bool:
    """Drop the refusal of a case that was sent as it was made, when it names nothing but rules beyond the document."""
    if not isinstance(failure, RejectedPositiveData) or case.id not in kept:
        return True
    fields = response.json()["error"].get("fields", [{"field": "", "code": ""}])
    rules = BEYOND_THE_DOCUMENT.get(case.operation.label, {})
    # Which objects there are is data, whatever names them.
    return not all(
        each["code"] == "not_found" or f"{each['field'].partition('.')[0]} {each['code']}" in rules
        for each in fields
    )


def keeps_to_the_document(case: schemathesis.Case, part: ParameterLocation) -> bool:
    """Whether this part of the request was made to be accepted."""
    meta = case.meta
    return meta is not None and (part not in meta.components or meta.components[part].mode.is_positive)


def is_about_another_part(case: schemathesis.Case) -> bool:
    """Whether the case is one of the coverage phase, and what it tries is not in a header."""
    if case.meta is None or case.meta.phase.name is not TestPhase.COVERAGE:
        return False
    data: Any = case.meta.phase.data
    return data.parameter_location not in (None, ParameterLocation.HEADER)


def is_step(case: schemathesis.Case) -> bool:
    """Whether the case is one of a chain of requests, in which what a later one needs an earlier one makes."""
    return case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL
