"""The edge itself: phones are registered, agents work, calls come, until the clock is closed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from deploy.simulator.clock import Clock
from deploy.simulator.engine import SimulatedEngine
from deploy.simulator.office import Office
from deploy.simulator.phones import Phone, Phones, in_call
from deploy.simulator.plan import INTERNAL, Caller, Plan
from deploy.simulator.wire import Wire

TRUNK = "198.51.100.7"

OnFinished = Callable[[str], Awaitable[None]]


class SimulatedEdge:
    def __init__(
        self,
        wire: Wire,
        office: Office,
        plan: Plan,
        on_finished: OnFinished | None = None,
    ) -> None:
        """`on_finished` is called with the id of every call that is over."""
        self.wire = wire
        self.tally = wire.tally
        self._clock: Clock = wire.clock
        self._office = office
        self._plan = plan
        self._phones = Phones(office, wire, plan)
        self._on_finished = on_finished
        self._calls: set[asyncio.Task[None]] = set()
        self._run = secrets.token_hex(3)

    async def run(self, seconds: float | None = None) -> None:
        """For so many seconds, or until the clock is closed; then all calls are hung up and all
        agents go home."""
        if not await self._phones.register():
            raise RuntimeError("no phone could be registered: is the configuration applied there?")
        self._phones.open()
        for caller in self._plan.callers():
            if seconds is not None and caller.at >= seconds:
                await self._clock.until(seconds)
                break
            await self._clock.until(caller.at)
            if self._clock.is_closed:
                break
            self._place(caller)
        self._clock.close()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._phones.close()
        await self.wire.drained()

    def _place(self, caller: Caller) -> None:
        task = asyncio.create_task(self._lived(caller))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _lived(self, caller: Caller) -> None:
        call_id = f"sim-{self._plan.seed}-{self._run}-{caller.number}"
        try:
            if caller.kind == INTERNAL:
                await self._internal(caller, call_id)
            else:
                await self._inbound(caller, call_id)
            if self._on_finished is not None:
                await self._on_finished(call_id)
        except (aiohttp.ClientError, TimeoutError, KeyError) as error:
            self.tally.errors[f"calls lost: {type(error).__name__}"] += 1

    async def _inbound(self, caller: Caller, call_id: str) -> None:
        numbers, report = self._office.numbers, self.wire.report
        fate = self.tally.begin(call_id)
        routed = await self._routed(
            call_id, {"from": "+" + caller.who, "to": numbers[caller.line], "srcIp": TRUNK}
        )
        if routed is None:
            fate.is_rejected = True
            return
        await report(call_id, "early", sipCode=180)
        await self._clock.sleep(caller.ring)
        if caller.refused is not None:
            await report(call_id, "end", sipCode=caller.refused)
            return
        await report(call_id, "answered")
        by = "caller"
        if routed["action"] == "flow":
            engine = SimulatedEngine(self.wire, self._phones, caller, fate)
            by = await engine.run(call_id, routed["flow_id"])
        else:
            await self._clock.sleep(caller.talk)
        await report(call_id, "end", hangupBy=by)

    async def _internal(self, caller: Caller, call_id: str) -> None:
        """A colleague calls a colleague."""
        one, other = self._phones.all[int(caller.who)], self._phones.all[caller.line]
        if one.call_id is not None or self._clock.is_closed:
            return
        self.tally.counts["internal"] += 1
        fate = self.tally.begin(call_id)
        seat = one.seat
        request = {
            "from": seat.username,
            "fromDomain": seat.realm,
            "authUser": seat.username,
            "to": other.seat.username,
            "toDomain": seat.realm,
        }
        with in_call(one, call_id):
            if await self._routed(call_id, request) is None:
                fate.is_rejected = True
                return
            await self._rings(caller, call_id, other)

    async def _rings(self, caller: Caller, call_id: str, other: Phone) -> None:
        report = self.wire.report
        await report(call_id, "early", sipCode=180)
        await self._clock.sleep(caller.ring)
        if caller.refused is not None or other.call_id is not None:
            await report(call_id, "end", sipCode=caller.refused or 486)
            return
        with in_call(other, call_id):
            await report(call_id, "answered")
            await self._clock.sleep(caller.talk)
            await report(call_id, "end", hangupBy="caller" if caller.leaves_first else "callee")

    async def _routed(self, call_id: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """What is to be done with the call; None: it is rejected, and over."""
        answer = await self.wire.post("/route", {"callId": call_id, **request})
        if answer.status != 200:
            raise aiohttp.ClientError(f"/route: {answer.status}")
        routed: dict[str, Any] = answer.body["rtjson"]
        if routed["action"] == "reject":
            self.tally.counts["rejected"] += 1
            return None
        return routed
