"""Properties of the address rules across the whole address space."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.outbound.addresses import is_inside, is_public, parse_networks

V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
SPECIAL_V4 = st.sampled_from(
    [
        ipaddress.ip_network(n)
        for n in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "100.64.0.0/10")
    ]
).flatmap(lambda n: st.integers(int(n[0]), int(n[-1])).map(ipaddress.IPv4Address))


@given(V4)
def test_special_ipv4_addresses_are_never_public(address: Any) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(V6)
def test_special_ipv6_addresses_are_never_public(address: Any) -> None:
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_site_local, address.is_reserved))


@given(
    SPECIAL_V4,
    st.sampled_from(["::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "::5efe:0:0"]),
)
def test_embedded_private_ipv4_addresses_are_private(address: Any, prefix: Any) -> None:
    assert not is_public(address)
    assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address)))


@given(SPECIAL_V4, st.integers(0, 2**16 - 1))
def test_6to4_teredo_and_isatap_are_never_public(address: Any, rest: Any) -> None:
    v4 = int(address)
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) | (v4 << 80) | rest))
    assert not is_public(ipaddress.IPv6Address((0x20010000 << 96) | (rest << 32) | (v4 ^ 0xFFFFFFFF)))
    assert not is_public(ipaddress.IPv6Address((0x2600 << 112) | (rest << 64) | (0x5EFE << 32) | v4))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "2606:4700::1", "2a00::1"]
)
def test_ordinary_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_networks_are_parsed_from_cidrs() -> None:
    assert parse_networks(["10.0.0.1/8", " ::1 ", ""]) == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    with pytest.raises(ValueError):
        parse_networks(["10.0.0.0/8/8"])


def test_scoped_address_matches_no_network() -> None:
    assert not is_inside(ipaddress.ip_address("fe80::1%lo"), parse_networks(["fe80::/10"]))
