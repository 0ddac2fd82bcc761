"""Requests of the simulated edge: at least once, until they are taken.

With `Chaos` some are sent twice and some reports arrive late, after others: the system has to come
to the same.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import aiohttp
import orjson

from deploy.simulator.clock import Clock
from deploy.simulator.tally import Tally

ATTEMPTS = 20
LONGEST_PAUSE = 2.0
TIMEOUT = 40.0
"""Seconds; an answer to a poll takes up to 25."""
LATE = 5.0
"""Seconds of simulated time that a late report is late, at most."""


class Chaos(NamedTuple):
    """Shares of the requests that are sent twice, and of the reports that come late."""

    duplicates: float = 0.0
    late: float = 0.0


CALM = Chaos()


class Answer(NamedTuple):
    status: int
    body: Any


@dataclass
class Wire:
    http: aiohttp.ClientSession
    clock: Clock
    tally: Tally
    chaos: Chaos = CALM
    dice: Random = field(default_factory=lambda: Random("chaos"))
    _late: set[asyncio.Task[Any]] = field(default_factory=set)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return await self.ask("POST", path, json=dict(body))

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """The answer; raises `aiohttp.ClientError` if there is none for long."""
        answer = await self.ask_once(method, path, **more)
        if self.dice.random() < self.chaos.duplicates:
            self.tally.counts["sent_again"] += 1
            answer = await self.ask_once(method, path, **more)
        return answer

    async def ask_once(self, method: str, path: str, **more: Any) -> Answer:
        """Never twice on purpose, but again when there was no answer."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(method, path, **more)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.tally.errors[f"{_kind(path)}: {_reason(error)}"] += 1
            await self.clock.network(min(LONGEST_PAUSE, 0.1 * 2**attempt))
        raise aiohttp.ClientError(f"{path} gives no answer")

    async def report(self, call_id: str, event: str, **members: Any) -> None:
        """What became of a call."""
        body = {"type": "dialog", "callId": call_id, "event": event, **members}
        body["ts"] = int(time.time() * 1000)
        if self.dice.random() < self.chaos.late:
            self.tally.counts["sent_late"] += 1
            task = asyncio.create_task(self._report_late(body, self.dice.uniform(0, LATE)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        await self.post("/presence/event", body)

    async def drained(self) -> None:
        """Wait for the reports that are late."""
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _report_late(self, body: dict[str, Any], seconds: float) -> None:
        await self.clock.sleep(seconds)
        await self.post("/presence/event", body)

    async def _once(self, method: str, path: str, **more: Any) -> Answer:
        async with self.http.request(method, path, **more) as answer:
            if answer.status >= 500 and answer.status != 501:
                raise aiohttp.ClientError(str(answer.status))
            text = await answer.text()
            return Answer(answer.status, orjson.loads(text) if text[:1] in ("{", "[") else text)


@asynccontextmanager
async def connected(
    base_url: str,
    clock: Clock,
    tally: Tally,
    chaos: Chaos = CALM,
    token: str | None = None,
) -> AsyncIterator[Wire]:
    headers = {"x-node-id": "simulated-edge"} | ({"x-node-token": token} if token else {})
    async with aiohttp.ClientSession(
        base_url,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        connector=aiohttp.TCPConnector(limit=0),
    ) as http:
        wire = Wire(http, clock, tally, chaos)
        try:
            yield wire
        finally:
            await wire.drained()


def _kind(path: str) -> str:
    return "/" + "/".join(path.split("/")[1:3])


def _reason(error: Exception) -> str:
    return str(error) if str(error).isdigit() else type(error).__name__
