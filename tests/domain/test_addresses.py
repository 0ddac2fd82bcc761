"""Addresses and ranges have one form, and are found in ranges like in the library's own."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import addresses
from domain.addresses import Ranges
from tests.support.given import property_of

IPS = st.ip_addresses()
NETWORKS = st.tuples(IPS, st.integers(0, 128)).map(
    lambda pair: str(ip_network(f"{pair[0]}/{min(pair[1], pair[0].max_prefixlen)}", strict=False))
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9/32", "203.0.113.9"),
        ("203.0.113.9/24", "203.0.113.0/24"),
        ("2001:DB8:0:0::0001", "2001:db8::1"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9/120", "203.0.113.0/24"),
    ],
)
def test_a_range_has_one_form(text: str, canonical: str) -> None:
    assert addresses.network(text) == canonical
    assert addresses.network(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "here", "1.2.3", "1.2.3.4.5", "256.1.1.1", "010.1.1.1", "1.2.3.4/33"),
        *("1.2.3.4/", "1.2.3.4/a", "fe80::1%eth0", "::ffff:1.2.3.4/64", "1.2.3.4\0"),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        addresses.network(text)


@property_of(examples=100)
@given(st.lists(NETWORKS, max_size=8), IPS)
def test_an_address_is_in_the_ranges_that_hold_it(networks: list[str], ip: object) -> None:
    expected = any(ip_address(str(ip)) in ip_network(one) for one in networks)
    assert (str(ip) in Ranges(networks)) is expected


@property_of(examples=100)
@given(NETWORKS)
def test_a_range_holds_its_ends(text: str) -> None:
    network = ip_network(text)
    for ip in (network[0], network[-1]):
        assert str(ip) in Ranges([addresses.network(text)])


@pytest.mark.parametrize(
    ("text", "is_wide"),
    [
        ("10.0.0.0/8", False),
        ("10.0.0.0/7", True),
        ("2001::/16", False),
        ("2000::/15", True),
        ("::/0", True),
        ("192.0.2.1", False),
    ],
)
def test_a_range_is_wide_that_holds_a_good_part_of_the_internet(text: str, is_wide: bool) -> None:
    assert addresses.is_wide(text) is is_wide
