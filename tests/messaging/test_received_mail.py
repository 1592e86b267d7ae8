"""Mail as its receiver judges it: SPF, DKIM and DMARC by third-party verifiers, by the records of a real DNS server.

The records are those that the API has told the company to set, and nothing else.
"""

from collections.abc import Iterator
from typing import Any

import authheaders
import dns.resolver
import pytest
import spf

from messaging.tasks import check_domains
from tests.factories import World, make_world
from tests.messaging.conftest import deliver
from tests.messaging.dns_server import Zone, dns_server
from tests.messaging.smtp import Mailhost

# pyspf calls dnspython by its former name.
pytestmark = pytest.mark.filterwarnings("ignore:please use dns.resolver.resolve")
SERVER = "127.0.0.1"  # where our mail comes from


@pytest.fixture
def world() -> World:
    """A world that has proved nothing."""
    return make_world()


@pytest.fixture
def zone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """A DNS server that the product and the verifiers ask, and what the operator has set up there."""
    settings.MESSAGING_SPF_INCLUDE = "spf.pomelo.example"
    settings.MESSAGING_RETURN_PATH = "bounces@mx.pomelo.example"
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


def judge(received: Any, *, ip: str = SERVER, raw: bytes | None = None) -> dict[str, str]:
    """Return what a receiver finds, by method: authheaders, with pyspf, dkimpy and a DMARC of its own."""
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


def verified(client: Any, zone: Zone, *, policy: str = "v=DMARC1; p=reject") -> None:
    """Add example.org (verifiers know no domains below `.example`), set every record that the answer names, and have them found."""
    made = client.post("/v1/sender_domains", {"domain": "example.org"}).json
    for record in made["records"]:
        value = policy if record["purpose"] == "dmarc" else record["value"]
        zone.add(record["name"], record["type"], value)
    check_domains()
    assert client.get(f"/v1/sender_domains/{made['id']}").json["status"] == "verified"


@pytest.fixture
def client(world: World, issue_key: Any, api: Any) -> Any:
    scopes = ["sender_domains:read", "sender_domains:write", "messaging:send"]
    return api(issue_key(world.company, scopes=scopes).client_secret)


@pytest.mark.parametrize("host", ["example.org", "mail.example.org"])
def test_what_arrives_passes_spf_dkim_and_dmarc_by_the_records_that_were_asked_for(
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
    judged = judge(received)
    assert (judged["spf"], judged["dkim"], judged["dmarc"]) == ("pass", "pass", "pass")
    [result, _] = spf.check2(SERVER, received.sender, "mail.pomelo.example")
    assert result == "pass"


def test_what_others_send_in_the_companys_name_fails_all_three(
    client: Any, zone: Zone, mailhost: Mailhost
) -> None:
    verified(client, zone)
    client.post(
        "/v1/messages", {"channel": "email", "to": ["ada@example.com"], "subject": "Hi", "text": "Pay here"}
    )
    deliver()
    [received] = mailhost.received

    altered = received.raw.replace(b"Pay here", b"Pay there")
    from_elsewhere = judge(received, ip="192.0.2.1", raw=altered)

    assert (from_elsewhere["spf"], from_elsewhere["dkim"], from_elsewhere["dmarc"]) == (
        "fail",
        "fail",
        "fail",
    )
    # Either is enough for DMARC: a mail that was forwarded keeps its signature, and one that was altered its sender.
    assert judge(received, ip="192.0.2.1")["dmarc"] == "pass"
    assert judge(received, raw=altered)["dmarc"] == "pass"
