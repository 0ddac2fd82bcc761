"""Where a request comes from, and whether that address is one of ours."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Comma-separated CIDRs."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


@lru_cache(maxsize=65_536)
def lies_in(address: str, allowed: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in allowed)


def client_address(peer: str, forwarded_for: Sequence[str], proxies: tuple[Network, ...]) -> str:
    """The nearest address that is not one of our proxies; headers of others are not believed."""
    if not proxies or not lies_in(peer, proxies):
        return peer
    hops = [hop.strip() for header in forwarded_for for hop in header.split(",")]
    for hop in reversed(hops):
        if not lies_in(hop, proxies):
            return hop
    return hops[0] if hops else peer


class Proxies:
    """Those whose X-Forwarded-For is believed."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        return client_address(peer, forwarded_for, self._trusted)
