"""A company that asks for many documents or exports at once takes no more than its places, and others go on."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from audit.models import AuditEntry
from billing.export import invoice_pdf
from core import heavy
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice


@pytest.fixture
def slow(monkeypatch):
    """Documents that are not finished before they may be; returns how many are being made, and the permission."""
    begun, may_end = threading.Semaphore(0), threading.Event()

    def render(invoice, *, seller):
        begun.release()
        assert may_end.wait(60)
        return b"%PDF-"

    monkeypatch.setattr(invoice_pdf, "render_invoice", render)
    return begun, may_end


def asked(client, path):
    try:
        return client.get(path)
    finally:
        connection.close()


def test_more_documents_than_places_are_refused_at_once_and_others_go_on(world, issue_key, api, slow):
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
def test_more_exports_than_places_are_refused_at_once_and_others_go_on(world, login, address):
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
