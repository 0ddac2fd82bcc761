"""`scale`: what a command of the contact center costs when many wait, and what an account costs to
load when much has happened. In memory, without servers; processor time, not the clock.

A floor of size n has n agents in calls and n waiting callers. The figure is how much dearer the
dearest command becomes from the smallest floor to the largest; the limit is 1: no dearer at all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from commands.acd import AgentEvent, ConfirmLease, ControlAgent, confirm_lease, control_agent
from commands.call import ReportDialog, report_dialog
from commands.flow import StartFlow, StepFlow, start_flow, step_flow
from commands.message import Command, Outcome
from commands.store import History, Snapshot
from commands.world import Options, World
from deploy.bench.report import Report, median, percentile, spread
from domain.directory import Directory
from domain.flow.node import POLL
from domain.routing import Platform
from events.acd import (
    AgentJoinedQueue,
    AgentLoggedIn,
    AgentReserved,
    CallerQueued,
    ConversationEnded,
    LeaseConfirmed,
)
from events.base import AccountId, CallId, Fact, Millis
from events.call import CallRouted, DialogEvent, Direction, RunFlow
from events.presence import ContactRegistered
from events.resources import CREATED, Account, Queue, Resource, SipUser

ACCOUNT, QUEUE = AccountId("acc_bench"), "q_bench"
START = 1_795_000_000_000
SIZES = (10, 100, 1_000, 5_000)
HISTORIES = (1_000, 10_000, 100_000, 1_000_000)
TAIL = 900
"""Facts after the snapshot of a history that is loaded."""
BATCH = 100
EMPTY = History(None, [])
_LATER = Millis(2**52)


class Took(NamedTuple):
    command: str
    seconds: float


async def scale(runs: int, seconds: float) -> Report:
    """`seconds`: for each size of a floor, in each run."""
    detail: dict[str, list[float]] = {}
    growth: list[float] = []
    dearest: list[float] = []
    for _ in range(runs):
        costs = {size: _costs(size, seconds) for size in SIZES}
        smallest, largest = costs[SIZES[0]], costs[SIZES[-1]]
        growth.append(max(_middle(largest[name]) / _middle(smallest[name]) for name in largest))
        dearest = max(largest.values(), key=_middle)
        for size, found in costs.items():
            for name, took in found.items():
                micros = _middle(took) * 1e6
                detail.setdefault(f"{name}, {size} wait: µs", []).append(micros)
    for count, took in _loads(runs):
        detail[f"load after {count} facts: ms"] = [load * 1000 for load in took]
    dearest = sorted(dearest)
    return Report(
        bench="scale",
        unit=f"times dearer with {SIZES[-1]} than with {SIZES[0]} waiting",
        ours=median(growth),
        limit=1.0,
        p50_ms=percentile(dearest, 0.5),
        p99_ms=percentile(dearest, 0.99),
        runs=runs,
        spread=spread(growth),
        detail={name: median(values) for name, values in detail.items()},
    )


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


# A large floor


def _costs(size: int, seconds: float) -> dict[str, list[float]]:
    """Command → processor time of each."""
    found: dict[str, list[float]] = {}
    floor = Floor(size)
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        for took in floor.turn():
            found.setdefault(took.command, []).append(took.seconds)
    return found


class Floor:
    """`size` agents in calls, as many callers who wait; a turn leaves it so."""

    def __init__(self, size: int) -> None:
        self.world = _world()
        self.size = size
        self.calls = 0
        """How many have come."""
        self.world.apply(_office(size))
        for number in range(size):
            self.world.apply(self._talk(number))
        for _ in range(size):
            caller = {"account_id": ACCOUNT, "at": self.world.now, "call_id": self._routed()}
            self.world.apply([CallerQueued(**caller, queue_id=QUEUE, priority=0)])

    def _routed(self) -> CallId:
        call_id = CallId(f"call-{self.calls}")
        self.calls += 1
        self.world.apply([_routed(call_id, self.world.now)])
        return call_id

    def _talk(self, agent: int) -> list[Fact]:
        call_id = self._routed()
        about = {"account_id": ACCOUNT, "at": self.world.now, "call_id": call_id}
        lease = {
            "agent_id": f"us_{agent}",
            "lease_id": f"lease_{agent + 1}",
            "epoch": agent + 1,
            "queue_id": QUEUE,
            **about,
        }
        return [
            CallerQueued(**about, queue_id=QUEUE, priority=0),
            AgentReserved(**lease, expires_at=_LATER),
            LeaseConfirmed(**lease, queued_at=self.world.now),
        ]

    def turn(self) -> Iterator[Took]:
        """Somebody comes and asks for his place; an agent asks for a break and thinks better of it;
        a conversation ends, and the next caller is answered."""
        world = self.world
        world.now = Millis(world.now + 1_000)
        joined = StartFlow(account_id=ACCOUNT, call_id=self._routed(), flow_id=f"queue:{QUEUE}")
        yield self._timed(start_flow, joined)
        poll = StepFlow(account_id=ACCOUNT, call_id=joined.call_id, outcome=POLL)
        yield self._timed(step_flow, poll)
        user = f"us_{self.calls % self.size}"
        for event in (AgentEvent.PAUSE, AgentEvent.UNPAUSE):
            command = ControlAgent(account_id=ACCOUNT, user_id=user, event=event)
            yield self._timed(control_agent, command)
        call_id = next(iter(world.office(ACCOUNT).presence.floor.talks))
        end = ReportDialog(account_id=ACCOUNT, call_id=call_id, event=DialogEvent.END, ts=world.now)
        yield self._timed(report_dialog, end)
        (lease,) = world.office(ACCOUNT).presence.floor.leases.values()
        confirm = ConfirmLease(account_id=ACCOUNT, lease_id=lease.lease_id, epoch=lease.epoch)
        yield self._timed(confirm_lease, confirm)

    def _timed(self, handle: Callable[[Any, World], Outcome], command: Command) -> Took:
        began = time.thread_time()
        self.world.apply(handle(command, self.world).facts)
        return Took(type(command).__name__, time.thread_time() - began)


def _world() -> World:
    options = Options(Platform(), "bench", "sip:flow@127.0.0.1", 3_600_000)
    world = World(options, max_accounts=10, max_calls=1_000_000)
    world.now = Millis(START)
    world.put_account(ACCOUNT, Directory(), EMPTY, EMPTY, since_sec=0)
    return world


def _office(agents: int) -> list[Fact]:
    """An account with a queue, and agents at work in it."""
    queue = Queue(name="Bench", wrap_up_sec=0, max_wait_sec=0)
    facts = [_row(ACCOUNT, "account", Account(name="Bench")), _row(QUEUE, "queue", queue)]
    for number in range(agents):
        id = f"us_{number}"
        about: dict[str, Any] = {"account_id": ACCOUNT, "at": Millis(START)}
        facts += [
            _row(id, "sip_user", SipUser(username=f"{1000 + number}", is_agent=1)),
            ContactRegistered(
                **about,
                user_id=id,
                device_id=f"dev_{number}",
                contact=f"sip:{id}@192.0.2.1",
                ts=Millis(START),
                expires_at=_LATER,
            ),
            AgentLoggedIn(**about, agent_id=id, ready=1),
            AgentJoinedQueue(**about, agent_id=id, queue_id=QUEUE, level=1),
        ]
    return facts


def _row(id: str, kind: str, body: Resource) -> Fact:
    return CREATED[kind](account_id=ACCOUNT, at=Millis(START), id=id, by="bench", body=body)


def _routed(call_id: CallId, at: Millis) -> Fact:
    return CallRouted(
        account_id=ACCOUNT,
        at=at,
        call_id=call_id,
        hop=1,
        request="bench",
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        directive=RunFlow(flow_id="flow_1", flow_version=1, vars={}),
        path=(),
    )


# A long history


def _loads(runs: int) -> Iterator[tuple[int, list[float]]]:
    """Facts of a history → processor times to have its account in memory."""
    world = _world()
    world.apply(_office(20))
    kept: Snapshot | None = None
    tail: list[Fact] = []
    facts = _conversations(20)
    written = 0
    for count in HISTORIES:
        while written < count or kept is None or len(tail) != TAIL:
            batch = list(islice(facts, BATCH))
            world.apply(batch)
            written += BATCH
            tail += batch
            for saved in world.due_snapshots([ACCOUNT]):
                kept, tail = saved, []
        history = History(kept, tail)
        yield count, [_load(history) for _ in range(runs)]


def _load(history: History) -> float:
    world = _world()
    began = time.thread_time()
    world.put_account(ACCOUNT, Directory(), history, EMPTY, since_sec=0)
    return time.thread_time() - began


def _conversations(agents: int) -> Iterator[Fact]:
    """For ever: a caller comes, an agent answers, they talk a second."""
    number = 0
    while True:
        number += 1
        at = Millis(START + number * 1_000)
        about: dict[str, Any] = {"account_id": ACCOUNT, "call_id": CallId(f"call-{number}")}
        lease = {
            "agent_id": f"us_{number % agents}",
            "lease_id": f"lease_{number}",
            "epoch": number,
            "queue_id": QUEUE,
            **about,
        }
        yield CallerQueued(**about, at=at, queue_id=QUEUE, priority=0)
        yield AgentReserved(**lease, at=at, expires_at=Millis(at + 20_000))
        yield LeaseConfirmed(**lease, at=at, queued_at=at)
        yield ConversationEnded(**lease, at=Millis(at + 1_000), queued_at=at, talk_ms=1_000)
