"""A simulated media engine: carries out the commands of POST /flow as a patient caller would.

It plays nothing. It waits as long as playing would take, presses what the caller presses, and
reports; a request that fails is repeated with the same number, as an engine must.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

ATTEMPTS = 20
MAX_COMMANDS = 50
"""After which the caller has had enough."""
SECONDS = {
    "play": (0.3, 1.0),
    "gather": (0.5, 2.0),
    "dial": (1.0, 4.0),
    "record": (1.0, 3.0),
    "conference": (1.0, 4.0),
}
"""Command → how long it takes, at least and at most."""

Post = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass
class SimulatedEngine:
    post: Post
    """Path and body → answer; raises `aiohttp.ClientError` when there is none."""
    chance: random.Random
    pause: Callable[[float], Awaitable[None]]
    """Waits so many seconds, or shorter."""
    patience: float
    """Seconds after which the caller hangs up."""

    async def run(self, call_id: str, flow_id: str) -> str:
        """Walk the call through its flow; who hung up at the end: caller or callee."""
        told = await self._ask({"callId": call_id, "flowId": flow_id})
        heard = 0.0
        for _ in range(MAX_COMMANDS):
            if told["command"] == "hangup":
                return "callee"
            seconds = self.chance.uniform(*SECONDS.get(told["command"], (0.1, 0.2)))
            await self.pause(min(seconds, self.patience - heard))
            heard += seconds
            if heard >= self.patience:
                break
            told = await self._ask(
                {"callId": call_id, "seq": told["seq"], "outcome": self._outcome(told["command"])}
            )
        await self._ask({"callId": call_id, "seq": told["seq"], "outcome": "hangup"})
        return "caller"

    def _outcome(self, command: str) -> str:
        match command:
            case "gather":
                return self.chance.choice(["digit:1", "digit:1", "digit:1", "digit:9", "timeout"])
            case "dial":
                return self.chance.choice(["answered", "no_answer"])
            case "record":
                return "recorded"
        return "done"

    async def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        for attempt in range(ATTEMPTS):
            try:
                return await self.post("/flow", body)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(min(2.0, 0.1 * 2**attempt))
        raise aiohttp.ClientError("/flow gives no answer")
