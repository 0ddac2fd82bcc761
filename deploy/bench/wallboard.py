"""`wallboard`: from a decision to the frame that shows it, at 1,000 facts a second, with 500 agents
and 50 viewers of whom one does not read.

Agents go on a break and come back, so every fact changes what is shown of one of them; a frame
says since when he is in his new bucket, which is when that was decided: the commit itself is in
the time. The limit: as many messages of the same size over the same bus, gathered for as long, to
as many plain WebSockets, without a store, a fold or a model.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import ClientWebSocketResponse
from nats.aio.msg import Msg

from commands.acd import AgentEvent, ControlAgent
from deploy import connections, parts
from deploy.bench.report import Report, median, percentile, spread
from deploy.bench.rig import Rig, configure, connected, interleaved, running_system
from deploy.connections import Servers
from deploy.embedded import free_port
from deploy.processes import die_with_parent
from events.base import AccountId
from gateways.bus.client import Commander
from gateways.http.server import serve
from gateways.ids import new_id
from gateways.realtime.watched import TICK

AGENTS, QUEUES = 500, 10
VIEWERS = 50
MEASURED = 3
"""Viewers whose frames are read; the others only take them, for they all share two cores."""
RATE = 1_000
REALM = "wallboard.bench.example"
AT_ONCE = 16
SUBJECT = "bench.wallboard"
MESSAGE = b"x" * 420
"""About what one fact makes of a frame."""


Measure = Callable[[ClientWebSocketResponse], Coroutine[Any, Any, None]]


async def wallboard(runs: int, seconds: float) -> Report:
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(running_system())
        commander = await stack.enter_async_context(connected(rig))
        users, account_id, key = await _staffed(rig, commander)
        port = stack.enter_context(_forwarder(rig.servers))
        times: list[float] = []
        before, worked = _memory(rig), list[float]()
        ours, limit = await interleaved(
            runs,
            lambda: _ours(rig, commander, account_id, users, key, seconds, times, worked),
            lambda: _limit(rig, port, seconds),
        )
        grown = _memory(rig) - before
    times.sort()
    return Report(
        bench="wallboard",
        unit="p99 ms from decision to frame",
        ours=median(ours),
        limit=median(limit),
        p50_ms=percentile(times, 0.5),
        p99_ms=percentile(times, 0.99),
        runs=runs,
        spread=spread(ours),
        detail={
            "facts a second": RATE,
            "agents": AGENTS,
            "viewers": VIEWERS,
            "of these stalled": 1,
            "facts seen": len(times),
            "realtime process has grown by MB": grown,
            "realtime process used of a core": median(worked),
        },
    )


# Ours


async def _ours(
    rig: Rig,
    commander: Commander,
    account_id: AccountId,
    users: list[str],
    key: str,
    seconds: float,
    times: list[float],
    worked: list[float],
) -> float:
    """The 99th percentile in milliseconds. `worked`: of the realtime process, per second."""
    found: list[float] = []

    async def measure(socket: ClientWebSocketResponse) -> None:
        known: dict[str, int] = {}
        async for message in socket:
            now, frame = time.time() * 1000, orjson.loads(message.data)
            for id, value in frame["keys"].items():
                if id.startswith("agent:") and value["since"] != known.get(id):
                    known[id] = value["since"]
                    if frame["type"] == "delta":
                        found.append((now - value["since"]) / 1000)

    async with _viewers(lambda: _opened(rig, key), measure):
        before, began = _cpu(rig), time.perf_counter()
        await _shift(commander, account_id, users, seconds)
        worked.append((_cpu(rig) - before) / (time.perf_counter() - began))
        await asyncio.sleep(0.5)
    times += found
    return percentile(sorted(found), 0.99)


async def _opened(rig: Rig, key: str) -> str:
    base = f"http://127.0.0.1:{rig.settings.realtime_port}"
    async with (
        aiohttp.ClientSession(base, headers={"x-api-key": key}, raise_for_status=True) as http,
        http.post("/wallboard/ticket") as answer,
    ):
        ticket = (await answer.json())["ticket"]
    return f"{base}/wallboard/ws?ticket={ticket}"


async def _shift(
    commander: Commander, account_id: AccountId, users: list[str], seconds: float
) -> None:
    """One after the other goes on a break and comes back, so many a second."""
    tasks = set[asyncio.Task[Any]]()
    began, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        while sent < int(passed * RATE):
            event = (AgentEvent.PAUSE, AgentEvent.UNPAUSE)[sent // len(users) % 2]
            wish = ControlAgent(
                account_id=account_id, user_id=users[sent % len(users)], event=event
            )
            task = asyncio.create_task(commander.ask(wish))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)


async def _staffed(rig: Rig, commander: Commander) -> tuple[list[str], AccountId, str]:
    """An account with agents at work, and a key to watch it."""
    users = [new_id("us") for _ in range(AGENTS)]
    queues = [new_id("q") for _ in range(QUEUES)]
    account_id = AccountId(new_id("acc"))
    document = {
        "account": {"id": account_id, "name": "Wallboard bench"},
        "domains": [{"domain": REALM, "is_primary": 1}],
        "users": [
            {"id": user, "username": str(2_000 + n), "is_agent": 1} for n, user in enumerate(users)
        ],
        "devices": [
            {"user_id": user, "auth_username": str(2_000 + n), "realm": REALM, "password": f"p{n}"}
            for n, user in enumerate(users)
        ],
        "queues": [{"id": id, "name": f"Queue {n}"} for n, id in enumerate(queues)],
        "queue_members": [
            {"queue_id": queues[(n + step) % QUEUES], "user_id": user}
            for n, user in enumerate(users)
            for step in (0, 3)
        ],
    }
    await configure(rig, document)
    await _register(rig)
    for user in users:
        wish = ControlAgent(account_id=account_id, user_id=user, event=AgentEvent.AVAILABLE)
        await commander.ask(wish)
    async with connections.reading(rig.servers) as reader:
        made = await parts.provisioner(rig.settings, commander, reader).create(
            account_id, "api_key", {"name": "bench", "kind": "sk", "scopes": ["wallboard"]}, "bench"
        )
    return users, account_id, made.revealed["key"]


async def _register(rig: Rig) -> None:
    """All phones."""
    gate = asyncio.Semaphore(AT_ONCE)
    base = f"http://127.0.0.1:{rig.edge_port}"
    async with aiohttp.ClientSession(base, raise_for_status=True) as http:

        async def one(username: str) -> None:
            body = {
                "type": "register",
                "event": "registered",
                "realm": REALM,
                "username": username,
                "contact": f"sip:{username}@192.0.2.1",
                "expires": 86_400,
            }
            async with gate, http.post("/presence/event", json=body):
                pass

        await asyncio.gather(*(one(str(2_000 + n)) for n in range(AGENTS)))


def _memory(rig: Rig) -> int:
    """Megabytes of the realtime process."""
    pages = int((_process(rig) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def _cpu(rig: Rig) -> float:
    """Seconds that the realtime process has worked."""
    ticks = (_process(rig) / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _process(rig: Rig) -> Path:
    running = orjson.loads((rig.settings.data_dir / "run.json").read_bytes())
    return Path("/proc") / str(running["processes"]["realtime"])


# Viewers


@asynccontextmanager
async def _viewers(url: Callable[[], Awaitable[str]], measure: Measure) -> AsyncIterator[None]:
    """All of them for the block; the last one does not read."""
    async with aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(await url(), max_msg_size=0) for _ in range(VIEWERS)]
        reading = [asyncio.create_task(measure(one)) for one in sockets[:MEASURED]]
        reading += [asyncio.create_task(_taken(one)) for one in sockets[MEASURED:-1]]
        await asyncio.sleep(0.5)
        yield
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for socket in sockets:
            await asyncio.wait_for(socket.close(), 5)


async def _taken(socket: ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


# The limit


async def _limit(rig: Rig, port: int, seconds: float) -> float:
    """The same from a message on the bus to plain WebSockets."""
    found: list[float] = []

    async def measure(socket: ClientWebSocketResponse) -> None:
        async for message in socket:
            now = time.time()
            sent = (float(part.partition(b" ")[0]) for part in message.data.split(b"\n"))
            found.extend(now - at for at in sent)

    async def url() -> str:
        return f"http://127.0.0.1:{port}/"

    async with _viewers(url, measure), connections.bus(rig.servers, "bench") as client:
        began, sent = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while sent < int(passed * RATE):
                await client.publish(SUBJECT, b"%.6f %s" % (time.time(), MESSAGE))
                sent += 1
            await client.flush()
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.5)
    return percentile(sorted(found), 0.99)


@contextmanager
def _forwarder(servers: Servers) -> Iterator[int]:
    """A process that does nothing else; yields its port."""
    port = free_port()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_forward, args=(servers, port, os.getpid()), daemon=True)
    process.start()
    try:
        time.sleep(0.5)
        yield port
    finally:
        process.terminate()
        process.join(5)


def _forward(servers: Servers, port: int, parent: int) -> None:
    import uvloop

    die_with_parent(parent)
    uvloop.run(_forwarding(servers, port))


async def _forwarding(servers: Servers, port: int) -> None:
    gathered: list[bytes] = []
    newest, moved = b"", asyncio.Event()

    def flush() -> None:
        nonlocal newest, moved
        newest = b"\n".join(gathered)
        gathered.clear()
        told, moved = moved, asyncio.Event()
        told.set()

    async def take(message: Msg) -> None:
        if not gathered:
            asyncio.get_running_loop().call_later(TICK, flush)
        gathered.append(message.data)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            waiting = asyncio.create_task(moved.wait())
            await asyncio.wait({gone, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                await send({"type": "websocket.send", "bytes": newest})
            waiting.cancel()

    async with connections.bus(servers, "forwarder") as client:
        await client.subscribe(SUBJECT, cb=take)
        await serve(app, "127.0.0.1", port, connections.stop_on_signal(), websockets=True)
