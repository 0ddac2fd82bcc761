"""IP addresses and ranges in the one form in which they are stored and compared (RFC 5952)."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

WIDEST = {4: 8, 6: 16}
"""IP version → prefix length of the widest range that is taken without being asked twice."""


@lru_cache(maxsize=65_536)
def address(text: str) -> str:
    """The canonical form; an IPv4 address mapped into IPv6 is an IPv4 address. May raise
    ValueError."""
    parsed = ip_address(text.strip())
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            raise ValueError("has a zone, which means something on one machine only")
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
    return str(parsed)


def network(text: str) -> str:
    """An address, or a range without host bits, in canonical form. May raise ValueError."""
    base, slash, length = text.strip().partition("/")
    if not slash:
        return address(base)
    mapped = ":" in base and ":" not in address(base)
    if mapped and length.isdigit() and int(length) >= 96:
        length = str(int(length) - 96)
    elif mapped:
        raise ValueError("is wider than the addresses that are mapped into IPv6")
    found = ip_network(f"{address(base)}/{length}", strict=False)
    whole = found.prefixlen == found.max_prefixlen
    return str(found.network_address) if whole else str(found)


def is_wide(text: str) -> bool:
    """Whether a range is wider than what anybody means to type."""
    parsed = ip_network(text)
    return parsed.prefixlen < WIDEST[parsed.version]


class Ranges:
    """Addresses and networks, all in canonical form, to look addresses up in. A look costs one step
    per length of prefix in use, however many ranges there are."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._by_length: dict[tuple[int, int], set[int]] = {}
        for one in networks:
            parsed = ip_network(one)
            free = parsed.max_prefixlen - parsed.prefixlen
            found = self._by_length.setdefault((parsed.version, free), set())
            found.add(int(parsed.network_address) >> free)

    def __contains__(self, ip: object) -> bool:
        if not self._by_length:
            return False
        parsed = ip_address(str(ip))
        number = int(parsed)
        return any(
            version == parsed.version and number >> free in bases
            for (version, free), bases in self._by_length.items()
        )
