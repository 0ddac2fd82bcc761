"""`acd` in real time, against the running services: waits, double assignments, dispatch latency.

Callers come by Poisson's law; agents confirm at once, talk for an exponential time and need no
wrap-up. Beside each wait stand Erlang's formula and the ideal line on the very same callers.

Dispatch is from when there are both a caller (his request was sent) and a free agent (the end of
his last call was acknowledged) to the arrival of the `dial`; at full load it is tried with callers
who all wait, so that each offer goes the whole way: end of a call → worker, where the poll of the
next caller is held → engine.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deploy import connections
from deploy.bench.acd import Caller, erlang_p95, ideal
from deploy.bench.asking import Client
from deploy.bench.hops import Hops
from deploy.bench.report import Report, percentile
from deploy.bench.rig import Rig, configure, running_system
from gateways.ids import new_id

NUMBER, REALM = "12025550199", "acd.bench.example"
LOADS = (0.25, 0.5, 0.75, 0.9)
TALK_SEC = {20: 2.0, 500: 5.0}
"""Agents → mean of the conversations: so long that one machine can be the whole center."""
FULL, FULL_TALK_SEC, AHEAD = 40, 0.4, 20
"""Agents, mean conversation and waiting callers of the point at full load: 100 offers a second."""
ROUTED_BEFORE = 0.5
"""Seconds before he joins in which a caller's call is routed."""
REGISTERED_AT_ONCE = 16
ATTEMPTS = 25


@dataclass
class Seen:
    """What came of one point."""

    joined: list[Caller] = field(default_factory=list)
    """When the requests were sent in fact, in ms, with the conversations."""
    waits: list[float] = field(default_factory=list)
    dispatch: list[float] = field(default_factory=list)
    """Seconds, since the acknowledgement."""
    whole: list[float] = field(default_factory=list)
    """Seconds, since the request that freed the agent."""
    doubles: int = 0
    errors: int = 0
    offers: int = 0
    seconds: float = 0.0


class Freed(NamedTuple):
    """When an agent's last call was reported as over, and when that was acknowledged."""

    asked: float
    acknowledged: float
    call_id: str


async def live(seconds: float) -> AsyncIterator[Report]:
    """A report per point; each point takes about so many seconds."""
    async with running_system() as rig, _open(rig, max(TALK_SEC)) as center:
        await center.staff(20)
        for load in LOADS:
            yield await _poisson(center, 20, load, seconds)
        await center.staff(FULL)
        yield await _full(center, seconds)
        async with connections.bus(rig.servers, "bench") as client:
            hops = Hops(client)
            await hops.start()
            report = await _full(center, min(seconds, 10.0), hops)
            report.detail |= hops.summary()
            yield report
        await center.staff(500)
        for load in LOADS:
            yield await _poisson(center, 500, load, seconds)


async def _poisson(center: "Center", agents: int, load: float, seconds: float) -> Report:
    talk_sec = TALK_SEC[agents]
    rate, dice = agents * load / talk_sec, random.Random(f"{agents}/{load}")
    seen, calls, at = Seen(), [], 0.0
    began = time.perf_counter() + 2 * ROUTED_BEFORE
    while (at := at + dice.expovariate(rate)) < seconds:
        talk = dice.expovariate(1 / talk_sec)
        calls.append(asyncio.create_task(center.call(began + at, talk, seen)))
    await asyncio.gather(*calls)
    seen.seconds = seconds
    return _report(
        f"{agents} agents at {load:.0%}", seen, agents, erlang_p95(agents, load, talk_sec * 1000)
    )


async def _full(center: "Center", seconds: float, hops: Hops | None = None) -> Report:
    """Always so many callers wait: whoever is through makes room for the next one."""
    seen, dice = Seen(), random.Random("full")
    until = time.perf_counter() + seconds

    async def one_after_the_other() -> None:
        while time.perf_counter() < until:
            await center.call(0, dice.expovariate(1 / FULL_TALK_SEC), seen, hops)

    await asyncio.gather(*(one_after_the_other() for _ in range(FULL + AHEAD)))
    seen.seconds = seconds
    name = "callers wait, every hop watched" if hops else "callers wait"
    return _report(f"{FULL} agents, {name}", seen, FULL, None)


def _report(what: str, seen: Seen, agents: int, erlang: float | None) -> Report:
    waits, dispatch, whole = sorted(seen.waits), sorted(seen.dispatch), sorted(seen.whole)
    best = sorted(wait / 1000 for wait in ideal(agents, sorted(seen.joined)))
    p95 = percentile(waits, 0.95) / 1000
    return Report(
        bench="acd in real time",
        unit=f"p95 wait in s, {what}",
        ours=p95,
        limit=percentile(best, 0.95) / 1000 if erlang is not None else None,
        p50_ms=percentile(dispatch, 0.5),
        p99_ms=percentile(dispatch, 0.99),
        runs=1,
        spread=0.0,
        detail={
            "callers": len(waits),
            "p50 wait s": percentile(waits, 0.5) / 1000,
            "ideal p50 s": percentile(best, 0.5) / 1000,
            "Erlang C p95 s": erlang and round(erlang, 3),
            "offers per second": round(seen.offers / seen.seconds, 1),
            "dispatch p50 ms, with the request that frees": percentile(whole, 0.5),
            "dispatch p99 ms, with the request that frees": percentile(whole, 0.99),
            "bridged twice": seen.doubles,
            "errors": seen.errors,
        },
    )


