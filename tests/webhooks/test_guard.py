"""Where webhooks do not go: into networks that are not public, however their addresses are written
(spec 06, SSRF)."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import chain, repeat

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateways.addresses import networks
from gateways.webhooks import courier
from gateways.webhooks.guard import Forbidden, GuardedResolver, check_address, check_host
from tests.support.sink import Sink

LOOPBACK = networks("127.0.0.0/8,::1/128")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1"),
        *("2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe"),
        *("::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1"),
        *("2002:7f00:1::", "2002:a00:1::1", "2001:0:a00:1::", "fe80::1%lo"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(Forbidden):
        check_address(address, ())
    with pytest.raises(Forbidden):
        check_host(address, ())


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_a_public_address_is_gone_to(address: str) -> None:
    check_address(address, ())


def test_what_the_operator_allows_is_gone_to_however_it_is_written() -> None:
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        check_address(address, LOOPBACK)
    with pytest.raises(Forbidden):
        check_address("::ffff:10.0.0.1", LOOPBACK)


class Rebinding(AbstractResolver):
    """A name server that says something else the second time it is asked."""

    def __init__(self, *answers: str) -> None:
        self._answers: Iterator[str] = chain(answers, repeat(answers[-1]))

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = next(self._answers)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        return


def _posted(url: str, resolver: GuardedResolver) -> int:
    async def work() -> int:
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
        http = aiohttp.ClientSession(connector=connector)
        async with http, http.post(url, data=b"{}") as answer:
            return answer.status

    return asyncio.run(work())


def test_the_connection_is_made_to_the_address_that_was_checked(endpoint: Sink) -> None:
    """The second answer, which nobody has checked, is never asked for."""
    endpoint.answer = lambda _: (204, {})
    names = GuardedResolver(LOOPBACK, Rebinding("127.0.0.1", "10.255.255.1"))
    assert _posted(f"http://hooks.example:{endpoint.port}/", names) == 204


def test_a_name_that_turns_inwards_is_not_followed(endpoint: Sink) -> None:
    names = GuardedResolver((), Rebinding("127.0.0.1"))
    with pytest.raises(OSError, match="not a public address"):
        _posted(f"http://hooks.example:{endpoint.port}/", names)
    assert endpoint.received == []


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_a_loopback_address_in_disguise_is_not_gone_to(endpoint: Sink, host: str) -> None:
    async def work() -> None:
        http = courier.client(())
        async with http, http.post(f"http://{host}:{endpoint.port}/", data=b"{}"):
            return

    with pytest.raises((OSError, aiohttp.InvalidURL), match=r"not a (public|canonical)"):
        asyncio.run(work())
    assert endpoint.received == []
