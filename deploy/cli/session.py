"""A command's connection to the running system."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from deploy import parts, runfile
from deploy.connections import bus, commanding, reading
from deploy.settings import Settings, load
from gateways.bus.client import Commander
from gateways.provisioning import Provisioner
from gateways.store.reader import Reader
from gateways.store.secrets import Vault

T = TypeVar("T")

PATIENCE = 6.0
"""Seconds in which another worker has taken over from one that died."""


@dataclass(frozen=True, slots=True)
class Session:
    settings: Settings
    commander: Commander
    reader: Reader
    provisioner: Provisioner
    vault: Vault


def with_session(work: Callable[[Session], Awaitable[T]]) -> T:
    """Connect to bus and store, do the work, and leave."""

    async def connected() -> T:
        settings, _ = load()
        servers = runfile.servers(settings)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(bus(servers, "cli"))
            reader = await stack.enter_async_context(reading(servers))
            commander = await stack.enter_async_context(commanding(client, PATIENCE))
            provisioner = parts.provisioner(settings, commander, reader)
            vault = parts.vault(settings, reader)
            return await work(Session(settings, commander, reader, provisioner, vault))

    return asyncio.run(connected())


def with_reader(work: Callable[[Reader], Awaitable[T]]) -> T:
    """Connect to the store only."""

    async def connected() -> T:
        settings, _ = load()
        async with reading(runfile.servers(settings)) as reader:
            return await work(reader)

    return asyncio.run(connected())