class Center:
    """A queue and its agents in the running system."""

    def __init__(self, http: Client, account_id: str, queue: str) -> None:
        self._http = http
        self._account_id = account_id
        self._queue = queue
        self._run = secrets.token_hex(4)
        self._calls = 0
        self._freed: dict[str, Freed] = {}
        self._talking: dict[str, str] = {}
        """Agent → call."""

    async def staff(self, agents: int) -> None:
        """So many are there and ready."""
        gate = asyncio.Semaphore(REGISTERED_AT_ONCE)

        async def come(number: int) -> None:
            async with gate:
                await self._come(_username(number))

        new = [number for number in range(agents) if _username(number) not in self._freed]
        await asyncio.gather(*(come(number) for number in new))

    async def _come(self, username: str) -> None:
        register = {
            "type": "register",
            "event": "registered",
            "username": username,
            "realm": REALM,
            "contact": f"sip:{username}@192.0.2.1",
        }
        await self._good("/presence/event", register)
        available = {
            "accountId": self._account_id,
            "userId": username,
            "event": "available",
            "queues": [{"queueId": self._queue, "level": 1}],
        }
        asked = time.perf_counter()
        await self._good("/agent", available)
        self._freed[username] = Freed(asked, time.perf_counter(), "")

    async def _good(self, path: str, body: dict[str, Any]) -> None:
        """Taken, even if the worker has to be started again first."""
        for _ in range(ATTEMPTS):
            answer = await self._http.post(path, body)
            if answer.status == 200:
                return
            await asyncio.sleep(0.2)
        raise RuntimeError(f"{path}: {answer}")

    async def call(self, at: float, talk: float, seen: Seen, hops: Hops | None = None) -> None:
        """One caller, from his number to the end of his conversation. `at`: when he joins; 0: as
        soon as he can."""
        self._calls += 1
        call_id = f"{self._run}-{self._calls}"
        await _until(at - ROUTED_BEFORE)
        route = {"callId": call_id, "from": "+14155551234", "to": NUMBER}
        try:
            routed = await self._http.post("/route", route)
            await _until(at)
            await self._wait(call_id, routed.body["rtjson"]["flow_id"], talk, seen, hops)
        except (ConnectionError, KeyError, RuntimeError):
            seen.errors += 1

    async def _wait(
        self, call_id: str, flow_id: str, talk: float, seen: Seen, hops: Hops | None
    ) -> None:
        joined = time.perf_counter()
        told = (await self._http.post("/flow", {"callId": call_id, "flowId": flow_id})).body
        while True:
            while told["command"] != "dial":
                told = (await self._http.post("/flow", _poll(call_id, told["seq"]))).body
            arrived = time.perf_counter()
            (leg,) = told["legs"]
            agent = leg["aor"].removeprefix("sip:").partition("@")[0]
            freed = self._freed[agent]
            confirmed = await self._http.get(leg["confirmUrl"])
            if confirmed.status == 200:
                break
            told = {**told, "command": "noop"}
        bridged = time.perf_counter()
        seen.doubles += agent in self._talking
        self._talking[agent] = call_id
        seen.joined.append(Caller(round(joined * 1000), round(talk * 1000)))
        seen.waits.append(bridged - joined)
        seen.dispatch.append(max(0.0, arrived - max(joined, freed.acknowledged)))
        seen.whole.append(arrived - max(joined, freed.asked))
        seen.offers += 1
        if hops is not None and freed.asked > joined:
            hops.dispatched(freed.call_id, freed.asked, call_id, arrived)
        await _until(bridged + talk)
        await self._end(agent, call_id)

    async def _end(self, agent: str, call_id: str) -> None:
        del self._talking[agent]
        asked = time.perf_counter()
        # whoever is given the agent before the acknowledgement finds when it was asked for
        self._freed[agent] = Freed(asked, asked, call_id)
        await self._good("/presence/event", {"type": "dialog", "callId": call_id, "event": "end"})
        if self._freed[agent].call_id == call_id:
            self._freed[agent] = Freed(asked, time.perf_counter(), call_id)


def _poll(call_id: str, seq: int) -> dict[str, Any]:
    return {"callId": call_id, "outcome": "poll", "seq": seq}


def _username(number: int) -> str:
    return str(3_000 + number)


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


@asynccontextmanager
async def _open(rig: Rig, agents: int) -> AsyncIterator[Center]:
    account_id, queue = new_id("acc"), new_id("q")
    users = {_username(number): new_id("us") for number in range(agents)}
    rules = {"wrap_up_sec": 0, "max_wait_sec": 0, "max_no_answer": 0}
    document = {
        "account": {"id": account_id, "name": "Center"},
        "users": [{"id": id, "username": name, "is_agent": 1} for name, id in users.items()],
        "devices": [
            {"user_id": id, "auth_username": name, "realm": REALM, "password": "bench"}
            for name, id in users.items()
        ],
        "queues": [{"id": queue, "name": "Bench", **rules}],
        "numbers": [{"e164": NUMBER, "dest_kind": "queue", "dest_id": queue}],
    }
    await configure(rig, document)
    http = Client(rig.edge_port)
    try:
        yield Center(http, account_id, queue)
    finally:
        http.close()
