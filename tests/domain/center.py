"""A contact center whose decisions are applied at once, with queues and agents of its own."""

from collections.abc import Sequence
from random import Random
from typing import Any

from domain import presence
from domain.acd import agents, callers, deadlines, leases
from domain.acd import floor as floors
from domain.acd.agents import Membership
from domain.acd.callers import Place
from domain.acd.desk import at_desk, is_agent
from domain.acd.floor import Agent, Bucket, Floor, FloorFact, Lease, State, bucket
from domain.acd.leases import Verdict
from domain.capacity import Capacity
from domain.routing import Office
from events.acd import Departure, LeaseEnd
from events.base import CallId, Fact, Millis
from events.presence import ContactQualified, ContactRegistered
from tests.domain.acme import Acme
from tests.support.given import ACCOUNT, NOW

SECOND = 1_000
HOUR = 3_600_000


class Center:
    """What is decided here is applied; `facts` is all that was."""

    def __init__(self, now: Millis = NOW) -> None:
        self.rows = Acme(now=now)
        self.presence = self.rows.presence
        self.now = now
        self.facts: list[Fact] = []

    # Configuration

    def queue(self, id: str = "q_1", **members: Any) -> str:
        return self.rows.add("queue", id, **{"name": id, **members})

    def agent(self, name: str, *queues: str, **members: Any) -> str:
        """An agent who is assigned to these queues and can be reached."""
        rules = {
            member: members.pop(member)
            for member in ("tier_level", "position", "mode")
            if member in members
        }
        id = self.rows.add("sip_user", f"us_{name}", username=name, is_agent=1, **members)
        for queue_id in queues:
            self.rows.add(
                "agent_queue_assignment",
                f"aqa_{name}_{queue_id}",
                queue_id=queue_id,
                user_id=id,
                **rules,
            )
        self.register(id)
        return id

    def ready(self, name: str, *queues: str, **members: Any) -> str:
        """Such an agent, at work in these queues and ready for calls."""
        id = self.agent(name, *queues, **members)
        self.make_available(id, *queues)
        return id

    # Looking

    @property
    def office(self) -> Office:
        return Office(ACCOUNT, self.rows.rows.directory, self.presence, Capacity())

    @property
    def floor(self) -> Floor:
        return self.presence.floor

    def of(self, agent_id: str) -> Agent:
        return floors.agent_of(self.floor, agent_id)

    def bucket(self, agent_id: str) -> Bucket:
        agent = self.of(agent_id)
        reachable = floors.is_reachable(self.floor, agent_id)
        return bucket(agent.status, agent.state, reachable, bool(agent.external))

    def state(self, agent_id: str) -> State:
        return self.of(agent_id).state

    def offer(self, agent_id: str) -> Lease:
        """The live reservation of an agent."""
        lease = self.of(agent_id).offer
        assert lease is not None, f"nobody is offered to {agent_id}"
        return lease

    def rung(self) -> list[str]:
        """Who rings, in the order of the reservations."""
        return [lease.agent_id for lease in self.floor.leases.values()]

    # Doing

    def apply(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        for fact in facts:
            presence.evolve(self.presence, fact)  # type: ignore[arg-type]
        self.facts += facts
        return facts

    def wait(self, seconds: float) -> None:
        """Time passes; everything that becomes due is done when it is."""
        until = Millis(self.now + int(seconds * SECOND))
        while (due := floors.next_due(self.floor, self.now)) and due <= until:
            self.now = due
            self.apply(deadlines.meet(self.office, due))
        self.now = until

    def oversleep(self, seconds: float) -> Sequence[Fact]:
        """Time passes, and only then is it looked what was due."""
        self.now = Millis(self.now + int(seconds * SECOND))
        return self.apply(deadlines.meet(self.office, self.now))

    def register(self, user: str, device: str | None = None) -> Sequence[Fact]:
        device = device or f"dev_{user[3:]}"
        fact = ContactRegistered(
            account_id=ACCOUNT,
            at=self.now,
            user_id=user,
            device_id=device,
            contact=f"sip:{device}@192.0.2.1",
            ts=self.now,
            expires_at=Millis(self.now + HOUR),
        )
        return self._notice(fact)

    def qualify(self, user: str, reachable: bool) -> Sequence[Fact]:
        device = f"dev_{user[3:]}"
        fact = ContactQualified(
            account_id=ACCOUNT,
            at=self.now,
            user_id=user,
            device_id=device,
            contact=f"sip:{device}@192.0.2.1",
            ts=self.now,
            reachable=reachable,
        )
        return self._notice(fact)

    def _notice(self, fact: ContactRegistered | ContactQualified) -> Sequence[Fact]:
        return self.apply([fact, *agents.notice_contacts(self.office, [fact], self.now)])

    def log_in(self, agent: str, *queues: str) -> Sequence[Fact]:
        wanted = [Membership(id) for id in queues]
        return self.apply(agents.log_in(self.office, agent, wanted, self.now))

    def make_available(self, agent: str, *queues: str) -> Sequence[Fact]:
        wanted = [Membership(id) for id in queues]
        return self.apply(agents.make_available(self.office, agent, wanted, self.now))

    def pause(self, agent: str, reason: str | None = None) -> Sequence[Fact]:
        return self.apply(agents.pause(self.office, agent, reason, self.now))

    def log_out(self, agent: str) -> Sequence[Fact]:
        return self.apply(agents.log_out(self.office, agent, self.now))

    def join_queues(self, agent: str, *queues: Membership) -> Sequence[Fact]:
        return self.apply(agents.join(self.office, agent, queues, self.now))

    def leave_queues(self, agent: str, *queues: str) -> Sequence[Fact]:
        wanted = [Membership(id) for id in queues]
        return self.apply(agents.leave(self.office, agent, wanted, self.now))

    def finish_wrap_up(self, agent: str) -> Sequence[Fact]:
        return self.apply(agents.finish_wrap_up(self.office, agent, self.now))

    def begin_call(self, call_id: str, *users: str) -> Sequence[Fact]:
        return self.apply(agents.begin_calls(self.office, CallId(call_id), users, self.now))

    def call(self, call_id: str, queue_id: str = "q_1", **more: Any) -> Place:
        """A caller comes into the queue."""
        desk = at_desk(self.office, self.now)
        place = callers.enter(desk, CallId(call_id), queue_id, **more)
        self.apply(desk.facts)
        return place

    def poll(self, call_id: str) -> Place:
        desk = at_desk(self.office, self.now)
        place = callers.look(desk, CallId(call_id))
        self.apply(desk.facts)
        return place

    def leave(self, call_id: str, departure: Departure) -> Sequence[Fact]:
        desk = at_desk(self.office, self.now)
        callers.step_out(desk, CallId(call_id), departure)
        return self.apply(desk.facts)

    def call_back(self, call_id: str, queue_id: str = "q_1") -> Sequence[Fact]:
        """The caller wants to be called back."""
        desk = at_desk(self.office, self.now)
        callers.request_callback(desk, CallId(call_id), queue_id, "14155551234", "node-1")
        return self.apply(desk.facts)

    def end(self, call_id: str) -> Sequence[Fact]:
        return self.apply(callers.end_call(self.office, CallId(call_id), self.now))

    def confirm(self, lease_id: str, epoch: int) -> Verdict:
        verdict = leases.confirm(self.office, lease_id, epoch, self.now)
        self.apply(verdict.facts)
        return verdict

    def claim(self, agent: str, call_id: str) -> Verdict:
        verdict = leases.claim(self.office, agent, CallId(call_id), self.now)
        self.apply(verdict.facts)
        return verdict

    def answer(self, agent: str) -> Lease:
        """The agent answers what rings."""
        lease = self.offer(agent)
        assert self.confirm(lease.lease_id, lease.epoch).call_id == lease.call_id
        return lease

    def release(self, lease: Lease, reason: LeaseEnd = LeaseEnd.NO_ANSWER) -> Sequence[Fact]:
        desk = at_desk(self.office, self.now)
        live = desk.floor.leases.get(lease.lease_id)
        is_meant = live is not None and live.epoch == lease.epoch
        leases.give_back(desk, [live] if live and is_meant else [], reason)
        return self.apply(desk.facts)

    def miss(self, agent: str, reason: LeaseEnd = LeaseEnd.NO_ANSWER) -> Sequence[Fact]:
        return self.release(self.offer(agent), reason)

    def hang_up(self, call_id: str) -> Sequence[Fact]:
        """The agent leaves the caller, who goes on in his flow."""
        desk = at_desk(self.office, self.now)
        callers.go_away(desk, CallId(call_id))
        return self.apply(desk.facts)


class WholeCenter(Center):
    """One whose `facts` tell its configuration, too."""

    def __init__(self, now: Millis = NOW) -> None:
        super().__init__(now)
        self.facts = self.rows.history


def a_shift(
    chance: Random,
    now: Millis = NOW,
    prefix: str = "",
    calls: int = 30,
    kind: type[Center] = Center,
) -> list[Fact]:
    """A busy hour with three agents and two queues: everything that can happen, by dice."""
    center = kind(now)
    queues = [f"q_{prefix}1", f"q_{prefix}2"]
    center.queue(queues[0], wrap_up_sec=5)
    center.queue(queues[1], strategy="ring_all", max_wait_sec=40)
    agents = [center.ready(prefix + name, *queues) for name in "abc"]
    for number in range(calls):
        center.call(f"call_{prefix}{chance.random()}-{number}", chance.choice(queues))
        center.wait(chance.choice([1, 3, 9]))
        for agent in agents:
            if center.of(agent).offer is not None and chance.random() < 0.6:
                center.answer(agent)
            elif center.of(agent).offer is not None and chance.random() < 0.3:
                center.miss(agent)
        if number % 5 == 4 and center.floor.callers:
            center.call_back(next(iter(center.floor.callers)), queues[0])
        for call_id in [*center.floor.talks, *center.floor.callers]:
            if chance.random() < 0.3:
                center.end(call_id)
        _have_a_mind_of_ones_own(center, chance.choice(agents), queues, chance)
        if kind is WholeCenter:
            _reorganise(center, chance.choice(agents), queues, chance)
    return center.facts


def _reorganise(center: Center, agent: str, queues: Sequence[str], chance: Random) -> None:
    """Somebody works on the configuration meanwhile."""
    queue, rows = chance.choice(queues), center.rows
    rows.now = center.now
    assigned = f"aqa_{agent[3:]}_{queue}"
    match chance.randrange(30):
        case 0:
            rows.change("queue", queue, name=f"{queue} {chance.randrange(9)}", alarm_sl_pct=50)
        case 1 if assigned in rows.rows.directory.rows:
            rows.lose("agent_queue_assignment", assigned)
        case 2 if assigned in rows.rows.directory.rows and is_agent(rows.rows.directory, agent):
            rows.change("agent_queue_assignment", assigned, tier_level=chance.randrange(1, 3))
        case 3:
            rows.change("sip_user", agent, display_name=f"Agent {chance.randrange(9)}")
        case 4:
            rows.lose("queue", rows.add("queue", f"{queue}-{center.now}", name="For a moment"))
        case 5:
            rows.change("sip_user", agent, is_agent=chance.randrange(2))


def _have_a_mind_of_ones_own(
    center: Center, agent: str, queues: Sequence[str], chance: Random
) -> None:
    match chance.randrange(8):
        case 0:
            center.log_out(agent)
        case 1:
            center.begin_call(f"other-{agent}", agent)
        case 2:
            center.end(f"other-{agent}")
        case 3:
            center.finish_wrap_up(agent)
        case 4:
            center.qualify(agent, chance.random() < 0.5)
        case 5 if center.of(agent).status != "offline":
            center.pause(agent, "lunch")
        case _:
            center.make_available(agent, *queues)


def names(facts: Sequence[FloorFact | Fact]) -> list[str]:
    return [type(fact).__name__ for fact in facts]
