"""Phones and the agents who sit at them: they register, log in, ring, talk, take notes."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from deploy.simulator.office import Office, Seat
from deploy.simulator.plan import Caller, Intent, Offer, Plan
from deploy.simulator.wire import Wire
from domain import digest
from domain.digest import Answer

REGISTER_EVERY = 300.0
FREEING = ("available", "unpause", "wrapup_done")
"""Events after which an agent may be free."""
COME_BACK = 10.0
"""Seconds after a missed call in which an agent looks at his screen again."""


class Phone:
    """One seat, with what happens at it."""

    def __init__(self, index: int, seat: Seat, wire: Wire, account_id: str, plan: Plan) -> None:
        self.index = index
        self.seat = seat
        self.call_id: str | None = None
        """The call that its owner is in."""
        self.bridged_to: str | None = None
        """The caller of a queue whom the system has given to him."""
        self.freed_at: float | None = None
        """When the system was asked to free the agent (`time.perf_counter`); None: he is not free,
        or it is not known since when."""
        self._wire = wire
        self._account_id = account_id
        self._plan = plan
        self._is_ready = False

    async def register(self) -> bool:
        """REGISTER with digest, then the edge's report; whether the password was good."""
        seat = self.seat
        if not await self._prove():
            return False
        report = {
            "type": "register",
            "event": "registered",
            "username": seat.username,
            "realm": seat.realm,
            "contact": f"sip:{seat.username}@192.0.2.10:5060",
            "expires": 3600,
            "userAgent": "simulated phone",
        }
        return (await self._wire.post("/presence/event", report)).status == 200

    async def _prove(self) -> bool:
        """An answer that got lost cannot be sent again: its counter was used."""
        for _ in range(3):
            challenge = await self._wire.post("/auth/challenge", {"realm": self.seat.realm})
            body = _answered(self.seat, challenge.body["nonce"])
            verdict = await self._wire.ask_once("POST", "/auth", json=body)
            if verdict.body.get("ok"):
                return True
        return False

    async def tell(self, event: str, reason: str | None = None) -> None:
        """Something that the agent does, with a name of its own so that it is done once."""
        body: dict[str, Any] = {
            "accountId": self._account_id,
            "userId": self.seat.username,
            "event": event,
            "eventId": f"{time.time_ns()}-{self.index}",
        }
        if reason:
            body["reason"] = reason
        if event == "login":
            body["queues"] = [{"queueId": id} for id in self.seat.queues]
        if event in FREEING:
            self.freed_at = time.perf_counter()
        answer = await self._wire.post("/agent", body)
        if answer.status != 200:
            self._wire.tally.errors[f"/agent {event}: {answer.status}"] += 1
        if answer.status != 200 or answer.body["bucket"] not in ("ready", "ring"):
            self.freed_at = None

    async def intend(self, intent: Intent) -> None:
        self._is_ready = intent.what in ("available", "unpause")
        await self.tell(intent.what, intent.reason)

    def offer(self, caller: Caller, attempt: int) -> Offer:
        return self._plan.offer(self.index, caller.number, attempt)

    def hang_up(self, call_id: str) -> None:
        """Nothing if it has another call by now."""
        if self.call_id == call_id:
            self.call_id = self.bridged_to = None

    async def after_call(self, offer: Offer) -> None:
        """The notes of a conversation."""
        if offer.notes is not None:
            await self._wire.clock.sleep(offer.notes)
            if self.call_id is None:
                await self.tell("wrapup_done")

    async def after_miss(self) -> None:
        """Who has missed too many calls was sent on a break, and comes back."""
        await self._wire.clock.sleep(COME_BACK)
        if self._is_ready:
            await self.tell("available")


class Phones:
    """All of an account."""

    def __init__(self, office: Office, wire: Wire, plan: Plan) -> None:
        self.all = [
            Phone(index, seat, wire, office.account_id, plan)
            for index, seat in enumerate(office.seats)
        ]
        self._by_aor = {phone.seat.aor: phone for phone in self.all}
        self._wire = wire
        self._plan = plan
        self._running: set[asyncio.Task[None]] = set()

    def find(self, aor: str | None) -> Phone | None:
        return self._by_aor.get(aor or "")

    async def register(self) -> int:
        """How many could be."""
        return sum(await asyncio.gather(*(phone.register() for phone in self.all)))

    def open(self) -> None:
        """Agents begin their days."""
        self.aside(self._stay_registered())
        for phone in self.all:
            if phone.seat.queues:
                self.aside(self._work(phone))

    async def close(self) -> None:
        """Everybody goes home: what was begun is finished first."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
        for phone in self.all:
            if phone.seat.queues:
                await phone.tell("logout")

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Done beside everything else."""
        task = asyncio.create_task(self._forgiven(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _forgiven(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (aiohttp.ClientError, TimeoutError) as error:
            self._wire.tally.errors[f"given up: {type(error).__name__}"] += 1

    async def _work(self, phone: Phone) -> None:
        clock = self._wire.clock
        for intent in self._plan.day(phone.index):
            await clock.until(intent.at)
            if clock.is_closed:
                return
            await phone.intend(intent)

    async def _stay_registered(self) -> None:
        clock = self._wire.clock
        while not clock.is_closed:
            await clock.sleep(REGISTER_EVERY)
            if not clock.is_closed:
                await self.register()


def _answered(seat: Seat, nonce: str) -> dict[str, Any]:
    """The answer to a challenge."""
    answer = Answer(
        username=seat.username,
        realm=seat.realm,
        nonce=nonce,
        uri=f"sip:{seat.realm}",
        method="REGISTER",
        response="",
        qop="auth",
        nc="00000001",
        cnonce="0a4f113b",
    )
    ha1 = digest.credential(seat.username, seat.realm, seat.password).ha1
    names = ("username", "realm", "nonce", "uri", "method", "qop", "nc", "cnonce")
    body = {name: getattr(answer, name) for name in names}
    return {**body, "response": digest.expected_response(ha1, answer)}


@contextmanager
def in_call(phone: Phone, call_id: str) -> Iterator[None]:
    """The phone is busy with a call that no queue has given to it."""
    phone.call_id, phone.freed_at = call_id, None
    try:
        yield
    finally:
        phone.hang_up(call_id)
