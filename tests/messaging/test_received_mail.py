"""Received mail: SPF, DKIM and DMARC checked by third-party verifiers, with the records of a real DNS server.

The records are those that the API has told the company to set, and nothing else.
"""

from collections.abc import Iterator
from typing import Any

import authheaders
import dns.resolver
import pytest
import spf

from messaging.services import domain_checks
from messaging.tasks import check_domains
from messaging.verification import look_up_all
from tests.factories import World, make_world
from tests.messaging.conftest import deliver
from tests.messaging.dns_server import Zone, dns_server
from tests.messaging.smtp import Mailhost

# pyspf calls dnspython by its former name.
pytestmark = pytest.mark.filterwarnings("ignore:please use dns.resolver.resolve")
SERVER = "127.0.0.1"  # where our mail is sent from


@pytest.fixture
def world() -> World:
    """A world without verified senders."""
    return make_world()


@pytest.fixture
def zone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """A DNS server used by the product and the verifiers, with the operator's records."""
    settings.MESSAGING_SPF_INCLUDE = "spf.pomelo.example"
    settings.MESSAGING_RETURN_PATH = "Pomelo <bounces@mx.pomelo.example>"
    with dns_server() as zone:
        settings.MESSAGING_DNS_RESOLVERS = [zone.address]
        zone.add("spf.pomelo.example", "TXT", f"v=spf1 ip4:{SERVER} -all")
        zone.add("mx.pomelo.example", "TXT", "v=spf1 include:spf.pomelo.example -all")
        host, _, port = zone.address.partition(":")
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), 5
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        monkeypatch.setattr(dns.resolver, "get_default_resolver", lambda: resolver)
        yield zone


def verify(received: Any, *, ip: str = SERVER, raw: bytes | None = None) -> dict[str, str]:
    """Return a receiver's results by method: authheaders, with pyspf, dkimpy and its own DMARC."""
    header = authheaders.authenticate_message(
        raw or received.raw,
        "mx.receiver.example",
        spf=True,
        dmarc=True,
        ip=ip,
        mail_from=received.sender,
        helo="mail.pomelo.example",
    )
    return {word.partition("=")[0]: word.partition("=")[2] for word in str(header).split() if "=" in word}


def verified(client: Any, zone: Zone, *, policy: str = "v=DMARC1; p=reject") -> str:
    """Add example.org (verifiers know no domains below `.example`), set every record in the response, and have them verified.

    Returns the path of the domain.
    """
    made = client.post("/v1/sender_domains", {"domain": "example.org"}).json
    for record in made["records"]:
        value = policy if record["purpose"] == "dmarc" else record["value"]
        zone.add(record["name"], record["type"], value)
    check_domains()
    path = f"/v1/sender_domains/{made['id']}"
    assert client.get(path).json["status"] == "verified"
    return path


@pytest.fixture
def client(world: World, issue_key: Any, api: Any) -> Any:
    scopes = ["sender_domains:read", "sender_domains:write", "messaging:send"]
    return api(issue_key(world.company, scopes=scopes).client_secret)


@pytest.mark.parametrize("host", ["example.org", "mail.example.org"])
def test_received_mail_passes_spf_dkim_and_dmarc_with_the_requested_records(
    client: Any, zone: Zone, mailhost: Mailhost, host: str
) -> None:
    verified(client, zone)
    body = {
        "channel": "email",
        "from": f"Acme News <news@{host}>",
        "to": ["Zoë <ada@example.com>"],
        "subject": "Grüße",
        "text": "Hi",
        "html": "<p>Hi</p>",
    }
    assert client.post("/v1/messages", body).status == 201
    deliver()

    [received] = mailhost.received

    assert received.sender.endswith("@bounces.example.org")  # so that SPF is aligned, and not only DKIM
    verified_results = verify(received)
    assert (verified_results["spf"], verified_results["dkim"], verified_results["dmarc"]) == (
        "pass",
        "pass",
        "pass",
    )
    [result, _] = spf.check2(SERVER, received.sender, "mail.pomelo.example")
    assert result == "pass"


def test_spoofed_mail_fails_spf_dkim_and_dmarc(client: Any, zone: Zone, mailhost: Mailhost) -> None:
    verified(client, zone)
    client.post(
        "/v1/messages", {"channel": "email", "to": ["ada@example.com"], "subject": "Hi", "text": "Pay here"}
    )
    deliver()
    [received] = mailhost.received

    altered = received.raw.replace(b"Pay here", b"Pay there")
    from_elsewhere = verify(received, ip="192.0.2.1", raw=altered)

    assert (from_elsewhere["spf"], from_elsewhere["dkim"], from_elsewhere["dmarc"]) == (
        "fail",
        "fail",
        "fail",
    )
    # Either is enough for DMARC: forwarded mail keeps its signature, and modified mail its sender.
    assert verify(received, ip="192.0.2.1")["dmarc"] == "pass"
    assert verify(received, raw=altered)["dmarc"] == "pass"


def selectors_of(domain: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the selector of each DKIM record of a domain, and whether it was found, the signing one first."""
    return [
        (record["name"].partition(".")[0], record["status"])
        for record in domain["records"]
        if record["purpose"] == "dkim"
    ]


def test_after_a_dkim_rotation_mail_signed_by_either_key_verifies(
    client: Any, zone: Zone, mailhost: Mailhost
) -> None:
    path = verified(client, zone)
    (first, _), (second, _) = selectors_of(client.get(path).json)
    mail = {"channel": "email", "to": ["ada@example.com"], "subject": "Hi", "text": "Hi"}
    client.post("/v1/messages", mail)
    deliver()

    rotated = client.post(f"{path}/rotate_key")

    assert rotated.status == 200, rotated
    (signing, found), (added, waiting) = selectors_of(rotated.json)
    assert (signing, found, waiting) == (second, "found", "unchecked")
    assert added not in (first, second)
    client.post("/v1/messages", mail)
    deliver()
    before, after = mailhost.received
    assert f"s={first};".encode() in before.raw
    assert f"s={second};".encode() in after.raw
    assert [verify(received)["dkim"] for received in (before, after)] == ["pass", "pass"]

    # The record of the new key is not set: another rotation would leave no key to sign with.
    again = client.post(f"{path}/rotate_key")
    assert (again.status, again.json["error"]["code"]) == (409, "no_key_to_rotate_to")
    assert [name for name, _ in selectors_of(client.get(path).json)] == [second, added]


def test_dkim_key_rotated_during_a_check_is_checked_next(
    client: Any, zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = verified(client, zone)
    rotated = []

    def look_and_rotate(wanted: Any) -> Any:
        found = look_up_all(wanted)
        if not rotated:  # the rotation requests another check, which comes next
            rotated.append(client.post(f"{path}/rotate_key").status)
        return found

    client.post(f"{path}/verify")
    with monkeypatch.context() as patched:
        patched.setattr(domain_checks, "look_up_all", look_and_rotate)
        check_domains()

    assert rotated == [200]
    body = client.get(path).json
    assert body["status"] == "verified"
    assert [status for _, status in selectors_of(body)] == ["found", "missing"]
