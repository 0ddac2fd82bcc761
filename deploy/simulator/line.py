"""The line of one caller: his patience, and the steps of his flow."""

import time
from collections.abc import Mapping
from random import Random
from typing import Any

from deploy.simulator.plan import Caller
from deploy.simulator.tally import Fate
from deploy.simulator.wire import Wire

GONE = (404, 409, 410)
"""Answers to a step of a call that is over."""
NOTHING: Mapping[str, str] = {}
AFTERWARDS = 15.0
"""Seconds that a caller still listens after a conversation."""

Told = dict[str, Any]


class Line:
    def __init__(self, wire: Wire, call_id: str, caller: Caller, fate: Fate) -> None:
        self.wire = wire
        self.clock = wire.clock
        self.tally = wire.tally
        self.call_id = call_id
        self.caller = caller
        self.fate = fate
        self.seq = 0
        self.dice = Random(repr(caller))
        self._is_over = False
        self._gives_up_at = self.clock.now() + caller.patience
        self.asked_at = 0.0
        """When the last request was made, in real time."""

    # Patience

    @property
    def patience(self) -> float:
        """Seconds that are left of it."""
        if self.clock.is_closed:
            return 0.0
        return max(0.0, self._gives_up_at - self.clock.now())

    def has_left(self) -> bool:
        return self.patience <= 0

    async def spend(self, seconds: float) -> None:
        await self.clock.sleep(min(seconds, self.patience))

    def is_served(self) -> None:
        """Somebody has talked to him."""
        self._gives_up_at = self.clock.now() + AFTERWARDS

    # The flow

    async def start(self, flow_id: str) -> Told:
        return await self._ask({"flowId": flow_id})

    async def step(self, outcome: str, data: Mapping[str, str] = NOTHING) -> Told:
        """The command after the one that was told last."""
        body = {"outcome": outcome, "seq": self.seq}
        return await self._ask({**body, "data": dict(data)} if data else body)

    async def poll(self) -> Told:
        """What is new; held back by the service until there is something, or its time is up."""
        told = await self._ask({"outcome": "poll", "seq": self.seq})
        if told["command"] == "noop":
            await self.clock.network(told["retryMs"] / 1000)
        return told

    async def hang_up(self) -> None:
        """Once; again if the answer is to a poll that was still out."""
        for _ in range(3):
            if self._is_over:
                return
            told = await self.step("hangup")
            self._is_over = told["command"] == "hangup"

    async def _ask(self, body: Mapping[str, Any]) -> Told:
        self.asked_at = time.perf_counter()
        answer = await self.wire.post("/flow", {"callId": self.call_id, **body})
        told: Told = answer.body
        if answer.status in GONE:
            return {"command": "hangup", "seq": self.seq}
        if answer.status != 200:
            self.tally.errors[f"/flow: {answer.status}"] += 1
            return {"command": "hangup", "seq": self.seq}
        self.seq = max(self.seq, told["seq"])
        return told
