"""Connections to bus and store, and what lives as long as a process."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nats.aio.client import Client

from events.base import Millis
from gateways.bus.client import Commander
from gateways.bus.connection import connect
from gateways.store.reader import Reader

log = logging.getLogger("callplane")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where bus and store are."""

    nats_url: str
    database_url: str


def clock() -> Millis:
    return Millis(time.time_ns() // 1_000_000)


def stop_on_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def bus(servers: Servers, name: str) -> AsyncIterator[Client]:
    client = await connect(servers.nats_url, name)
    try:
        yield client
    finally:
        with suppress(Exception):
            await client.flush(2)
        await client.close()


@asynccontextmanager
async def reading(servers: Servers) -> AsyncIterator[Reader]:
    reader = Reader(servers.database_url)
    try:
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def commanding(client: Client, patience: float = 0.0) -> AsyncIterator[Commander]:
    commander = Commander(client, patience)
    await commander.start()
    try:
        yield commander
    finally:
        await commander.stop()


@asynccontextmanager
async def connected(servers: Servers, name: str) -> AsyncIterator[Commander]:
    """Commands over a connection of their own."""
    async with bus(servers, name) as client, commanding(client) as commander:
        yield commander


@asynccontextmanager
async def background(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    """Tasks that live as long as the block; one that fails ends the process, which is started
    again."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the process failed", exc_info=error)
            stop.set()

    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
