"""Whole afternoons of a contact center, played in virtual time: callers and agents do what plans of
the simulated edge say, and what must hold (tests/domain/test_acd_machine.py) holds after each of
their steps."""

import heapq
from collections.abc import Callable
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.plan import INTERNAL, Caller, Habits, Intent, Plan
from domain.acd import strategies
from domain.acd.floor import Lease, Status
from events.acd import Departure, LeaseEnd
from events.base import Millis
from tests.domain.test_acd_machine import Floors
from tests.support.given import NOW, property_of

QUEUES = ("q_1", "q_2")
CHECKS: tuple[Callable[[Floors], None], ...] = (
    Floors.an_agent_has_one_reservation_or_conversation,
    Floors.epochs_rise,
    Floors.a_reservation_ends_once,
    Floors.nothing_that_is_due_is_left,
    Floors.nobody_waits_beside_an_agent_who_could_take_him,
    Floors.who_came_has_left_or_waits,
    Floors.the_state_is_what_the_facts_say,
)
HABITS = Habits(
    rate=0.3,
    internal=0.1,
    presses=0.2,
    patience_sec=25,
    talk_sec=15,
    misses=0.15,
    rejects=0.1,
    work_sec=120,
    between_breaks_sec=60,
    break_sec=20,
    home_sec=30,
)


class Play:
    """A plan on the stage of the state machine's floor."""

    def __init__(self, plan: Plan, strategy: str) -> None:
        self.plan = plan
        self.machine = Floors()
        self.center = self.machine.center
        self.agents = [f"us_{number}" for number in range(plan.agents)]
        self.rung: set[str] = set()
        self.attempts: dict[tuple[str, str], int] = {}
        self.callers: dict[str, Caller] = {}
        self._scenes: list[tuple[Millis, int, Callable[[], object]]] = []
        self._numbers = count()
        for id, one in zip(QUEUES, (strategy, strategies.RING_ALL), strict=True):
            self.center.queue(id, strategy=one, agent_ring_timeout_sec=8, wrap_up_sec=6)
        for number, id in enumerate(self.agents):
            self.center.agent(id[3:], *QUEUES, tier_level=1 + number % 2)

    def run(self, seconds: float) -> None:
        for scene in self.plan.timeline(seconds):
            if isinstance(scene, Intent):
                self._at(scene.at, lambda it=scene: self._intend(it))  # type: ignore[misc]
            else:
                self._at(scene.at, lambda it=scene: self._come(it))  # type: ignore[misc]
        while self._scenes:
            at, _, happen = heapq.heappop(self._scenes)
            self.center.wait(max(0, at - self.center.now) / 1000)
            happen()
            self._look()
        self.machine.teardown()

    def _at(self, seconds: float, happen: Callable[[], object]) -> None:
        """In so many seconds after the beginning."""
        moment = Millis(NOW + round(seconds * 1000))
        heapq.heappush(self._scenes, (moment, next(self._numbers), happen))

    def _in(self, seconds: float, happen: Callable[[], object]) -> None:
        self._at((self.center.now - NOW) / 1000 + seconds, happen)

    def _look(self) -> None:
        """What holds; and whoever rings now will make something of it."""
        self.machine._take_down()
        for check in CHECKS:
            check(self.machine)
        for lease in list(self.center.floor.leases.values()):
            if lease.lease_id not in self.rung:
                self.rung.add(lease.lease_id)
                self._ring(lease)

    def _ring(self, lease: Lease) -> None:
        caller = self.callers[lease.call_id]
        tried = self.attempts.get((lease.agent_id, lease.call_id), 0)
        self.attempts[lease.agent_id, lease.call_id] = tried + 1
        offer = self.plan.offer(self.agents.index(lease.agent_id), caller.number, tried)
        if offer.outcome == "answered":
            self._in(offer.ring, lambda: self._answer(lease, caller, offer.notes))
        elif offer.outcome == "busy":
            self._in(offer.ring, lambda: self.center.release(lease, LeaseEnd.BUSY))

    def _answer(self, lease: Lease, caller: Caller, notes: float | None) -> None:
        if self.center.confirm(lease.lease_id, lease.epoch).call_id is None:
            return
        over = self.center.end if caller.leaves_first else self.center.hang_up

        def part() -> None:
            over(lease.call_id)
            if notes is not None:
                self._in(notes, lambda: self.center.finish_wrap_up(lease.agent_id))

        self._in(caller.talk, part)

    def _come(self, caller: Caller) -> None:
        center, call_id = self.center, f"call-{caller.number}"
        if caller.kind == INTERNAL:
            users = [self.agents[int(caller.who)], self.agents[caller.line]]
            center.begin_call(call_id, *users)
            self._in(caller.talk, lambda: center.end(call_id))
            return
        self.callers[call_id] = caller
        center.call(call_id, QUEUES[caller.number % len(QUEUES)])
        self._in(caller.patience, lambda: self._lose_patience(call_id))
        if caller.press:
            self._in(caller.press.after, lambda: center.leave(call_id, Departure.ROUTED))

    def _lose_patience(self, call_id: str) -> None:
        if call_id in self.center.floor.callers:
            self.center.end(call_id)

    def _intend(self, intent: Intent) -> None:
        center, agent = self.center, self.agents[intent.agent]
        match intent.what:
            case "login":
                center.log_in(agent, *QUEUES)
            case "available" | "unpause":
                center.make_available(agent)
            case "pause" if center.of(agent).status is not Status.OFFLINE:
                center.pause(agent, intent.reason)
            case "logout":
                center.log_out(agent)


@property_of(examples=40)
@given(
    seed=st.integers(0, 10**6),
    agents=st.integers(2, 6),
    strategy=st.sampled_from(list(strategies.STRATEGIES)),
)
def test_an_afternoon_goes_by_the_rules(seed: int, agents: int, strategy: str) -> None:
    Play(Plan(seed, agents, habits=HABITS), strategy).run(300)


def test_much_happens_in_an_afternoon() -> None:
    """A play in which nobody is ever served proves nothing."""
    play = Play(Plan(1, 4, habits=HABITS), "longest_idle")
    play.run(600)
    happened = {type(fact).__name__ for fact in play.center.facts}
    assert happened >= {
        "AgentLoggedIn",
        "AgentLoggedOut",
        "AgentPaused",
        "AgentWrappedUp",
        "AgentCallBegan",
        "CallerQueued",
        "CallerLeft",
        "AgentReserved",
        "LeaseConfirmed",
        "LeaseReleased",
        "ConversationEnded",
    }
    assert len(play.machine.book.ended) > 50
