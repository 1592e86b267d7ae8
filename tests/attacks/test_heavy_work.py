"""A company that asks for many documents at once takes no more than its places, and others go on."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from billing.export import invoice_pdf
from core import heavy
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
