"""Where a webhook may go: not into our own network (spec 06, SSRF).

Every address that a name resolves to is checked, and the connection is made to the address that was
checked. Networks that the operator allows are exempt.
"""

import socket
from ipaddress import ip_address

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from gateways.addresses import Network, lies_in


class Forbidden(OSError):
    """The address is private, and nobody allowed it."""


class GuardedResolver(AbstractResolver):
    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._resolver = ThreadedResolver()
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


def check_address(address: str, allowed: tuple[Network, ...]) -> None:
    """Raises Forbidden for an address inside that is not allowed."""
    if not ip_address(address).is_global and not lies_in(address, allowed):
        raise Forbidden(f"{address} is not a public address")


def check_host(host: str, allowed: tuple[Network, ...]) -> None:
    """An address that stands in a URL is not resolved, so it is checked before."""
    try:
        ip_address(host)
    except ValueError:
        return
    check_address(host, allowed)
