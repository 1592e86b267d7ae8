"""Which addresses may be called: the public internet, and what the operator allows in addition."""

from __future__ import annotations

from dataclasses import dataclass

from core.outbound import loopback
from core.outbound.addresses import Address, Network, is_inside, is_public, parse_networks
from core.outbound.errors import UrlRefusedError
from core.outbound.urls import Target, parse_url

_LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"])
PUBLIC_PORTS = frozenset({80, 443, 8443})


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Allows the public internet on `ports`, and `allowed_networks` on any port.

    `own_machine` also allows loopback while `core.outbound.loopback` is open, which is checked at every use.

    `trusted` is for addresses that only the operator can set (a gateway, a vendor's server): nothing is refused by
    address or port. Never use it for an address that came from a request.
    """

    allowed_networks: tuple[Network, ...] = ()
    ports: frozenset[int] = PUBLIC_PORTS
    trusted: bool = False
    own_machine: bool = False

    def is_inside(self, address: Address) -> bool:
        """Return whether the operator has explicitly allowed `address`."""
        if is_inside(address, self.allowed_networks):
            return True
        return self.own_machine and is_inside(address, _LOOPBACK) and loopback.is_open()

    def permits(self, address: Address, port: int) -> bool:
        """Return whether a connection to this address and port is allowed."""
        if self.trusted or self.is_inside(address):
            return True
        return port in self.ports and is_public(address)


TRUSTED = OutboundPolicy(trusted=True)


def public_policy() -> OutboundPolicy:
    """Return the policy for URLs chosen by companies, including the operator's exceptions.

    Raises ValueError when the setting contains an invalid network.
    """
    from django.conf import settings

    networks = getattr(settings, "WEBHOOK_ALLOWED_NETWORKS", ())
    return OutboundPolicy(
        allowed_networks=parse_networks(str(network) for network in networks),
        own_machine=settings.WEBHOOK_LOOPBACK,
    )


def check_url(text: str, policy: OutboundPolicy) -> Target:
    """Parse a URL and return its destination, if allowed by its syntax.

    Names are not resolved here: their addresses are checked when a connection is opened, and reporting the result to the
    user would let them map the private network.
    Raises UrlRefusedError.
    """
    target = parse_url(text)
    if policy.trusted:
        return target
    if target.address is not None and not policy.permits(target.address, target.port):
        if target.port not in policy.ports and is_public(target.address):
            raise UrlRefusedError("url_port", f"Port {target.port} is not allowed; use 443, 8443 or 80.")
        raise UrlRefusedError("url_not_public", "This address is not on the public internet.")
    private = policy.allowed_networks or (policy.own_machine and loopback.is_open())
    if target.address is None and target.port not in policy.ports and not private:
        raise UrlRefusedError("url_port", f"Port {target.port} is not allowed; use 443, 8443 or 80.")
    return target
