"""`webhooks`: signed deliveries per second to a sink on loopback; and when one endpoint of ten is
dead.

The sender is stopped while facts are appended and projected, so that a run measures it alone: from
the first request that the sink gets to the last one. Beside it, as the limit, the same HTTP client
posts the same bodies, unsigned and without a book.
"""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any, NamedTuple, cast

import aiohttp
import orjson
import psycopg
import uvloop

from commands.store import Append, Numbered
from deploy.bench.report import Report, median, spread
from deploy.bench.rig import Rig, configure, interleaved, running_system
from deploy.cli.run import BEHIND
from deploy.embedded import free_port
from deploy.processes import die_with_parent
from events.base import AccountId, CallId, Fact, Millis
from events.call import (
    CallAnswered,
    CallEnded,
    CallRouted,
    Direction,
    Disposition,
    Outcome,
    RunFlow,
)
from gateways.ids import new_id
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.webhooks.endpoint import CONCURRENCY

ENDPOINTS = 10
RATE = 3_000
"""Deliveries that are owed for each second that a run is to take."""
PATIENCE = 60.0
EVENTS_OF_A_CALL = 3


class Sunk(NamedTuple):
    """What the sink has got: requests, and the times of the first and the last one."""

    requests: int
    first: float
    last: float

    @property
    def rate(self) -> float:
        return self.requests / max(0.001, self.last - self.first)


class Sink:
    """Answers 204 to everything, in a process of its own."""

    def __init__(self, port: int, counted: "SynchronizedArray[float]") -> None:
        self.port = port
        self._counted = counted

    def reset(self) -> None:
        self._counted[:] = [0.0, 0.0, 0.0]

    def sunk(self) -> Sunk:
        requests, first, last = self._counted[:]
        return Sunk(int(requests), first, last)

    def url(self, name: object) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@contextmanager
def sinking() -> Iterator[Sink]:
    port = free_port()
    context = multiprocessing.get_context("fork")
    counted = context.Array("d", 3)
    arguments = (port, counted, os.getpid())
    process = context.Process(target=_sink, args=arguments, daemon=True)
    process.start()
    try:
        time.sleep(0.5)
        yield Sink(port, counted)
    finally:
        process.terminate()
        process.join(5)


class _Taking(asyncio.Protocol):
    """Reads requests to their ends; that is all. It must cost less than what it measures."""

    def __init__(self, counted: "SynchronizedArray[float]") -> None:
        self._counted: Any = counted.get_obj()
        """Without its lock: there is one process that writes."""
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            place = head.index(b"content-length:") + 15
            whole = end + 4 + int(head[place:].split(b"\r\n", 1)[0])
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._counted[0] += 1
            self._counted[2] = time.time()
            self._counted[1] = self._counted[1] or self._counted[2]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def _sink(port: int, counted: "SynchronizedArray[float]", parent: int) -> None:
    die_with_parent(parent)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: _Taking(counted), "127.0.0.1", port, backlog=1_000)
        await asyncio.Event().wait()

    uvloop.run(run())


