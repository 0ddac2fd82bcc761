"""`acd`: waits in a queue against the best that is possible, in virtual time, without I/O.

Callers come by Poisson's law and talk for exponential times; agents answer at once and need no
wrap-up. The limit is the same callers before the ideal line: first in, first out, never an agent
idle beside a caller (M/M/c). Erlang's formula for it is shown beside.
"""

import heapq
import math
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from deploy.bench.report import Report, median, percentile, spread
from domain import directory, presence
from domain.acd import agents, callers, leases
from domain.acd.agents import Membership
from domain.acd.desk import at_desk
from domain.capacity import Capacity
from domain.directory import Directory
from domain.presence import Presence
from domain.routing import Office
from events.acd import ConversationEnded, LeaseConfirmed
from events.base import AccountId, CallId, Fact, Millis
from events.presence import ContactRegistered
from events.resources import CREATED, Account, Queue, Resource, SipUser

ACCOUNT, QUEUE = AccountId("acc_bench"), "q_bench"
TALK_MS = 180_000
LOADS = (0.25, 0.5, 0.75, 0.9)
CALLERS = {20: 1_500, 500: 400}
"""Agents → how many callers are tried per second of a run's length."""
SHOWN = (20, 0.75)
"""Agents and load of the figure itself; the others are its details."""


class Caller(NamedTuple):
    at: int
    talk: int


class Run(NamedTuple):
    waits: list[float]
    """Seconds, sorted."""
    ideal: list[float]
    doubles: int
    """Callers or agents that were bridged twice at once."""
    decisions: list[float]
    """Seconds that the decisions took, sorted."""


async def acd(runs: int, seconds: float) -> Report:
    detail: dict[str, Any] = {}
    ours: list[float] = []
    limits: list[float] = []
    decisions: list[float] = []
    doubles = 0
    for count, callers_per_second in CALLERS.items():
        for load in LOADS:
            found = [
                _run(count, load, int(seconds * callers_per_second), seed) for seed in range(runs)
            ]
            p95 = [percentile(run.waits, 0.95) / 1000 for run in found]
            best = [percentile(run.ideal, 0.95) / 1000 for run in found]
            doubles += sum(run.doubles for run in found)
            name = f"{count} agents, {load:.0%}"
            detail[f"{name}: p95 wait s"] = median(p95)
            detail[f"{name}: ideal p95 s"] = median(best)
            detail[f"{name}: Erlang C p95 s"] = round(erlang_p95(count, load, TALK_MS), 2)
            of_all = sorted(took for run in found for took in run.decisions)
            detail[f"{name}: decision p99 ms"] = percentile(of_all, 0.99)
            if (count, load) == SHOWN:
                ours, limits = p95, best
                decisions = of_all
    detail["bridged twice"] = doubles
    return Report(
        bench="acd",
        unit="p95 wait in s, 20 agents at 75 %",
        ours=median(ours),
        limit=median(limits),
        p50_ms=percentile(decisions, 0.5),
        p99_ms=percentile(decisions, 0.99),
        runs=runs,
        spread=spread(ours),
        detail=detail,
    )


def _run(count: int, load: float, calls: int, seed: int) -> Run:
    arrivals = list(_arrivals(count, load, calls, random.Random(seed)))
    floor = Floor(count)
    for number, caller in enumerate(arrivals):
        floor.work_until(caller.at)
        floor.come(CallId(str(number)), caller)
    floor.work_until(math.inf)
    waits = sorted(wait / 1000 for wait in floor.waits)
    best = sorted(wait / 1000 for wait in ideal(count, arrivals))
    return Run(waits, best, floor.doubles, sorted(floor.took))


def _arrivals(count: int, load: float, calls: int, chance: random.Random) -> Iterator[Caller]:
    at, between = 1_795_000_000_000.0, TALK_MS / count / load
    for _ in range(calls):
        at += chance.expovariate(1 / between)
        yield Caller(round(at), max(1, round(chance.expovariate(1 / TALK_MS))))


