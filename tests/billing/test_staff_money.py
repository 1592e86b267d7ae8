"""Amounts on the staff site are shown as money, in lists and on object pages, never in minor units."""

import re

from allauth.mfa.models import Authenticator

from tests.billing.factories import make_charge, make_credit_note, make_invoice, make_payment, make_refund
from tests.clients import sign_in
from tests.factories import World, make_user


def test_amounts_are_written_as_money(world: World) -> None:
    tenant = world.tenant()
    rows = {
        "charge": (make_charge(tenant), "€50.00"),
        "invoice": (make_invoice(tenant), "€119.00"),
        "creditnote": (make_credit_note(tenant), "€"),
        "offplatformpayment": (make_payment(tenant), "€"),
        "refund": (make_refund(tenant), "€"),
    }
    user = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    browser = sign_in(user)

    for name, (row, amount) in rows.items():
        listed = browser.get(f"/staff/billing/{name}/", {"q": row.public_id}).content.decode()
        one = browser.get(f"/staff/billing/{name}/{row.pk}/change/").content.decode()
        for page in (listed, one):
            text = re.sub(r"<[^>]+>", " ", page)
            assert amount in text, name
            assert not re.search(r"\s(5000|11900|10000|1900|1190|1000|190)\s", text), name
