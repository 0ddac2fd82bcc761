"""The listener: messages that come over UDP and TCP lie in the book, whatever else comes with
them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from deploy.embedded import free_port
from gateways.addresses import networks
from gateways.hep.book import Book, Received, entries
from gateways.hep.inbox import Inbox
from gateways.hep.listener import Listener
from gateways.hep.packet import parse
from gateways.store.reader import Reader
from tests.support.hep import CALLEE, EDGE, URI, packet, send, sip

KEY = "let me in"


class Listening(NamedTuple):
    port: int
    database_url: str

    async def rows(self, count: int) -> list[DictRow]:
        """What lies in the book, once it is so much."""
        for _ in range(200):
            found = await asyncio.to_thread(messages, self.database_url)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"only {found}")


def messages(database_url: str) -> list[DictRow]:
    return query(database_url, "SELECT * FROM capture.message ORDER BY number")


def query(database_url: str, statement: str) -> list[DictRow]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()


@asynccontextmanager
async def listening(database_url: str, key: str = "") -> AsyncIterator[Listening]:
    reader, stop, port = Reader(database_url), asyncio.Event(), free_port()
    listener = Listener(Book(reader, networks("127.0.0.0/8")), key, 7)
    running = asyncio.create_task(listener.run("127.0.0.1", port, stop))
    await asyncio.sleep(0.1)
    try:
        yield Listening(port, database_url)
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)
        await reader.stop()


def during(database_url: str, work: Callable[[Listening], Awaitable[None]], key: str = "") -> None:
    async def run() -> None:
        async with listening(database_url, key) as one:
            await work(one)

    asyncio.run(run())


def message(number: int, call_id: str = "a call", **more: object) -> bytes:
    return packet(sip(f"INVITE {URI}", call_id, cseq=f"{number} INVITE"), **more)  # type: ignore[arg-type]


def test_a_message_over_udp_is_stored(database_url: str) -> None:
    async def work(one: Listening) -> None:
        send(one.port, message(1, agent=9))
        (row,) = await one.rows(1)
        assert (row["call_id"], row["agent_id"], row["transport"]) == ("a call", 9, 17)
        assert (row["source"], row["destination"]) == ("127.0.0.22:5062", "127.0.0.20:5060")
        assert row["text"].startswith(f"INVITE {URI} SIP/2.0\nVia: ")
        assert row["ts"] == 1_767_225_600_000_000

    during(database_url, work)


def test_garbage_changes_nothing(database_url: str) -> None:
    async def work(one: Listening) -> None:
        garbage = [b"", b"x", b"HEP3\0\0", b"HEP3\xff\xff" + b"\0" * 100, b"\0" * 60_000]
        no_sip = [packet(b"GET / HTTP/1.1"), packet(b"", kind=1), message(1, kind=5)]
        send(one.port, *garbage, *no_sip, message(2))
        (row,) = await one.rows(1)
        assert "CSeq: 2 INVITE" in row["text"]

    during(database_url, work)


def test_packets_over_tcp_may_come_in_pieces(database_url: str) -> None:
    async def work(one: Listening) -> None:
        stream = b"".join(message(number) for number in range(1, 6))
        _, writer = await asyncio.open_connection("127.0.0.1", one.port)
        for place in range(0, len(stream), 7):
            writer.write(stream[place : place + 7])
            await writer.drain()
        rows = await one.rows(5)
        assert [f"CSeq: {number} INVITE" in row["text"] for number, row in enumerate(rows, 1)] == [
            True
        ] * 5
        writer.close()

    during(database_url, work)


def test_a_connection_that_speaks_something_else_is_closed(database_url: str) -> None:
    async def work(one: Listening) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        send(one.port, message(1))
        await one.rows(1)

    during(database_url, work)


def test_agents_show_the_key(database_url: str) -> None:
    async def work(one: Listening) -> None:
        send(one.port, message(1), message(2, key=b"let me out"), message(3, key=KEY.encode()))
        (row,) = await one.rows(1)
        assert "CSeq: 3 INVITE" in row["text"]

    during(database_url, work, KEY)


def test_legs_are_known_by_what_agent_or_media_server_say(database_url: str) -> None:
    def leg(call_id: str) -> bytes:
        return sip(f"INVITE {URI}", call_id, extra=("X-Edge-Call-Id: call-1",))

    async def work(one: Listening) -> None:
        stranger = ("198.51.100.7", 5060)
        send(
            one.port,
            packet(leg("by header"), CALLEE, EDGE),
            packet(leg("by a stranger"), stranger, EDGE),
            message(1, "by the agent", correlation="call-2"),
            message(1, "call-3", correlation="call-3"),
        )
        await one.rows(4)
        found = query(one.database_url, "SELECT leg, call_id FROM capture.leg ORDER BY call_id")
        assert [tuple(row.values()) for row in found] == [
            ("by header", "call-1"),
            ("by the agent", "call-2"),
        ]

    during(database_url, work)


def test_what_came_long_ago_is_removed_in_steps(database_url: str) -> None:
    async def run() -> None:
        reader = Reader(database_url)
        book = Book(reader, networks("127.0.0.0/8"))
        old = [Received(parse(message(n, f"old {n}", correlation="c")), 1_000) for n in range(5)]
        new = [Received(parse(message(n, f"new {n}")), 2_000) for n in range(2)]
        await book.write(entries(old))
        await book.write(entries(new))
        assert await book.prune(1_500, step=2) == 5 + 5
        await reader.stop()

    asyncio.run(run())
    assert [row["call_id"] for row in messages(database_url)] == ["new 0", "new 1"]
    assert query(database_url, "SELECT * FROM capture.leg") == []


def test_an_inbox_that_is_full_takes_no_more() -> None:
    async def run() -> None:
        one = Received(parse(packet(b"x" * 100)), 0)
        narrow, light = Inbox(max_messages=2), Inbox(max_bytes=250)
        for inbox in (narrow, light):
            assert [inbox.put(one) for _ in range(3)] == [True, True, False]
            assert len(await inbox.take(5)) == 2
            assert inbox.put(one)

    asyncio.run(run())


def test_a_silent_connection_keeps_no_one_out(database_url: str) -> None:
    async def work(one: Listening) -> None:
        with socket.create_connection(("127.0.0.1", one.port)) as silent:
            silent.sendall(b"HEP")
            send(one.port, message(1))
            await one.rows(1)

    during(database_url, work)


def test_a_connection_without_the_key_is_closed(database_url: str) -> None:
    async def work(one: Listening) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(message(1, key=b"let me out"))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    during(database_url, work, KEY)


def test_only_who_says_nothing_to_begin_with_is_let_go(database_url: str) -> None:
    async def run() -> None:
        reader, stop, port = Reader(database_url), asyncio.Event(), free_port()
        listener = Listener(Book(reader, ()), "", 7, first=0.5)
        running = asyncio.create_task(listener.run("127.0.0.1", port, stop))
        await asyncio.sleep(0.1)
        silent, quiet = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        quiet[1].write(message(1))
        assert await asyncio.wait_for(silent[0].read(), 5) == b""
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(quiet[0].read(), 1)
        silent[1].close()
        quiet[1].close()
        stop.set()
        await asyncio.wait_for(running, 10)
        await reader.stop()

    asyncio.run(run())


def test_what_was_taken_is_stored_at_the_end(database_url: str) -> None:
    async def run() -> None:
        reader, stop, inbox = Reader(database_url), asyncio.Event(), Inbox()
        long = tuple("X: <sip:a:b@c>" for _ in range(3_000))  # takes a while to be read
        for _ in range(10):
            inbox.put(Received(parse(packet(sip(f"INVITE {URI}", "a call", extra=long))), 0))
        stop.set()
        listener = Listener(Book(reader, ()), "", 100_000, inbox)
        await asyncio.wait_for(listener.run("127.0.0.1", free_port(), stop), 10)
        await reader.stop()

    asyncio.run(run())
    assert len(messages(database_url)) == 10