def ideal(count: int, arrivals: list[Caller]) -> Iterator[int]:
    """The wait of each: until the first of all agents is free (Kiefer and Wolfowitz)."""
    free = [0] * count
    for caller in arrivals:
        begins = max(caller.at, free[0])
        heapq.heapreplace(free, begins + caller.talk)
        yield begins - caller.at


def erlang_p95(count: int, load: float, talk_ms: float) -> float:
    """Seconds that 95 % of the callers wait at most (M/M/c)."""
    offered, blocked = count * load, 1.0
    for servers in range(1, count + 1):  # Erlang B, by its recursion
        blocked = offered * blocked / (servers + offered * blocked)
    waits = blocked / (1 - load * (1 - blocked))
    return max(0.0, math.log(waits / 0.05)) * talk_ms / 1000 / (count * (1 - load))


class Floor:
    """An account with one queue, whose agents answer at once."""

    def __init__(self, count: int) -> None:
        self.directory, self.presence = Directory(), Presence()
        self.now = Millis(1_795_000_000_000)
        self.ends: list[tuple[int, CallId]] = []
        self.talk: dict[CallId, int] = {}
        self.talking: dict[CallId, str] = {}
        self.waits: list[int] = []
        self.doubles = 0
        self.took: list[float] = []
        self._make(ACCOUNT, "account", Account(name="Bench"))
        self._make(QUEUE, "queue", Queue(name="Bench", wrap_up_sec=0, max_wait_sec=0))
        for number in range(count):
            self._hire(f"us_{number:03}")

    def _make(self, id: str, kind: str, body: Resource) -> None:
        made = CREATED[kind](account_id=ACCOUNT, at=self.now, id=id, by="bench", body=body)
        directory.evolve(self.directory, made)

    def _hire(self, id: str) -> None:
        self._make(id, "sip_user", SipUser(username=id, is_agent=1))
        contact = ContactRegistered(
            account_id=ACCOUNT,
            at=self.now,
            user_id=id,
            device_id=id,
            contact=f"sip:{id}@192.0.2.1",
            ts=self.now,
            expires_at=Millis(2**52),
        )
        presence.evolve(self.presence, contact)
        self._apply(
            agents.make_available(self.office, id, [Membership(QUEUE, 1)], self.now),
        )

    @property
    def office(self) -> Office:
        return Office(ACCOUNT, self.directory, self.presence, Capacity())

    def come(self, call_id: CallId, caller: Caller) -> None:
        self.now, self.talk[call_id] = Millis(caller.at), caller.talk
        began = time.perf_counter()
        desk = at_desk(self.office, self.now)
        callers.enter(desk, call_id, QUEUE)
        facts = desk.facts
        self._decided(began, facts)

    def work_until(self, until: float) -> None:
        while self.ends and self.ends[0][0] <= until:
            due, call_id = heapq.heappop(self.ends)
            self.now = Millis(due)
            began = time.perf_counter()
            facts = callers.end_call(self.office, call_id, self.now)
            self._decided(began, facts)

    def _decided(self, began: float, facts: list[Any]) -> None:
        self.took.append(time.perf_counter() - began)
        self._apply(facts)
        for lease in list(self.presence.floor.leases.values()):
            verdict = leases.confirm(self.office, lease.lease_id, lease.epoch, self.now)
            self._apply(verdict.facts)

    def _apply(self, facts: list[Any]) -> None:
        for fact in facts:
            presence.evolve(self.presence, fact)
            self._watch(fact)

    def _watch(self, fact: Fact) -> None:
        match fact:
            case LeaseConfirmed():
                taken = fact.call_id in self.talking or fact.agent_id in self.talking.values()
                self.doubles += int(taken)
                self.talking[fact.call_id] = fact.agent_id
                self.waits.append(fact.at - fact.queued_at)
                heapq.heappush(self.ends, (fact.at + self.talk[fact.call_id], fact.call_id))
            case ConversationEnded():
                del self.talking[fact.call_id]
