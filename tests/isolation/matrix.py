"""The matrix: every operation, tried on other companies' and the other mode's objects in every way there is.

A case is one request. It leaks when the answer carries anything of another tenant, differs from the answer for an object
that does not exist, or changes a single row of another tenant.

A request that lies about its tenant can only change for whom it is handled, and that is decided once, before either wall: by the
key. So every lie is told with both walls standing; with one of them down, all headers at once, and queries that name no company
(an unknown parameter is refused before anything is looked up, by the same answer for every tenant).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from config.pages.plan import RATES
from core.api.scopes import SCOPES
from core.tenancy import Tenant, system_context
from core.values import ids
from tests.clients import ApiAnswer, ApiClient
from tests.contracts.operations import WRITES, Operation, list_operations, sample_body, sample_id
from tests.factories import World, make_key, make_world
from tests.isolation.ledger import changed, digest

TYPE_ID = re.compile(r"^[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}$")
UNLIMITED = 100_000


@dataclass
class Outcome:
    """What the run counted and found."""

    operations: int = 0
    cases: int = 0
    leaks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.operations} operations, {self.cases} cases, {len(self.leaks)} leaks"


class Matrix:
    """One world, one acting key (`company`, live), and three tenants it must not reach.

    With `every_lie` each way to name another tenant is tried for itself.
    """

    def __init__(self, *, every_lie: bool = True) -> None:
        self.every_lie = every_lie
        self.outcome = Outcome()
        # What nobody may change serves every operation on objects of its kind.
        self.objects: dict[tuple[object, Tenant], str] = {}
        self.clients: dict[Tenant, ApiClient] = {}
        self.world = make_unlimited_world()
        self.own = self.world.tenant("live")
        self.foreign = [
            self.world.tenant("test"),
            self.world.other_tenant("live"),
            self.world.other_tenant("test"),
        ]
        key = make_key(self.world.company, scopes=tuple(SCOPES), rate_limit=UNLIMITED)
        self.client = ApiClient(key.client_secret, ip="198.51.100.7")

    def run(self, only: set[str] | None = None) -> Outcome:
        """Try every operation (`only`: of these resources); returns the counts and every leak."""
        operations = [o for o in list_operations() if only is None or o.resource in only]
        self.outcome.operations = len(operations)
        for operation in operations:
            attempts = self.by_path(operation) if operation.parameters else self.by_collection(operation)
            for _ in attempts:
                self.outcome.cases += 1
        return self.outcome

    # --- operations on one object -------------------------------------------------------------------------------------

    def by_path(self, operation: Operation) -> Iterator[None]:
        """Name a foreign object in the path; the answer must be the one for an object that does not exist."""
        # What does not name the tenant is the same request for each of them, and its answer for a missing object too.
        answers: dict[str, tuple[int, str]] = {}
        if operation.method == "GET":
            # Were one's own object refused too, the refusals below would prove nothing.
            own = self.send(operation, self.object_of(operation, self.own), None, {}, {})
            self.expect(own.status == 200, operation, f"one's own object answers {own}")
        body = sample_body(operation, self.own)
        foreign_ids = {tenant: self.object_of(operation, tenant) for tenant in self.foreign}
        with self.untouched(operation):
            for tenant, foreign_id in foreign_ids.items():
                missing_id = ids.encode(foreign_id.partition("_")[0], ids.new_id())
                for headers, query in self.disguises(tenant):
                    answer = self.send(operation, foreign_id, body, headers, query)
                    asked = json.dumps([headers, query])
                    if asked not in answers:
                        missing = self.send(operation, missing_id, body, headers, query)
                        answers[asked] = neutral(missing, missing_id)
                    self.expect(
                        neutral(answer, foreign_id) == answers[asked],
                        operation,
                        f"a foreign object answers {answer}, a missing one {answers[asked]}",
                    )
                    self.expect(answer.status >= 400, operation, f"a foreign object answers {answer.status}")
                    yield

    # --- collections --------------------------------------------------------------------------------------------------

    def by_collection(self, operation: Operation) -> Iterator[None]:
        """List, filter, search and create while naming another tenant in every way; nothing of theirs may show."""
        marks = {tenant: self.marks(operation, tenant) for tenant in self.foreign}
        attempts = [self.by_query(operation, marks)]
        if operation.method in WRITES:
            # What they have, and have written, is there before anything of it is named.
            bodies: dict[tuple[str, str], set[str]] = {}
            for tenant in self.foreign:
                for named in self.names_in_bodies(operation, tenant):
                    bodies.setdefault(named, set()).update(marks[tenant])
                shared = f"shared-{ids.new_id()}"
                written = self.write_as(tenant, operation, idempotency_key=shared)
                attempts.append(self.by_idempotency_key(operation, shared, written, marks[tenant]))
            attempts.append(self.by_body(operation, bodies))
        with self.untouched(operation):
            for attempt in attempts:
                yield from attempt

    def by_query(self, operation: Operation, marks: dict[Tenant, set[str]]) -> Iterator[None]:
        """Name other tenants in the headers and the query, and look for what is theirs.

        What names several of them, or none, is asked once, and its answer searched for what is anybody's.
        """
        asked = {
            json.dumps(lie): lie
            for tenant in self.foreign
            for lie in [*self.disguises(tenant), *self.filters(operation, marks[tenant])]
        }
        everybodys = set().union(*marks.values())
        for headers, query in asked.values():
            body = sample_body(operation, self.own)
            answer = self.send(operation, "", body, headers, query)
            self.expect_silent(operation, answer, everybodys)
            yield

    def names_in_bodies(self, operation: Operation, tenant: Tenant) -> Iterator[tuple[str, str]]:
        """Yield the fields that name the tenant, or an object of theirs, in a body."""
        for name in ("company", "company_id", "tenant"):
            yield name, ids.encode("co", tenant.company_id)
        yield "mode", tenant.mode
        for name, value in (sample_body(operation, tenant) or {}).items():
            if _names_an_object(value):
                yield name, value

    def by_body(self, operation: Operation, bodies: dict[tuple[str, str], set[str]]) -> Iterator[None]:
        """Name other tenants, or an object of theirs, in the body."""
        own = sample_body(operation, self.own) or {}
        for (name, value), marks in bodies.items():
            body = {**own, name: value}
            answer = self.send(operation, "", body, {}, {})
            self.expect(answer.status >= 400, operation, f"accepted {body}")
            self.expect_silent(operation, answer, marks - _ids_in(body))
            yield

    def write_as(self, tenant: Tenant, operation: Operation, *, idempotency_key: str) -> ApiAnswer:
        """Let the other tenant write, under this key."""
        body = sample_body(operation, tenant)
        return self.client_of(tenant).request(
            operation.method, operation.path(), body, idempotency_key=idempotency_key
        )

    def client_of(self, tenant: Tenant) -> ApiClient:
        """Return the client of another tenant, which has one key for everything it writes."""
        if tenant not in self.clients:
            company = (
                self.world.company if tenant.company_id == self.world.company.id else self.world.other_company
            )
            key = make_key(company, scopes=tuple(SCOPES), mode=tenant.mode, rate_limit=UNLIMITED)
            self.clients[tenant] = ApiClient(key.client_secret, ip="198.51.100.8")
        return self.clients[tenant]

    def by_idempotency_key(
        self, operation: Operation, shared: str, theirs: ApiAnswer, marks: set[str]
    ) -> Iterator[None]:
        """Reuse the key of another tenant's write: it is another key, so the write is one's own."""
        mine = self.client.request(
            operation.method, operation.path(), sample_body(operation, self.own), idempotency_key=shared
        )
        self.expect(
            "Idempotency-Replayed" not in mine.headers, operation, "another tenant's answer was replayed"
        )
        self.expect_silent(operation, mine, marks | (_ids_in(theirs.json) if theirs.status < 300 else set()))
        yield

    # --- ways to lie --------------------------------------------------------------------------------------------------

    def disguises(self, tenant: Tenant) -> list[tuple[dict[str, str], dict[str, str]]]:
        """Return (headers, query) pairs that try to name another tenant; the first tries nothing."""
        company = ids.encode("co", tenant.company_id)
        headers = {"X-Company": company, "X-Company-Id": company, "X-Tenant": company, "X-Mode": tenant.mode}
        elsewhere = {"X-Forwarded-Host": "other.example.com", "X-Original-URL": "/v1/whoami"}
        if not self.every_lie:
            return [({}, {}), ({**headers, **elsewhere}, {})]
        return [
            ({}, {}),
            (headers, {}),
            (elsewhere, {}),
            ({}, {"company": company}),
            ({}, {"company_id": str(tenant.company_id), "mode": tenant.mode}),
            ({}, {"expand": "company"}),
        ]

    def filters(
        self, operation: Operation, marks: set[str]
    ) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """Yield queries that look for the other tenant's objects by every filter and by the cursor."""
        if operation.method != "GET":
            return
        for mark in sorted(marks):
            yield {}, {"starting_after": mark}
            yield {}, {"ending_before": mark}
            filterset = getattr(operation.view, "filterset_class", None)
            for name in filterset.base_filters if filterset else ():
                yield {}, {name: mark}

    def marks(self, operation: Operation, tenant: Tenant) -> set[str]:
        """Make an object of the other tenant where the collection has any, and return the ids that must not show."""
        from tests.contracts.samples import OBJECTS

        found = {str(tenant.company_id)} if tenant.company_id != self.own.company_id else set()
        if operation.resource in OBJECTS:
            found.add(self.object_of(operation, tenant))
        return found

    def object_of(self, operation: Operation, tenant: Tenant) -> str:
        """Return the identifier of the tenant's object that the path of `operation` can name."""
        from tests.contracts.samples import OBJECTS

        make = OBJECTS.get(operation.name) or OBJECTS.get(operation.resource)
        if (make, tenant) not in self.objects:
            self.objects[make, tenant] = sample_id(operation, tenant)
        return self.objects[make, tenant]

    # --- sending and judging ------------------------------------------------------------------------------------------

    def send(
        self,
        operation: Operation,
        public_id: str,
        body: Any,
        headers: dict[str, str],
        query: dict[str, str],
    ) -> ApiAnswer:
        """Send one request as the acting key."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        path = operation.path(public_id) + (f"?{text}" if text else "")
        return self.client.request(operation.method, path, body, headers=headers)

    @contextmanager
    def untouched(self, operation: Operation) -> Iterator[None]:
        """Whatever is sent in the block changes no row of another tenant."""
        before = digest(*self.foreign)
        yield
        touched = changed(before, digest(*self.foreign))
        self.expect(not touched, operation, f"changed {', '.join(touched)} of another tenant")

    def expect_silent(self, operation: Operation, answer: ApiAnswer, marks: set[str]) -> None:
        """The answer names nothing of the other tenant (what the request itself said aside, in `instance`)."""
        shown = answer.content.decode(errors="replace")
        if answer.status >= 400 and answer.json:
            shown = json.dumps({**answer.json, "instance": "", "detail": "", "error": {}})
        for mark in marks:
            self.expect(mark not in shown, operation, f"shows {mark} of another tenant")

    def expect(self, holds: bool, operation: Operation, what: str) -> None:
        """Note a leak."""
        if not holds:
            self.outcome.leaks.append(f"{operation.name}: {what}")


def unlimited_client(world: World) -> ApiClient:
    """Return a client of the first company with every scope, for thousands of requests."""
    key = make_key(world.company, scopes=tuple(SCOPES), rate_limit=UNLIMITED)
    return ApiClient(key.client_secret, ip="198.51.100.9")


def make_unlimited_world() -> World:
    """Return a world whose companies' limits do not get in the way of thousands of requests."""
    world = make_world(tier="enterprise")
    limits = dict.fromkeys((*RATES, "webhook_endpoints"), UNLIMITED)
    with system_context(reason="test set-up"):
        for company in (world.company, world.other_company):
            company.limit_overrides = limits
            company.save(update_fields=["limit_overrides"])
    return world


def neutral(answer: ApiAnswer, public_id: str) -> tuple[int, str]:
    """Return what must be equal for foreign and missing: all but the request id and the path that was asked for."""
    body = answer.content.decode(errors="replace")
    if answer.json:
        body = json.dumps({**answer.json, "request_id": "", "instance": ""}, sort_keys=True)
    return answer.status, body.replace(public_id, "<id>")


def _names_an_object(value: Any) -> bool:
    return isinstance(value, str) and TYPE_ID.match(value) is not None


def _ids_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_ids_in(inner) for inner in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_ids_in(inner) for inner in value)) if value else set()
    return {value} if _names_an_object(value) else set()
