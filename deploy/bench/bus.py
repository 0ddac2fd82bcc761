"""`command`: a command over the bus, decided, durable, answered; against an echo over the same
bus."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from itertools import count

from eventsourcing.persistence import StoredEvent
from nats.aio.msg import Msg

from commands.call import RouteCall
from deploy import connections
from deploy.bench.report import Report, median, percentile, spread
from deploy.bench.rig import Rig, connected, interleaved, running_system
from events.base import CallId
from gateways.store.recorder import Datastore, EventRecorder

IN_FLIGHT = 128
PACE = 4_000


async def command(runs: int, seconds: float) -> Report:
    """The smallest command that always writes: a call to where nobody is, two facts each."""
    run, numbers = secrets.token_hex(4), count()
    times: list[float] = []
    async with (
        running_system() as rig,
        connected(rig) as commander,
        connections.bus(rig.servers, "echo") as echo,
    ):

        async def answer(message: Msg) -> None:
            await message.respond(message.data)

        async def ask() -> None:
            call_id = CallId(f"{run}-{next(numbers)}@bench")
            await commander.ask(RouteCall(call_id=call_id, from_="14155551234", to="nobody"))

        async def echoed() -> None:
            await echo.request("bench.echo", b"x" * 200, timeout=5)

        await echo.subscribe("bench.echo", cb=answer)
        await _rate(ask, IN_FLIGHT, min(2.0, seconds), [])
        ours, limit, floor, paced = await interleaved(
            runs,
            lambda: _rate(ask, IN_FLIGHT, seconds, times),
            lambda: _rate(echoed, IN_FLIGHT, seconds, []),
            lambda: _stock_saves(rig, min(1.0, seconds)),
            lambda: _paced(ask, PACE, seconds),
        )
    times.sort()
    return Report(
        bench="command",
        unit="commands/s",
        ours=median(ours),
        limit=median(limit),
        p50_ms=percentile(times, 0.5),
        p99_ms=percentile(times, 0.99),
        runs=runs,
        spread=spread(ours),
        detail={
            "floor: one library save per command": median(floor),
            f"p99_ms at {PACE}/s": median(paced),
            "limit spread": spread(limit),
        },
    )


async def _rate(
    work: Callable[[], Awaitable[None]], in_flight: int, seconds: float, times: list[float]
) -> float:
    stop_at, done = time.perf_counter() + seconds, 0

    async def again_and_again() -> None:
        nonlocal done
        while (began := time.perf_counter()) < stop_at:
            await work()
            times.append(time.perf_counter() - began)
            done += 1

    await asyncio.gather(*(again_and_again() for _ in range(in_flight)))
    return done / seconds


async def _paced(work: Callable[[], Awaitable[None]], rate: float, seconds: float) -> float:
    """The 99th percentile in milliseconds at so many a second."""
    times: list[float] = []

    async def one(due: float) -> None:
        await work()
        times.append(time.perf_counter() - due)

    began, sent, tasks = time.perf_counter(), 0, set[asyncio.Task[None]]()
    while (passed := time.perf_counter() - began) < seconds:
        while sent < int(passed * rate):
            task = asyncio.create_task(one(began + sent / rate))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)
    return percentile(sorted(times), 0.99)


async def _stock_saves(rig: Rig, seconds: float) -> float:
    """What an append per command would give: the same facts, one transaction each."""

    def save() -> float:
        datastore = Datastore(rig.servers.database_url, pool_size=1)
        recorder = EventRecorder(datastore)
        run, done, stop_at = secrets.token_hex(4), 0, time.perf_counter() + seconds
        while time.perf_counter() < stop_at:
            event = StoredEvent(f"bench-{run}-{done}", 1, "bans.auth_failed.v1", _FACT)
            recorder.insert_events([event])
            done += 1
        datastore.close()
        return done / seconds

    return await asyncio.to_thread(save)


_FACT = (
    b'{"account_id":"acc_00000000000000000000000000","at":1,"group":"bench","ip":"192.0.2.1",'
    b'"username":"x","realm":"r","reason":"bench"}'
)
