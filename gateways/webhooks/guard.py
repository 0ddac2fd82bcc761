"""Where a webhook may go: not into our own network (spec 06, SSRF).

Every address that a name resolves to is checked, and the connection is made to the address that was
checked: whoever answers otherwise the second time is not asked a second time. An IPv6 address that
stands for an IPv4 address is that one. Networks that the operator allows are exempt.
"""

import errno
import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from gateways.addresses import Network, lies_in

_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("::/96"))
"""Addresses whose last four bytes are an IPv4 address: behind a translator (RFC 6052, RFC 2765),
and without one, long deprecated (RFC 4291 section 2.5.5.1)."""


class Forbidden(OSError):
    """The address is private, and nobody allowed it."""


class GuardedResolver(AbstractResolver):
    def __init__(
        self, allowed: tuple[Network, ...], resolver: AbstractResolver | None = None
    ) -> None:
        self._resolver = resolver or ThreadedResolver()
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            check_address(result["host"], self._allowed)
        return found

    async def close(self) -> None:
        await self._resolver.close()


@lru_cache(maxsize=10_000)
def check_address(address: str, allowed: tuple[Network, ...]) -> None:
    """Raises Forbidden for an address inside that is not allowed. Remembers what is allowed."""
    for one in _meant(address):
        public = one.is_global and not one.is_multicast
        if not public and not lies_in(str(one), allowed):
            raise Forbidden(errno.EACCES, f"{address} is not a public address")


def _meant(address: str) -> list[IPv4Address | IPv6Address]:
    """The addresses that a packet to this one may come to."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return [parsed]
    if parsed.ipv4_mapped is not None:
        return [parsed.ipv4_mapped]
    if int(parsed) > 0xFFFF and any(parsed in network for network in _TRANSLATED):
        return [IPv4Address(parsed.packed[-4:])]
    tunnelled = [parsed.sixtofour, *(parsed.teredo or ())]
    return [parsed, *(one for one in tunnelled if one is not None)]


def check_host(host: str, allowed: tuple[Network, ...]) -> None:
    """An address that stands in a URL is not resolved, so it is checked before."""
    if _is_address(host):
        check_address(host, allowed)


@lru_cache(maxsize=10_000)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
