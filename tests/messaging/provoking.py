"""Triggers for events of messages in test mode, using magic addresses, and of the suppression list."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.test import override_settings

from core import clock
from core.clock import rfc3339
from core.tenancy import tenant_context
from messaging.models import MessageStat, Reputation, SenderDomain, SmsSender
from messaging.services import claim_sms_sender, create_message, set_spend_cap
from messaging.services.domain_checks import LAPSES_AFTER
from messaging.services.reputation import evaluate_reputation
from messaging.tasks import check_domains, send_due
from tests.audit.scene import Scene, Written, provokes
from tests.factories import SYSTEM, prove_domain, prove_sms
from tests.messaging.dns_server import dns_server
from tests.messaging.samples import PRICED_SMS, make_sendable_invoice

SCOPES = ("messaging:send", "messaging:read", "suppressions:write")


def send(scene: Scene, to: str, **fields: Any) -> str:
    body = {"channel": "email", "to": [to], "subject": "Hello", "text": "Hi", **fields}
    answer = scene.api(*SCOPES, mode="test").post("/v1/messages", body)
    assert answer.status == 201, answer
    return str(answer.json["id"])


def sent(scene: Scene, to: str) -> Written:
    send(scene, to)
    send_due()
    return scene.by_pomelo("messaging.sender")


@provokes("message.queued")
def queued(scene: Scene) -> Written:
    send(scene, "delivered@test.pomelo.dev")
    return scene.by_key()


@provokes("invoice.sent")
def invoice_sent(scene: Scene) -> Written:
    path = make_sendable_invoice(scene.world.tenant())
    answer = scene.api("invoices:read", "email:send").post(f"/v1/invoices/{path}/send", {})
    assert answer.status == 201, answer
    return scene.by_key()


@provokes("message.canceled")
def canceled(scene: Scene) -> Written:
    later = rfc3339(clock.now() + timedelta(days=1))
    client = scene.api(*SCOPES, mode="test")
    body = {"channel": "email", "to": ["a@example.com"], "subject": "Hello", "text": "Hi", "send_at": later}
    message = client.post("/v1/messages", body).json
    assert client.post(f"/v1/messages/{message['id']}/cancel").status == 200
    return scene.by_key()


@provokes("message.sent")
def message_sent(scene: Scene) -> Written:
    return sent(scene, "delivered@test.pomelo.dev")


@provokes("message.delivered")
def delivered(scene: Scene) -> Written:
    return sent(scene, "delivered@test.pomelo.dev")


@provokes("message.bounced")
def bounced(scene: Scene) -> Written:
    return sent(scene, "bounced@test.pomelo.dev")


@provokes("message.complained")
def complained(scene: Scene) -> Written:
    return sent(scene, "complained@test.pomelo.dev")


@provokes("message.failed")
def failed(scene: Scene) -> Written:
    return sent(scene, "failed@test.pomelo.dev")


@provokes("message.suppressed")
def suppressed(scene: Scene) -> Written:
    return sent(scene, "suppressed@test.pomelo.dev")


@provokes("suppression.created")
def suppression_created(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    body = {"channel": "email", "address": "ada@example.com"}
    assert client.post("/v1/suppressions", body).status == 201
    return scene.by_key()


@provokes("suppression.deleted")
def suppression_deleted(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made = client.post("/v1/suppressions", {"channel": "email", "address": "ada@example.com"}).json
    assert client.delete(f"/v1/suppressions/{made['id']}").status == 204
    return scene.by_key()


DOMAINS = ("sender_domains:read", "sender_domains:write")


@provokes("sender_domain.created")
def domain_created(scene: Scene) -> Written:
    assert scene.api(*DOMAINS).post("/v1/sender_domains", {"domain": "acme.example"}).status == 201
    return scene.by_key()


@provokes("sender_domain.key_rotated")
def domain_key_rotated(scene: Scene) -> Written:
    row = prove_domain(scene.world.tenant())
    assert scene.api(*DOMAINS).post(f"/v1/sender_domains/{row.public_id}/rotate_key").status == 200
    return scene.by_key()


@provokes("sender_domain.deleted")
def domain_deleted(scene: Scene) -> Written:
    row = prove_domain(scene.world.tenant())
    assert scene.api(*DOMAINS).delete(f"/v1/sender_domains/{row.public_id}").status == 204
    return scene.by_key()


@provokes("sender_domain.verified")
def domain_verified(scene: Scene) -> Written:
    made = scene.api(*DOMAINS).post("/v1/sender_domains", {"domain": "acme.example"}).json
    with dns_server() as zone:
        scene.settings.MESSAGING_DNS_RESOLVERS = [zone.address]
        for record in made["records"]:
            zone.add(record["name"], record["type"], record["value"])
        check_domains()
    return scene.by_pomelo("messaging.domain_checks")


@provokes("sender_domain.failed")
def domain_failed(scene: Scene) -> Written:
    row = prove_domain(scene.world.tenant())
    long_ago = clock.now() - LAPSES_AFTER
    with tenant_context(row.tenant):
        SenderDomain.objects.update(failing_since=long_ago, next_check_at=long_ago)
    with dns_server() as zone:
        scene.settings.MESSAGING_DNS_RESOLVERS = [zone.address]
        check_domains()
    return scene.by_pomelo("messaging.domain_checks")


def ask_for_sender(scene: Scene) -> SmsSender:
    with tenant_context(scene.world.tenant()):
        return claim_sms_sender(actor=SYSTEM, sender="Acme", reason="It is our name.")


@provokes("sms_sender.claimed")
def sms_claimed(scene: Scene) -> Written:
    body = {"sender": "Acme", "reason": "It is our name."}
    assert scene.owner.post("/messages/senders/sms/ask/", body).status_code == 302
    return scene.by_owner()


@provokes("sms_sender.assigned")
def sms_assigned(scene: Scene) -> Written:
    scene.act_as_staff("messaging/companysenders", "assign_sms_sender", scene.world.company, sender="Acme")
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("sms_sender.approved")
def sms_approved(scene: Scene) -> Written:
    scene.act_as_staff("messaging/smssender", "approve", ask_for_sender(scene))
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("sms_sender.rejected")
def sms_rejected(scene: Scene) -> Written:
    scene.act_as_staff("messaging/smssender", "reject", ask_for_sender(scene))
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("sms_sender.deleted")
def sms_deleted(scene: Scene) -> Written:
    row = ask_for_sender(scene)
    assert scene.owner.post(f"/messages/senders/sms/{row.public_id}/remove/").status_code == 302
    return scene.by_owner()


@provokes("sms_countries.changed")
def countries_changed(scene: Scene) -> Written:
    assert scene.owner.post("/messages/senders/countries/", {"countries": "DE AT"}).status_code == 302
    return scene.by_owner()


@provokes("sms_spend.cap_changed")
def spend_cap_changed(scene: Scene) -> Written:
    with override_settings(**PRICED_SMS):
        assert scene.owner.post("/messages/senders/spend/", {"amount": "12.50"}).status_code == 302
    return scene.by_owner()


@provokes("sms_spend.reached")
def spend_reached(scene: Scene) -> Written:
    prove_sms(scene.world.tenant())
    with override_settings(**PRICED_SMS), tenant_context(scene.world.tenant()):
        set_spend_cap(amount=settings.SMS_PRICE_ESTIMATE, actor=SYSTEM)
        create_message(actor=SYSTEM, channel="sms", to=["+4930123456"], text="Hi")
    return scene.by_pomelo("messaging.sms_spend")


def bounce(scene: Scene, *, sent: int) -> None:
    """Let 100 recipients of the company's email bounce, among as many delivered ones."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    with tenant_context(scene.world.tenant()):
        for status, recipients in (("sent", sent), ("bounced", 100)):
            MessageStat.objects.create(hour=hour, channel="email", status=status, recipients=recipients)
    evaluate_reputation(scene.world.tenant())


@provokes("reputation.slowed")
def slowed(scene: Scene) -> Written:
    bounce(scene, sent=1800)
    return scene.by_pomelo("messaging.reputation")


@provokes("reputation.paused")
def paused(scene: Scene) -> Written:
    bounce(scene, sent=800)
    return scene.by_pomelo("messaging.reputation")


@provokes("reputation.restored")
def restored(scene: Scene) -> Written:
    bounce(scene, sent=1800)
    bounce(scene, sent=100_000)
    return scene.by_pomelo("messaging.reputation")


@provokes("reputation.appealed")
def appealed(scene: Scene) -> Written:
    bounce(scene, sent=800)
    body = {"appeal_reason": "We left the bought list out."}
    assert scene.owner.post("/messages/senders/appeal/", body).status_code == 302
    return scene.by_owner()


@provokes("reputation.lifted")
def lifted(scene: Scene) -> Written:
    bounce(scene, sent=800)
    with tenant_context(scene.world.tenant()):
        row = Reputation.objects.get()
    scene.act_as_staff("messaging/reputation", "lift", row)
    return scene.by_staff(where={"detail__reason": "asked for by phone"})
