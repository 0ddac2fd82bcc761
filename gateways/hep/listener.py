"""Listens for HEP v3 over UDP and TCP at one port, and writes what comes.

Guarantees: nothing that comes in ends the listener or makes it grow; what is not stored is counted
by its reason. A TCP connection that does not speak HEP v3 is closed, for nobody knows where its
next packet would begin; so is one that stops within a packet, one that says nothing to begin with,
and one that does not show the key: places are few. Capture agents are never made to
wait: they sit in the way of calls.
"""

import asyncio
import hmac
import logging
import socket
import time
from contextlib import suppress
from typing import Any

from commands.store import BadFact, StoreDown
from gateways import metrics
from gateways.hep.book import Book, Received, entries
from gateways.hep.inbox import Inbox
from gateways.hep.packet import HEADER, SIP, BadPacket, length_of, parse

log = logging.getLogger("callplane.hep")

BATCH = 500
REST = 0.05
"""Seconds from one write to the next at least: messages of a call come in handfuls."""
PAUSE = 0.5
"""Seconds after which a store that was away is tried again."""
AGENTS = 128
"""TCP connections at a time."""
PATIENCE = 10.0
"""Seconds in which a packet over TCP has to be complete."""
FIRST = 10.0
"""Seconds in which the first good packet of a TCP connection has to come."""
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes that the kernel is asked to hold of datagrams."""
EVERY = 3_600.0
"""Seconds from one removal of what is old to the next."""
DAY_MS = 86_400_000


class Listener:
    def __init__(
        self,
        book: Book,
        key: str,
        keep_days: float,
        inbox: Inbox | None = None,
        first: float = FIRST,
    ) -> None:
        self._book = book
        self._key = key.encode()
        """What agents have to show; empty: nothing."""
        self._keep_days = keep_days
        self._inbox = inbox or Inbox()
        self._first = first
        self._agents = 0
        self._is_writing = False

    async def run(self, address: str, port: int, stop: asyncio.Event) -> None:
        """Listen until `stop`, then store what has come."""
        loop = asyncio.get_running_loop()
        datagrams = _bound(address, port, socket.SOCK_DGRAM)
        transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), sock=datagrams)
        server = await asyncio.start_server(
            self._serve, sock=_bound(address, port, socket.SOCK_STREAM), limit=2**16
        )
        writing = asyncio.create_task(self._write_for_ever())
        pruning = asyncio.create_task(self._prune_for_ever())
        try:
            done = asyncio.create_task(stop.wait())
            await asyncio.wait({done, writing, pruning}, return_when=asyncio.FIRST_COMPLETED)
            done.cancel()
        finally:
            transport.close()
            server.close()
            await self._finish(writing, pruning)

    async def _finish(self, writing: asyncio.Task[None], pruning: asyncio.Task[None]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while (len(self._inbox) or self._is_writing) and not writing.done():
                    await asyncio.sleep(REST)
        for task in (writing, pruning):
            task.cancel()
        outcomes = await asyncio.gather(writing, pruning, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def take(self, data: bytes) -> str:
        """One packet, whatever it is; returns as what it is counted."""
        outcome = self._taken(data)
        metrics.CAPTURED.labels(outcome).inc()
        return outcome

    def _taken(self, data: bytes) -> str:
        try:
            packet = parse(data)
        except BadPacket:
            return "malformed"
        if self._key and not hmac.compare_digest(packet.key, self._key):
            return "refused"
        if packet.kind != SIP:
            return "not_sip"
        received = Received(packet, time.time_ns() // 1_000_000)
        return "taken" if self._inbox.put(received) else "dropped"

    # TCP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._agents >= AGENTS:
            writer.close()
            return
        self._agents += 1
        try:
            await self._hear(reader)
        except BadPacket:
            metrics.CAPTURED.labels("malformed").inc()
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass  # it has gone, or stopped within a packet
        finally:
            self._agents -= 1
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        """Until it does not show the key, or something is raised."""
        async with asyncio.timeout(self._first) as waiting:
            while (outcome := self.take(await _next_packet(reader))) != "refused":
                if outcome != "malformed":
                    waiting.reschedule(None)

    # Storing

    async def _write_for_ever(self) -> None:
        while True:
            received = await self._inbox.take(BATCH)
            self._is_writing = True
            await self._write(received)
            self._is_writing = False
            await asyncio.sleep(REST)

    async def _write(self, received: list[Received]) -> None:
        found = await asyncio.to_thread(entries, received)
        metrics.CAPTURED.labels("not_sip").inc(len(received) - len(found))
        while found:
            try:
                await self._book.write(found)
            except StoreDown as error:
                log.warning("messages wait for the store: %s", error)
                await asyncio.sleep(PAUSE)
            except BadFact as error:
                log.error("%d message(s) cannot be stored: %s", len(found), error)
                metrics.CAPTURED.labels("dropped").inc(len(found))
                return
            else:
                metrics.CAPTURED.labels("stored").inc(len(found))
                return

    async def _prune_for_ever(self) -> None:
        while True:
            try:
                await self._book.prune(int(time.time() * 1000 - self._keep_days * DAY_MS))
            except StoreDown as error:
                log.warning("nothing is pruned: %s", error)
            await asyncio.sleep(EVERY)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._listener.take(data)

    def error_received(self, exc: Exception) -> None:
        """About something that was sent: nothing is."""


async def _next_packet(reader: asyncio.StreamReader) -> bytes:
    first = await reader.readexactly(1)  # an agent that is known may be silent
    async with asyncio.timeout(PATIENCE):
        header = first + await reader.readexactly(HEADER - 1)
        return header + await reader.readexactly(length_of(header) - HEADER)


def _bound(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, kind)
    found.setblocking(False)
    if kind is socket.SOCK_STREAM:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # connections inherit it: an agent that is gone without a word gives its place back
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    else:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    found.bind((address, port))
    return found
