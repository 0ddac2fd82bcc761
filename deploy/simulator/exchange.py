"""A caller between a queue and the phones: he hears music, phones ring, somebody answers, they
talk.

Everything goes on at the same time: the poll, each phone that rings, the caller's patience, the
digit that he presses. What happens first is reported, and the answer is carried out beside what
goes on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from deploy.simulator import legs
from deploy.simulator.legs import End
from deploy.simulator.line import NOTHING, Line, Told
from deploy.simulator.phones import Phone, Phones

OWN = ("enqueue", "dial", "noop")
"""Commands that are carried out here; any other one ends the exchange."""


class Exchange:
    def __init__(self, line: Line, phones: Phones) -> None:
        self._line = line
        self._phones = phones
        self._legs: dict[asyncio.Task[End], Mapping[str, Any]] = {}
        self._poll: asyncio.Task[Told] | None = None
        self._patience: asyncio.Task[None] | None = None
        self._press: asyncio.Task[None] | None = None
        self._talk: asyncio.Task[None] | None = None
        self._partner: End | None = None
        """Whom the caller talks to."""
        self._polls = False
        self._is_queued = self._has_chosen = False
        self._attempts: Counter[str | None] = Counter()
        """By address of record."""
        self._came_at = line.clock.now()
        self._wanted_at = line.asked_at
        """When the caller began to need an agent, in real time."""

    async def run(self, told: Told) -> Told | None:
        """The first command that leads out of here; None when the caller has hung up."""
        self._patience = asyncio.create_task(self._line.spend(self._line.patience))
        try:
            following: Told | None = told
            while following is not None and following["command"] in OWN:
                self._carry_out(following)
                following = await self._next()
            return following
        finally:
            await self._stop()

    # Commands

    def _carry_out(self, told: Told) -> None:
        match told["command"]:
            case "enqueue":
                self._polls = True
                self._hold(told)
            case "dial":
                self._polls = told.get("pollMs") is not None
                self._ring(told)
            case "noop":
                self._polls = True

    def _hold(self, told: Told) -> None:
        line = self._line
        self._part()
        self._note_queue(told)
        line.tally.counts["announcements"] += "announce" in told

    def _ring(self, told: Told) -> None:
        line, arrived, before = self._line, time.perf_counter(), 0.0
        if told.get("queueId"):
            self._note_queue(told)
        for leg in told["legs"]:
            phone = self._phones.find(leg.get("aor"))
            if leg.get("leaseId") and phone is not None:
                line.tally.counts["offers"] += 1
                if phone.bridged_to not in (None, line.call_id):
                    line.tally.note_double(phone.seat.username, phone.bridged_to, line.call_id)
                self._note_latency(phone, arrived)
            delay = before if told["strategy"] == "failover" else leg["delayMs"] / 1000
            before += leg["timeoutMs"] / 1000
            tried = self._attempts[leg.get("aor")]
            self._attempts[leg.get("aor")] += 1
            self._legs[asyncio.create_task(legs.ring(line, leg, phone, delay, tried))] = leg

    def _note_queue(self, told: Told) -> None:
        """He is in a queue; if he wants to press something, it will be after some seconds."""
        line, press = self._line, self._line.caller.press
        line.tally.counts["queued"] += not self._is_queued
        self._is_queued = True
        if press and press.digit in told.get("digits", "") and not self._has_chosen:
            self._has_chosen = True
            self._press = asyncio.create_task(line.clock.sleep(press.after))

    def _note_latency(self, phone: Phone, arrived: float) -> None:
        """Only where it is known since when the agent was free."""
        is_direct = self._line.asked_at == self._wanted_at
        if is_direct or phone.freed_at is not None:
            since = max(self._wanted_at, phone.freed_at or 0.0)
            self._line.tally.dispatch.append(arrived - since)
        phone.freed_at = None

    # What happens

    async def _next(self) -> Told | None:
        """The next command; None when the caller hangs up."""
        while True:
            if self._polls and self._poll is None:
                self._poll = asyncio.create_task(self._line.poll())
            others = (self._poll, self._patience, self._press, self._talk)
            waits = {*self._legs, *(task for task in others if task is not None)}
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._poll in done:
                told, self._poll = self._polled(), None
                if told["command"] != "noop":
                    return told
            elif leg := next((leg for leg in self._legs if leg in done), None):
                if (following := await self._leg_ended(leg)) is not None:
                    return following
            elif self._talk in done:
                return await self._said_all()
            elif self._press in done:
                if (following := await self._pressed()) is not None:
                    return following
            else:
                await self._lose_patience()
                return None

    def _polled(self) -> Told:
        assert self._poll is not None
        return self._poll.result()

    async def _leg_ended(self, task: "asyncio.Task[End]") -> Told | None:
        """What follows; None while others ring, or because they talk now."""
        end, line = task.result(), self._line
        leg = self._legs.pop(task)
        if end.outcome == "answered":
            await self._bridge(end)
            return None
        if end.outcome == "dropped":
            return None
        lease = leg.get("leaseId")
        if any(other.get("leaseId") == lease for other in self._legs.values()):
            return None  # another device of the agent, or of the group, still rings
        if end.phone is not None and lease:
            line.tally.counts["misses"] += 1
            self._phones.aside(end.phone.after_miss())
        told = await self._step(end.outcome, {"lease": lease} if lease else NOTHING)
        self._wanted_at = line.asked_at
        return told

    async def _bridge(self, end: End) -> None:
        line = self._line
        self._part()
        self._partner = end
        await self._drop_legs()
        await _cancelled(self._patience, self._press)
        self._patience = self._press = None
        if end.leg.get("leaseId"):
            line.tally.counts["answered"] += 1
            line.tally.waits.append(line.clock.now() - self._came_at)
        await _cancelled(self._talk)
        self._talk = asyncio.create_task(line.clock.sleep(line.caller.talk))

    async def _said_all(self) -> Told | None:
        """One of the two hangs up."""
        line, partner = self._line, self._partner
        self._talk = None
        if line.caller.leaves_first or line.clock.is_closed:
            self._hang_phone_up()
            await self._hang_up()
            told = None
        else:
            self._hang_phone_up()
            lease = partner.leg.get("leaseId") if partner else None
            told = await self._step("answered", {"lease": lease} if lease else NOTHING)
        line.is_served()
        self._part()
        return told

    async def _pressed(self) -> Told | None:
        """None: somebody is just picking up for him."""
        self._press = None
        press = self._line.caller.press
        if press is None or self._is_picked_up():
            return None
        self._line.tally.counts["digits"] += 1
        return await self._step(f"digit:{press.digit}")

    async def _lose_patience(self) -> None:
        self._patience = None
        if self._is_queued:
            self._line.tally.counts["abandoned"] += 1
        await self._hang_up()

    async def _hang_up(self) -> None:
        await self._drop_legs()
        await _cancelled(self._poll)
        await self._line.hang_up()

    async def _step(self, outcome: str, data: Mapping[str, str] = NOTHING) -> Told:
        """A report; the poll that is out would be answered the same, and is not needed."""
        await _cancelled(self._poll)
        self._poll = None
        return await self._line.step(outcome, data)

    # Phones

    def _hang_phone_up(self) -> None:
        """He is free before the system is told, so that no new call seems to be one too many."""
        if self._partner and self._partner.phone:
            self._partner.phone.hang_up(self._line.call_id)

    def _part(self) -> None:
        """The conversation is over, and the system knows."""
        partner, self._partner = self._partner, None
        if partner and partner.phone and partner.offer:
            partner.phone.hang_up(self._line.call_id)
            self._phones.aside(partner.phone.after_call(partner.offer))

    async def _stop(self) -> None:
        others = (self._poll, self._patience, self._press, self._talk)
        self._part()
        await _cancelled(*others)
        await self._drop_legs()

    async def _drop_legs(self) -> None:
        """Also those of agents who have just picked up: before the system can give them to others
        their phones are free."""
        self._free_phones()
        await _cancelled(*self._legs)
        self._legs.clear()
        self._free_phones()

    def _free_phones(self) -> None:
        for phone in self._phones.all:
            if self._partner is None or phone is not self._partner.phone:
                phone.hang_up(self._line.call_id)

    def _is_picked_up(self) -> bool:
        return any(phone.call_id == self._line.call_id for phone in self._phones.all)


async def _cancelled(*tasks: "asyncio.Task[Any] | None") -> list[Any]:
    """What had been done already."""
    found = [task for task in tasks if task is not None]
    for task in found:
        task.cancel()
    return await asyncio.gather(*found, return_exceptions=True)