async def webhooks(runs: int, seconds: float) -> Report:
    """From the outbox to the sink: signed, in order per call, booked."""
    wanted = int(RATE * seconds)
    async with running_system() as rig:
        with sinking() as sink:
            one = await _account(rig, [sink.url(0)])
            ten = await _account(rig, [sink.url(number) for number in range(ENDPOINTS)])
            healthy = [sink.url(number) for number in range(1, ENDPOINTS)]
            nine = await _account(rig, [f"http://127.0.0.1:{free_port()}/", *healthy])
            bodies: list[bytes] = []
            spent: dict[AccountId, list[float]] = {}

            def paying(
                account: AccountId, endpoints: int, paid: int
            ) -> Callable[[], Awaitable[float]]:
                async def run() -> float:
                    calls = max(1, wanted // EVENTS_OF_A_CALL // endpoints)
                    owed = calls * EVENTS_OF_A_CALL
                    before = _cpu_seconds(rig.process("sender"))
                    sunk = await _paid(rig, sink, account, calls, owed * paid)
                    cost = _cpu_seconds(rig.process("sender")) - before
                    spent.setdefault(account, []).append(1e6 * cost / (owed * paid))
                    return sunk.rate

                return run

            async def plain() -> float:
                bodies[:] = bodies or _bodies(rig, one, 1_000)
                return (await _posted(sink, bodies, wanted)).rate

            await _paid(rig, sink, one, 200, 200 * EVENTS_OF_A_CALL)  # warm up
            ours, limit, all_well, one_dead = await interleaved(
                runs,
                paying(one, 1, 1),
                plain,
                paying(ten, ENDPOINTS, ENDPOINTS),
                paying(nine, ENDPOINTS, ENDPOINTS - 1),
            )
    share = [rate / ENDPOINTS for rate in all_well]
    share_with_dead = [rate / (ENDPOINTS - 1) for rate in one_dead]
    return Report(
        bench="webhooks",
        unit="deliveries/s",
        ours=median(ours),
        limit=median(limit),
        p50_ms=None,
        p99_ms=None,
        runs=runs,
        spread=spread(ours),
        detail={
            "10 endpoints": median(all_well),
            "9 of 10 endpoints, one dead": median(one_dead),
            "of a healthy one, all well": median(share),
            "of a healthy one, one dead": median(share_with_dead),
            "lost by the healthy, %": round(100 * (1 - median(share_with_dead) / median(share)), 1),
            "CPU of the sender per delivery, µs": median(spent[one]),
            "with 10 endpoints, µs": median(spent[ten]),
            "with one dead, µs": median(spent[nine]),
            "deliveries of a run": wanted,
            "limit spread": spread(limit),
        },
    )


async def _account(rig: Rig, urls: list[str]) -> AccountId:
    account_id = AccountId(new_id("acc"))
    hooks = [{"url": url} for url in urls]
    await configure(rig, {"account": {"id": account_id, "name": "Bench"}, "webhooks": hooks})
    return account_id


async def _paid(rig: Rig, sink: Sink, account: AccountId, calls: int, expected: int) -> Sunk:
    """Owe the events of so many calls, then let the sender pay."""
    pid = rig.process("sender")
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.to_thread(_owe, rig, account, calls)
        sink.reset()
    finally:
        os.kill(pid, signal.SIGCONT)
    await _until(lambda: sink.sunk().requests >= expected)
    return sink.sunk()


def _owe(rig: Rig, account: AccountId, calls: int) -> None:
    """Append facts of calls that began and ended; return when the outbox has them."""
    store = PgStore(rig.servers.database_url, Keyring.of(b"k" * 32))
    store.claim([], "bench")
    for _ in range(0, calls, 200):
        facts = [fact for _ in range(min(200, calls)) for fact in _call(account)]
        position = store.append(Append(facts, (), {}))
    store.close()
    deadline = time.monotonic() + PATIENCE
    with psycopg.connect(rig.servers.database_url, autocommit=True) as connection:
        ask = "SELECT position FROM views.position WHERE name = 'outbox'"
        while connection.execute(ask).fetchone()[0] < position:  # type: ignore[index]
            if time.monotonic() > deadline:
                raise TimeoutError("the outbox does not follow")
            time.sleep(0.05)


def _call(account: AccountId) -> list[Numbered]:
    call_id, at = CallId(f"{new_id('call')}@bench"), Millis(time.time_ns() // 1_000_000)
    about: dict[str, Any] = {"account_id": account, "at": at, "call_id": call_id}
    outcome = Outcome(
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        start_ts=at,
        ring_ts=at,
        answer_ts=at,
        end_ts=Millis(at + 60_000),
        duration_sec=60,
        billsec=60,
        disposition=Disposition.ANSWERED,
        hangup_cause="normal_clearing",
    )
    facts: list[Fact] = [
        CallRouted(
            **about,
            hop=1,
            request="0123456789abcdef",
            direction=Direction.INBOUND,
            from_number="14155551234",
            to_number="12025550123",
            src_ip="198.51.100.7",
            directive=RunFlow(flow_id="flow_1", flow_version=1, vars={}),
            path=(),
        ),
        CallAnswered(**about, ts=at),
        CallEnded(**about, outcome=outcome),
    ]
    return [Numbered(fact.stream, version, fact) for version, fact in enumerate(facts, start=1)]


def _bodies(rig: Rig, account: AccountId, limit: int) -> list[bytes]:
    with psycopg.connect(rig.servers.database_url) as connection:
        rows = connection.execute(
            "SELECT body FROM views.outbox WHERE account_id = %s LIMIT %s", (account, limit)
        ).fetchall()
    return [row[0].encode() for row in rows]


async def _posted(sink: Sink, bodies: list[bytes], wanted: int) -> Sunk:
    """The limit: as many requests at a time as an endpoint gets, from a process that gives way as
    the sender does."""
    sink.reset()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_post_all, args=(sink, bodies, wanted), daemon=True)
    process.start()
    await asyncio.to_thread(process.join, PATIENCE)
    return sink.sunk()


def _post_all(sink: Sink, bodies: list[bytes], wanted: int) -> None:
    os.nice(BEHIND)
    uvloop.run(_post(sink, bodies, wanted))


async def _post(sink: Sink, bodies: list[bytes], wanted: int) -> None:
    headers = {"content-type": "application/json", "webhook-id": orjson.loads(bodies[0])["id"]}
    left = iter(range(wanted))

    async def post(http: aiohttp.ClientSession) -> None:
        for number in left:
            body = bodies[number % len(bodies)]
            async with http.post(sink.url("limit"), data=body, headers=headers) as answer:
                await answer.read()

    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(post(http) for _ in range(CONCURRENCY)))


def _cpu_seconds(pid: int) -> float:
    """What a process has cost so far: a figure that does not suffer from what else runs."""
    members = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(members[11]) + int(members[12])) / os.sysconf("SC_CLK_TCK")


async def _until(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > deadline:
            raise TimeoutError("not everything was delivered")
        await asyncio.sleep(0.02)
