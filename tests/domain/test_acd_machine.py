"""What holds on the floor of a contact center after every command, whatever comes twice, late or in
another order (spec 05, Invariants).

The rules of the machine say what happens; `Book` is what a bystander writes down from the facts
alone, without a look into the state.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commands import snapshots
from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd import strategies
from domain.acd.agents import Membership
from domain.acd.evolution import evolve
from domain.acd.floor import Floor, State, Status
from events.acd import (
    AgentReserved,
    CallerLeft,
    CallerQueued,
    ConversationEnded,
    Departure,
    LeaseConfirmed,
    LeaseEnd,
    LeaseReleased,
)
from events.base import CallId, Fact, Millis
from tests.domain.center import Center
from tests.support.given import PRESENCE, given, property_of

AGENTS = ("us_a", "us_b", "us_c", "us_d")
QUEUES = ("q_1", "q_2")
CALLS = tuple(f"call-{number}" for number in range(9))
WISHES = (
    *(("available", "wrapup_done") * 5),
    *("login", "logout", "leave", "join", "pause", "lunch"),
)
EVENTS = ("answers",) * 4 + ("silent", "call", "end", "end", "end")


@dataclass
class Book:
    """Kept from the facts."""

    epochs: list[int] = field(default_factory=list)
    reserved: dict[str, AgentReserved] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    talks: dict[str, str] = field(default_factory=dict)
    """Lease → caller."""
    queued: dict[CallId, CallerQueued] = field(default_factory=dict)
    entered: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def write(self, fact: Fact) -> None:
        match fact:
            case AgentReserved():
                self.epochs.append(fact.epoch)
                self.reserved[fact.lease_id] = fact
            case LeaseConfirmed():
                self.ended[fact.lease_id] += 1
                assert fact.call_id not in self.talks.values(), "a caller has two agents"
                self.talks[fact.lease_id] = fact.call_id
                assert self.queued.pop(fact.call_id).at == fact.queued_at
                self.left[fact.queue_id] += 1
            case LeaseReleased():
                self.ended[fact.lease_id] += 1
                assert fact.at <= self.reserved[fact.lease_id].expires_at + 60_000
            case ConversationEnded():
                del self.talks[fact.lease_id]
            case CallerQueued():
                assert fact.call_id not in self.queued
                self.queued[fact.call_id] = fact
                self.entered[fact.queue_id] += 1
            case CallerLeft():
                assert self.queued.pop(fact.call_id).at == fact.queued_at
                self.left[fact.queue_id] += 1

    @property
    def live(self) -> list[AgentReserved]:
        return [lease for id, lease in self.reserved.items() if not self.ended[id]]


class Floors(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.center = Center()
        self.book = Book()
        self.written = 0

    @initialize(
        one=st.sampled_from(list(strategies.STRATEGIES)),
        other=st.sampled_from([strategies.RING_ALL, strategies.RING_PROGRESSIVELY]),
        tiers=st.lists(st.sampled_from([1, 1, 2]), min_size=4, max_size=4),
    )
    def configure(self, one: str, other: str, tiers: list[int]) -> None:
        center = self.center
        for id, strategy in zip(QUEUES, (one, other), strict=True):
            center.queue(
                id,
                strategy=strategy,
                agent_ring_timeout_sec=8,
                max_no_answer=2,
                max_wait_sec=30,
                wrap_up_sec=5,
            )
        for id, tier in zip(AGENTS, tiers, strict=True):
            center.wait(1)
            center.ready(id[3:], *QUEUES, tier_level=tier)
        self._take_down()

    # What happens

    def _twice(self, happen: Callable[[], object]) -> None:
        """The same at the same time once more is no news."""
        happen()
        self._take_down()
        happen()
        assert len(self.center.facts) == self.written, "the same command writes twice"

    def _take_down(self) -> None:
        for fact in self.center.facts[self.written :]:
            self.book.write(fact)
        self.written = len(self.center.facts)

    @rule(
        agent=st.sampled_from(AGENTS), what=st.sampled_from(WISHES), queue=st.sampled_from(QUEUES)
    )
    def agent_does(self, agent: str, what: str, queue: str) -> None:
        center, status = self.center, self.center.of(agent).status
        match what:
            case "available":
                self._twice(lambda: center.make_available(agent, *QUEUES))
            case "login":
                self._twice(lambda: center.log_in(agent, *QUEUES))
            case "logout":
                self._twice(lambda: center.log_out(agent))
            case "wrapup_done":
                self._twice(lambda: center.finish_wrap_up(agent))
            case "leave":
                self._twice(lambda: center.leave_queues(agent, queue))
            case "join" if status is not Status.OFFLINE:
                self._twice(lambda: center.join_queues(agent, Membership(queue)))
            case "pause" | "lunch" if status is not Status.OFFLINE:
                self._twice(lambda: center.pause(agent, what))

    @rule(agent=st.sampled_from(AGENTS), what=st.sampled_from(EVENTS))
    def edge_reports(self, agent: str, what: str) -> None:
        """Of an agent's contact, or of a call that no queue has given to him."""
        match what:
            case "answers" | "silent":
                self.center.qualify(agent, what == "answers")
                self._take_down()
            case "call":
                self._twice(lambda: self.center.begin_call(f"other-{agent}", agent))
            case "end":
                self._twice(lambda: self.center.end(f"other-{agent}"))

    @rule(
        call=st.sampled_from(CALLS),
        queue=st.sampled_from(QUEUES),
        priority=st.sampled_from([None, None, 5]),
    )
    def come(self, call: str, queue: str, priority: int | None) -> None:
        self._twice(lambda: self.center.call(call, queue, priority=priority))

    @rule(call=st.sampled_from(CALLS), departure=st.sampled_from([None, *Departure]))
    def ask_or_leave(self, call: str, departure: Departure | None) -> None:
        if departure is None:
            self._twice(lambda: self.center.poll(call))
        else:
            self._twice(lambda: self.center.leave(call, departure))

    @rule(call=st.sampled_from(CALLS), by_agent=st.booleans())
    def end(self, call: str, by_agent: bool) -> None:
        """Of the call, or of the agent's part of it."""
        self._twice(lambda: (self.center.hang_up if by_agent else self.center.end)(call))

    @rule(back=st.integers(0, 4), error=st.sampled_from([0, 0, 0, 0, -1, 1]))
    def confirm(self, back: int, error: int) -> None:
        """One of the last reservations, live or not, with its epoch or with another one."""
        if not (lease := self._lease(back)):
            return
        was_live, now = self._is_live(lease), self.center.now
        talks = self.book.talks.get(lease.lease_id)
        verdict = self.center.confirm(lease.lease_id, lease.epoch + error)
        self._take_down()
        expected = (was_live and lease.expires_at > now) or talks is not None
        assert (verdict.call_id == lease.call_id) is (expected and not error)
        if error and talks is None and lease.lease_id in self.center.floor.past:
            assert verdict.reason == "stale_epoch"
        assert not self.center.confirm(lease.lease_id, lease.epoch + error).facts

    @rule(agent=st.sampled_from(AGENTS), call=st.sampled_from(CALLS))
    def claim(self, agent: str, call: str) -> None:
        self._twice(lambda: self.center.claim(agent, call))

    @rule(number=st.integers(0, 3))
    def answer(self, number: int) -> None:
        """Somebody who rings answers, and who rang beside him claims the same caller too late."""
        live = self.book.live
        if not live or (first := live[number % len(live)]).expires_at <= self.center.now:
            return
        beside = [lease for lease in live if lease.call_id == first.call_id and lease is not first]
        assert self.center.claim(first.agent_id, first.call_id).call_id == first.call_id
        self._take_down()
        for late in beside:
            assert self.book.ended[late.lease_id] == 1, "not rescinded in the same commit"
            assert self.center.confirm(late.lease_id, late.epoch).reason == "released"
        assert len(self.center.facts) == self.written

    @rule(
        back=st.integers(0, 4),
        error=st.sampled_from([0, 0, 0, -1]),
        reason=st.sampled_from(LeaseEnd),
    )
    def release(self, back: int, error: int, reason: LeaseEnd) -> None:
        if lease := self._lease(back):
            live = lease.lease_id in self.center.floor.leases
            known = floors.Lease(
                lease.lease_id, lease.epoch + error, "", CallId(""), "", Millis(0), Millis(0)
            )
            facts = self.center.release(known, reason)
            assert bool(facts) is (live and not error)
            self._take_down()
            assert not self.center.release(known, reason)

    @rule(seconds=st.sampled_from([0.2, 1, 4, 4, 11]), asleep=st.booleans())
    def wait(self, seconds: float, asleep: bool) -> None:
        """While the owner is there, or while he is away: then what was due is met afterwards."""
        if asleep:
            self.center.oversleep(seconds)
        else:
            self.center.wait(seconds)
        self._take_down()
        self._twice(lambda: self.center.oversleep(0))

    @rule()
    def load_from_a_snapshot(self) -> None:
        kept = snapshots.load_presence(snapshots.dump_presence(self.center.presence))
        assert kept == self.center.presence
        self.center.presence = kept

    def _lease(self, back: int) -> AgentReserved | None:
        known = list(self.book.reserved.values())
        return known[-1 - back] if back < len(known) else None

    def _is_live(self, lease: AgentReserved) -> bool:
        return not self.book.ended[lease.lease_id]

    # What holds

    @invariant()
    def an_agent_has_one_reservation_or_conversation(self) -> None:
        holders = [lease.agent_id for lease in self.book.live]
        holders += [self.book.reserved[id].agent_id for id in self.book.talks]
        assert len(holders) == len(set(holders))

    @invariant()
    def epochs_rise(self) -> None:
        assert self.book.epochs == sorted(set(self.book.epochs))

    @invariant()
    def a_reservation_ends_once(self) -> None:
        assert all(count == 1 for count in self.book.ended.values())

    @invariant()
    def nothing_that_is_due_is_left(self) -> None:
        floor, now = self.center.floor, self.center.now
        assert all(lease.until > now for lease in floor.leases.values())
        assert all(
            agent.wrap_up_until is None or agent.wrap_up_until > now
            for agent in floor.agents.values()
        )
        assert all(c.give_up_at is None or c.give_up_at > now for c in floor.callers.values())

    @invariant()
    def nobody_waits_beside_an_agent_who_could_take_him(self) -> None:
        desk = desks.at_desk(self.center.office, self.center.now)
        for caller in desk.floor.callers.values():
            if not caller.leases:
                assert not _offerable(desk.floor, desk, caller.queue_id)

    @invariant()
    def who_came_has_left_or_waits(self) -> None:
        waiting = Counter(fact.queue_id for fact in self.book.queued.values())
        assert self.book.entered == self.book.left + waiting
        floor = self.center.floor
        assert {id: c.queued_at for id, c in floor.callers.items()} == {
            id: fact.at for id, fact in self.book.queued.items()
        }

    @invariant()
    def the_state_is_what_the_facts_say(self) -> None:
        floor = self.center.floor
        assert set(floor.leases) == {lease.lease_id for lease in self.book.live}
        assert set(floor.talks) == set(self.book.talks.values())
        for caller in floor.callers.values():
            mine = [one for one in self.book.live if one.call_id == caller.call_id]
            assert {one.agent_id: one.lease_id for one in mine} == dict(caller.leases)

    def teardown(self) -> None:
        """The history makes the same state; every pick in it was the right one."""
        assert given(PRESENCE, *self.center.facts).state == self.center.presence
        floor = Floor()
        desk = desks.at_desk(self.center.office, self.center.now)
        desk.floor = floor
        for fact in self.center.facts:
            if isinstance(fact, AgentReserved):
                _check_pick(floor, desk, fact)
            evolve(floor, fact)  # type: ignore[arg-type]


