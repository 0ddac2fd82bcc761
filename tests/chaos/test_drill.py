"""The drill: under load, kill -9 of every part in turn and at random, then count what is left."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.processes.test_death import assert_nothing_lost, server_pid
from tests.support.sink import sink
from tests.support.system import System, acme, eventually, new_call_id

pytestmark = pytest.mark.chaos

SECONDS = float(os.environ.get("CHAOS_SECONDS", "90"))
CALLERS = 48
PARTS = ["worker-1", "edge-1", "projector", "relay", "sender", "nats", "postgres"]


@dataclass
class Drill:
    """Calls from route to end, as fast as they are answered, each step until it is taken."""

    system: System
    number: str
    finished: list[str] = field(default_factory=list)
    acknowledged: int = 0
    refused: int = 0
    stalls: dict[str, float] = field(default_factory=dict)
    """What was killed last → the longest that a step took until it was acknowledged, seconds."""
    last_killed: str = "nothing"
    killed: Counter[str] = field(default_factory=Counter)

    async def run(self, seconds: float, seed: int) -> None:
        stop_at = time.monotonic() + seconds
        timeout = aiohttp.ClientTimeout(total=8)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            callers = [asyncio.create_task(self._calls(http, stop_at)) for _ in range(CALLERS)]
            await self._kill_at_random(stop_at - 5, random.Random(seed))
            await asyncio.gather(*callers)

    async def _calls(self, http: aiohttp.ClientSession, stop_at: float) -> None:
        while time.monotonic() < stop_at:
            call_id = new_call_id()
            route = {"callId": call_id, "from": "+14155551234", "to": self.number}
            await self._until_taken(http, "/route", route)
            for event in ("answered", "end"):
                report = {"type": "dialog", "callId": call_id, "event": event}
                report["ts"] = str(int(time.time() * 1000))
                await self._until_taken(http, "/presence/event", report)
            self.finished.append(call_id)

    async def _until_taken(
        self, http: aiohttp.ClientSession, path: str, body: dict[str, str]
    ) -> None:
        began = time.monotonic()
        while True:
            try:
                async with http.post(self.system.edge_url + path, json=body) as answer:
                    if answer.status == 200:
                        break
                    assert answer.status == 503, await answer.text()
            except (aiohttp.ClientError, TimeoutError):
                pass
            self.refused += 1
            assert time.monotonic() - began < 60, f"{path} was not taken for a minute"
            await asyncio.sleep(0.05)
        self.acknowledged += 1
        stall = time.monotonic() - began
        if stall > self.stalls.get(self.last_killed, 0.0):
            self.stalls[self.last_killed] = round(stall, 1)

    async def _kill_at_random(self, until: float, chance: random.Random) -> None:
        rest: list[str] = []
        while time.monotonic() < until:
            await asyncio.sleep(chance.uniform(2.0, 5.0))
            rest = rest or chance.sample(PARTS, len(PARTS))
            victim = rest.pop()
            try:
                if victim in ("nats", "postgres"):
                    os.kill(server_pid(self.system, victim), signal.SIGKILL)
                else:
                    self.system.kill(victim)
            except (AssertionError, KeyError, ProcessLookupError):
                continue  # it is just being started again
            self.killed[victim] += 1
            self.last_killed = victim


def test_nothing_acknowledged_is_lost_whatever_dies(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(10_000)
    with sink() as endpoint:
        system = System(webhook_retry_sec="0.2")
        try:
            system.start()
            document = acme(webhooks=[{"url": endpoint.url()}])
            system.apply(document)
            drill = Drill(system, document["numbers"][0]["e164"])
            asyncio.run(drill.run(SECONDS, seed))
            system.wait_ready()
            eventually(lambda: system.edge.get("/readyz").json()["ok"] == 1, 60)
            assert_nothing_lost(system, document, drill.finished, endpoint, patience=120)
        finally:
            system.close()
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {seed}: {drill.acknowledged} acknowledged, {len(drill.finished)} calls,"
            f" {drill.refused} refused or lost and repeated, killed {dict(drill.killed)},"
            f" longest stalls {drill.stalls}\n"
        )
    assert len(drill.finished) > 10 * SECONDS, "there was hardly any load"
    assert drill.killed.total() >= SECONDS / 10
