"""A company that requests many documents or exports at once uses only its slots, and others continue."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apikeys.services import IssuedKey
from audit.models import AuditEntry
from billing import services
from billing.export import documents, invoice_pdf
from core.background import heavy
from core.tenancy import current_tenant, tenant_context
from tests.billing.factories import make_invoice
from tests.clients import ApiClient
from tests.factories import SYSTEM, World


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Documents that are not finished before they may be; returns how many are being made, and the permission."""
    begun, may_end = threading.Semaphore(0), threading.Event()

    def render(invoice: Any, **printed: Any) -> Any:
        begun.release()
        assert may_end.wait(60)
        return b"%PDF-"

    monkeypatch.setattr(invoice_pdf, "render_invoice", render)
    return begun, may_end


def asked(client: Any, path: Any) -> Any:
    try:
        return client.get(path)
    finally:
        connection.close()


def test_excess_document_requests_are_refused_immediately_and_others_continue(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], slow: Any
) -> None:
    begun, may_end = slow
    mine, theirs = (
        (
            api(issue_key(company, ["invoices:read"]).client_secret),
            f"/v1/invoices/{make_invoice(tenant).public_id}/pdf",
        )
        for company, tenant in ((world.company, world.tenant()), (world.other_company, world.other_tenant()))
    )
    with ThreadPoolExecutor(heavy.PER_COMPANY + 1) as pool:
        held = [pool.submit(asked, *mine) for _ in range(heavy.PER_COMPANY)]
        for _ in held:
            assert begun.acquire(timeout=60)

        refused = asked(*mine)
        other = pool.submit(asked, *theirs)
        assert begun.acquire(timeout=60), "another company's document is being made"
        may_end.set()

    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (
        503,
        "temporarily_unavailable",
        "1",
    )
    assert {future.result().status for future in [*held, other]} == {200}
    assert asked(*mine).status == 200, "the places are free again"


@pytest.mark.parametrize(
    "address", ["/audit/export.csv", "/audit/export.jsonl", "/requests/export.csv", "/requests/export.jsonl"]
)
def test_excess_export_requests_are_refused_immediately_and_others_continue(
    world: World, login: Callable[..., Client], address: str
) -> None:
    mine, theirs = (
        login(world.owner, company=world.company),
        login(world.outsider, company=world.other_company),
    )
    # Nobody has read them yet, so they are under way.
    held = [mine.get(address) for _ in range(heavy.PER_COMPANY)]
    assert {answer.status_code for answer in held} == {200}

    refused = mine.get(address)
    other = theirs.get(address)

    assert (refused.status_code, refused.headers["Retry-After"], other.status_code) == (503, "1", 200)
    with tenant_context(world.tenant()):
        assert AuditEntry.objects.filter(action="audit.exported").count() == heavy.PER_COMPANY
    other.close()
    first, second = held
    b"".join(first)
    again = mine.get(address)
    assert again.status_code == 200, "one that was read to its end has left its place"
    second.close()
    again.close()
    for left in (mine.get(address), mine.get(address)):
        assert left.status_code == 200, "so have those that were given up"
        left.close()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The documents that are really made, as (status, was in a transaction, had a tenant)."""
    found = []
    real = invoice_pdf.render_invoice

    def render(invoice: Any, **printed: Any) -> Any:
        found.append((invoice.status, connection.in_atomic_block, current_tenant() is not None))
        return real(invoice, **printed)

    monkeypatch.setattr(invoice_pdf, "render_invoice", render)
    return found


@pytest.fixture
def doors(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
) -> Any:
    """Both ways to a document: returns its bytes as the API and as the dashboard give them."""
    client = api(issue_key(world.company, ["invoices:read"]).client_secret)
    browser = login(world.owner, company=world.company)
    return (
        lambda invoice: client.get(f"/v1/invoices/{invoice.public_id}/pdf").content,
        lambda invoice: browser.get(f"/invoices/{invoice.public_id}/pdf/").content,
    )


def test_document_is_rendered_outside_any_transaction(world: World, doors: Any, made: list[Any]) -> None:
    draft = make_invoice(world.tenant())
    for get in doors:
        assert get(draft).startswith(b"%PDF-")
    assert made == [("draft", False, False)] * 2, "a draft's is made anew each time"


def test_final_document_is_rendered_once_per_state(world: World, doors: Any, made: list[Any]) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    assert len({get(invoice) for get in doors * 2}) == 1
    assert made == [("open", False, False)]

    with tenant_context(world.tenant()):
        services.void_invoice(invoice=invoice, actor=SYSTEM)
    assert len({get(invoice) for get in doors * 2}) == 1
    assert [status for status, *_ in made] == ["open", "void"]

    with tenant_context(world.tenant()):
        type(world.company).objects.filter(id=world.company.id).update(name="Another name")
    assert len({get(invoice) for get in doors * 2}) == 1
    assert [status for status, *_ in made] == ["open", "void", "void"]


def test_cached_document_is_only_served_to_its_company(
    world: World,
    doors: Any,
    made: list[Any],
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    assert doors[0](invoice).startswith(b"%PDF-")
    for company, mode in ((world.other_company, "live"), (world.company, "test")):
        stranger = api(issue_key(company, ["invoices:read"], mode=mode).client_secret)
        assert stranger.get(f"/v1/invoices/{invoice.public_id}/pdf").code == "not_found"


def test_document_cache_is_bounded_in_bytes(
    world: World, doors: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (make_invoice(world.tenant(), finalize=True) for _ in range(2))
    get = doors[0]
    size = len(get(first))
    kept = documents.DocumentCache(8 * size + size // 2)
    monkeypatch.setattr(documents, "_kept", kept)
    made.clear()
    for invoice in (first, second):
        get(invoice)
    state = next(iter(kept._documents))
    for number in range(20):
        other = replace(state, company=f"Seller {number}")
        kept.keep(other, documents.Document("x.pdf", bytes(size)))
    kept.keep(replace(state, company="Enormous"), documents.Document("x.pdf", bytes(2 * size)))
    assert (
        kept.bytes_kept == sum(len(one.content) for one in kept._documents.values()) <= 8 * size + size // 2
    )
    assert kept.get(replace(state, company="Enormous")) is None
    get(first)
    assert len(made) == 3, "the one that was not asked for longest made room, and is made again"