def _offerable(floor: Floor, desk: desks.Desk, queue: str) -> dict[str, int]:
    """Agent → tier, of those who could take a caller of the queue: by the words of the spec."""
    found = {}
    for id, agent in floor.agents.items():
        if queue not in agent.queues:
            continue
        place = desks.place_in(desk, id, agent, queue)
        if (
            place is not None
            and agent.status is Status.AVAILABLE
            and agent.state is State.WAITING
            and floor.contacts.get(id)
            and not agent.external
        ):
            found[id] = place[0]
    return found


def _check_pick(floor: Floor, desk: desks.Desk, fact: AgentReserved) -> None:
    """Never who must not be rung; the lowest tier; the least by strategy; first in, first out."""
    offerable = _offerable(floor, desk, fact.queue_id)
    assert fact.agent_id in offerable
    assert offerable[fact.agent_id] == min(offerable.values())
    caller, queue = floor.callers[fact.call_id], desks.queue_of(desk, fact.queue_id)
    tier = [id for id, level in offerable.items() if level == offerable[fact.agent_id]]
    fewest = min(caller.missed.get(id, 0) for id in tier)
    tier = [id for id in tier if caller.missed.get(id, 0) == fewest]
    assert fact.agent_id in tier
    agents = {id: floor.agents[id] for id in tier}
    chosen = floor.agents[fact.agent_id]
    match queue.strategy:
        case "longest_idle":
            assert chosen.idle_since == min(agent.idle_since for agent in agents.values())
        case "fewest_calls":
            assert chosen.answered == min(agent.answered for agent in agents.values())
        case "least_talk_time":
            assert chosen.talk_ms == min(agent.talk_ms for agent in agents.values())
        case "round_robin":
            last = floor.last_picked.get(fact.queue_id, "")
            after = [id for id in sorted(tier) if id > last]
            assert fact.agent_id == (after or sorted(tier))[0]
        case "top_down" | "ring_all" | "ring_progressively":
            assert fact.agent_id == min(tier)
    for other in floor.callers.values():
        if other.queue_id == caller.queue_id and not other.leases and not caller.leases:
            assert (-caller.priority, caller.queued_at) <= (-other.priority, other.queued_at)


TestFloors = Floors.TestCase
TestFloors.settings = settings(property_of(examples=120), stateful_step_count=100)
