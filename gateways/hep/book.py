"""Where captured messages lie: written in batches, removed after some days in small steps.

A message is stored as `domain/sip` lets it be kept, with the position of the last fact that was in
the store when it came: that, and no clock, says later where it stands among the facts.

A leg that has a Call-ID of its own belongs to a call because the agent says so (correlation id), or
because its INVITE does (X-Edge-Call-Id) and comes from an edge or a media server: whoever else
writes that header would put his messages into somebody's trace.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain import sip
from domain.sip import Kept
from gateways.addresses import Network, lies_in
from gateways.hep.packet import Packet
from gateways.store.reader import Reader, head
from gateways.store.recorder import translated

STEP = 5_000
"""Rows that are removed in one transaction."""

_COPY = """
    COPY capture.message (call_id, position, ts, at, agent_id, transport, source, destination,
                          digest, is_cut, text) FROM STDIN"""
_LINK = """
    INSERT INTO capture.leg (leg, call_id, at)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[]) ON CONFLICT (leg) DO NOTHING"""
_TELL = """
    SELECT pg_notify('views', 'capture=' || currval('capture.message_number_seq') || '*')"""
"""Wakes who follows a call, as a read model does that has moved (`gateways/store/projector.py`)."""
_PRUNE = (
    """DELETE FROM capture.message WHERE number IN (
        SELECT number FROM (
            SELECT number, at FROM capture.message ORDER BY number LIMIT %(step)s
        ) AS oldest WHERE at < %(before)s)""",
    """DELETE FROM capture.leg WHERE leg IN (
        SELECT leg FROM capture.leg WHERE at < %(before)s LIMIT %(step)s)""",
)


class Received(NamedTuple):
    packet: Packet
    at: int
    """Epoch milliseconds."""


class Entry(NamedTuple):
    """A message that is to be stored."""

    received: Received
    kept: Kept

    @property
    def digest(self) -> bytes:
        """The same for the same message between the same two, whoever has seen it."""
        packet = self.received.packet
        source = _place(packet.source, packet.source_port)
        destination = _place(packet.destination, packet.destination_port)
        seen = f"{source} {destination}\n{self.kept.text}"
        return hashlib.sha256(seen.encode()).digest()[:16]


def entries(received: Sequence[Received]) -> list[Entry]:
    """Those that are SIP."""
    found = ((one, sip.kept(one.packet.payload)) for one in received)
    return [Entry(one, kept) for one, kept in found if kept is not None]


class Book:
    def __init__(self, reader: Reader, trusted: tuple[Network, ...]) -> None:
        self._reader = reader
        self._trusted = trusted
        """Addresses of edges and media servers."""

    async def write(self, found: Sequence[Entry]) -> None:
        """Store messages, in this order. Raises StoreDown; then perhaps they are stored."""
        await self._reader.query(self._writing(found))

    def _writing(self, found: Sequence[Entry]) -> Callable[[Cursor[DictRow]], None]:
        def write(cursor: Cursor[DictRow]) -> None:
            with translated(), cursor.connection.transaction():
                position = head(cursor)
                with cursor.copy(_COPY) as copy:
                    for entry in found:
                        copy.write_row(_row(entry, position))
                links = list(self._links(found))
                if links:
                    cursor.execute(_LINK, [list(column) for column in zip(*links, strict=True)])
                cursor.execute(_TELL)

        return write

    def _links(self, found: Sequence[Entry]) -> Iterator[tuple[str, str, int]]:
        """Leg, call, and when that was learned."""
        for (packet, at), kept in found:
            call_id = packet.correlation_id.replace("\0", "")
            if not call_id and lies_in(packet.source, self._trusted):
                call_id = sip.read(kept.text).edge_call_id
            if 0 < len(call_id) <= sip.MAX_CALL_ID and call_id != kept.call_id:
                yield kept.call_id, call_id, at

    async def prune(self, before: int, step: int = STEP) -> int:
        """Remove what came before that moment (epoch ms); returns how many rows that were."""
        removed = 0
        for statement in _PRUNE:
            while count := await self._reader.query(_pruning(statement, before, step)):
                removed += count
                if count < step:
                    break
        return removed


def _row(entry: Entry, position: int) -> tuple[object, ...]:
    (packet, at), kept = entry
    return (
        *(kept.call_id, position, packet.ts_us, at, packet.agent_id, packet.transport),
        _place(packet.source, packet.source_port),
        _place(packet.destination, packet.destination_port),
        *(entry.digest, kept.is_cut, kept.text),
    )


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _pruning(statement: str, before: int, step: int) -> Callable[[Cursor[DictRow]], int]:
    values = {"before": before, "step": step}
    return lambda cursor: cursor.execute(statement.encode(), values).rowcount
