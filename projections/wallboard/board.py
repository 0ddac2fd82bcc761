"""The wallboard of an account: values under keys, and which of them a fact has changed.

    account          name, timezone, and since when the figures count
    gauges           the whole center in figures
    queue:<id>       who waits and works there, its figures and thresholds
    agent:<id>       how he is, and since when
    caller:<call>    who waits, and who rings for him

All times are epoch milliseconds, so that whoever shows them can let them tick. A value is replaced
as a whole. What depends on the time alone (occupancy) is in `gauges`, to be asked for every
second or so; all the rest changes by facts only.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from domain import directory, presence
from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd.callers import ewt_of_next
from domain.acd.desk import Desk
from domain.acd.floor import Bucket
from domain.acd.reasons import why_not
from domain.directory import Directory, body_of, rows_of
from domain.presence import Presence
from events.acd import AcdFact, AgentFact, CallerLeft, CallerQueued, CallerTold, LeaseFact
from events.base import AccountId, CallId, Fact, Millis
from events.presence import ContactRefreshed, PresenceFact
from events.resources import (
    Account,
    AgentQueueAssignment,
    Changed,
    Created,
    Deleted,
    Queue,
    Resource,
    SipUser,
)
from projections.agents import occupancy
from projections.queues import mean
from projections.wallboard import tiles
from projections.wallboard.tiles import Value
from projections.wallboard.visits import Visits
from projections.wallboard.work import Work

KINDS = ("account", "sip_user", "queue", "agent_queue_assignment")
"""Rows of configuration that it shows."""
BODIES = (Account, SipUser, Queue, AgentQueueAssignment)


class _Standing(NamedTuple):
    """In which bucket an agent is shown, and in which queues he counts."""

    bucket: Bucket
    queues: frozenset[str]


class Board:
    def __init__(
        self,
        account_id: AccountId,
        since: int,
        position: int,
        rows: Directory,
        present: Presence,
        visits: Visits,
        work: Work,
    ) -> None:
        """`since`: the begin of the time that the figures are about; `position`: of the last fact
        that is in it."""
        self.account_id = account_id
        self.since = since
        self.position = position
        self.is_outdated = False
        """What was counted so far would be counted otherwise now: it has to be loaded again."""
        self._rows = rows
        self._presence = present
        self._visits = visits
        self._work = work
        self._standings: dict[str, _Standing] = {}
        self._staff: dict[str, Counter[str]] = {}
        """Queue → how many of its agents are in each bucket."""
        self._changed: set[str] = set()
        self._occupancy = 0
        for id, _ in rows_of(rows, SipUser):
            self._restand(id)
        self._changed = set(self.keys())

    @property
    def timezone(self) -> str:
        return self._rows.account.timezone if self._rows.account else "UTC"

    @property
    def exists(self) -> bool:
        return self._rows.account is not None

    # Fold

    def fold(self, position: int, fact: Fact) -> None:
        """Facts in their order; one that is in it already changes nothing."""
        if position <= self.position:
            return
        self.position = position
        match fact:
            case Created() | Changed() | Deleted():
                self._configure(fact)
            case AcdFact() | PresenceFact() if not isinstance(fact, ContactRefreshed):
                self._happen(fact)

    def _happen(self, fact: AcdFact | PresenceFact) -> None:
        about = _whom(fact)
        concerned = {*self._queues_of(about)}
        presence.evolve(self._presence, fact)  # type: ignore[arg-type]
        concerned.update(self._queues_of(about))
        self._work.fold(fact)
        if counted := self._visits.fold(fact):
            concerned.add(counted)
        if isinstance(fact, LeaseFact | CallerQueued | CallerTold | CallerLeft):
            self._touch(f"caller:{fact.call_id}")
            concerned.add(fact.queue_id)
        self._touch(*(f"queue:{queue_id}" for queue_id in concerned))
        if about is not None:
            self._restand(about)

    def _queues_of(self, agent_id: str | None) -> Iterable[str]:
        return floors.agent_of(self._presence.floor, agent_id).queues if agent_id else ()

    def _configure(self, fact: Created[Any] | Changed[Any] | Deleted[Any]) -> None:
        known = self._rows.rows.get(fact.id)
        before = known.body if known else None
        kind = type(before if isinstance(fact, Deleted) else fact.body)
        if kind not in BODIES:
            return
        directory.evolve(self._rows, fact)
        for body in (before, None if isinstance(fact, Deleted) else fact.body):
            match body:
                case Account():
                    self._touch("account")
                case Queue():
                    self._touch(f"queue:{fact.id}")
                case SipUser():
                    self._restand(fact.id)
                case AgentQueueAssignment():
                    self._restand(body.user_id)
        self._look_for_rules(fact.id, before)

    def _look_for_rules(self, id: str, before: Resource | None) -> None:
        """What figures are counted by."""
        if isinstance(before, Account) and before.timezone != self.timezone:
            self.is_outdated = True
        if queue := body_of(self._rows, id, Queue):
            known = self._visits.sl_threshold_sec.setdefault(id, queue.sl_threshold_sec)
            self.is_outdated |= known != queue.sl_threshold_sec

    def _restand(self, id: str) -> None:
        """Look where the agent stands now, and what that changes."""
        if before := self._standings.pop(id, None):
            self._count(id, before, -1)
        if now := self._standing(id):
            self._standings[id] = now
            self._count(id, now, 1)

    def _count(self, id: str, one: _Standing, sign: int) -> None:
        self._touch(f"agent:{id}")
        for queue_id in one.queues:
            self._staff.setdefault(queue_id, Counter())[one.bucket.value] += sign
            self._touch(f"queue:{queue_id}")

    def _standing(self, id: str) -> _Standing | None:
        """None of who is no agent."""
        user = body_of(self._rows, id, SipUser)
        if user is None or not user.is_agent:
            return None
        floor = self._presence.floor
        agent = floors.agent_of(floor, id)
        reachable = floors.is_reachable(floor, id)
        shown = floors.bucket(agent.status, agent.state, reachable, bool(agent.external))
        desk = self._desk()
        queues = (q for q in agent.queues if desks.place_in(desk, id, agent, q) is not None)
        return _Standing(shown, frozenset(queues))

    def _touch(self, *keys: str) -> None:
        self._changed.update(keys)
        self._changed.add("gauges")

    # Query

    def take_changes(self, now: int) -> dict[str, Value | None]:
        """The values of all keys that facts have changed since the last time; None: it is gone."""
        changed, self._changed = self._changed, set()
        return {key: self.value(key, now) for key in sorted(changed)}

    def values(self, now: int) -> dict[str, Value]:
        """Everything there is."""
        self._occupancy = self._mean_occupancy(now)
        found = ((key, self.value(key, now)) for key in self.keys())
        return {key: value for key, value in found if value is not None}

    def keys(self) -> Iterator[str]:
        yield from ("account", "gauges")
        yield from (f"queue:{id}" for id, _ in self._queues())
        yield from (f"agent:{id}" for id in self._standings)
        yield from (f"caller:{id}" for id in self._presence.floor.callers)

    def value(self, key: str, now: int) -> Value | None:
        kind, _, id = key.partition(":")
        match kind:
            case "account":
                body = self._rows.account
                return tiles.account(self.account_id, body, self.since) if body else None
            case "gauges":
                return self._gauges(now)
            case "queue":
                return self._queue(id, now)
            case "agent":
                return self._agent(id)
            case "caller":
                caller = self._presence.floor.callers.get(CallId(id))
                return tiles.caller(caller) if caller else None
        return None

    def gauges(self, now: int) -> Value:
        """Exactly as they are at `now`."""
        self._occupancy = self._mean_occupancy(now)
        return self._gauges(now)

    def _gauges(self, now: int) -> Value:
        """With the occupancy as it was computed last: that takes a look at every agent."""
        return tiles.gauges(
            [self._visits.figures(id, now) for id, _ in self._queues()],
            self._occupancy,
            [caller.queued_at for caller in self._presence.floor.callers.values()],
            Counter(one.bucket.value for one in self._standings.values()),
        )

    def _mean_occupancy(self, now: int) -> int:
        """Of who was at work."""
        worked = (self._work.until(id, now) for id in self._standings)
        found = [occupancy(done) for done in worked if done.logged_in]
        return mean(sum(found), len(found))

    def kpis(self, now: int) -> dict[str, Any]:
        """All figures as /v1/queues and /v1/agents have them, and the gauges."""
        return {
            "since": self.since,
            "gauges": self.gauges(now),
            "queues": {
                id: self._visits.figures(id, now) | {"ewtSec": ewt_of_next(self._desk(), id)}
                for id, _ in self._queues()
            },
            "agents": {id: self._work.kpis(id, now) for id in sorted(self._standings)},
        }

    def why_not(self, call_id: CallId) -> Value | None:
        """Why nobody rings for a caller, agent by agent; None when he does not wait."""
        caller = self._presence.floor.callers.get(call_id)
        if caller is None:
            return None
        found = [tiles.finding(one) for one in why_not(self._desk(), call_id)]
        return {"callId": call_id, "queueId": caller.queue_id, "agents": found}

    def _queue(self, id: str, now: int) -> Value | None:
        body = body_of(self._rows, id, Queue)
        if body is None:
            return None
        staff = self._staff.get(id, Counter())
        return tiles.queue(self._desk(), id, body, staff, self._visits.figures(id, now))

    def _agent(self, id: str) -> Value | None:
        user, standing = body_of(self._rows, id, SipUser), self._standings.get(id)
        if user is None or standing is None:
            return None
        row, done = self._work.row(id), self._work.reservations(id)
        return tiles.agent(self._desk(), id, user, standing.bucket, row, done)

    def _desk(self) -> Desk:
        """To look from, not to decide at: it has no time."""
        return Desk(self.account_id, self._rows, self._presence.floor, Millis(0))

    def _queues(self) -> Iterator[tuple[str, Queue]]:
        return rows_of(self._rows, Queue)


def _whom(fact: AcdFact | PresenceFact) -> str | None:
    """The user whom a fact is about."""
    match fact:
        case AgentFact():
            return fact.agent_id
        case PresenceFact():
            return fact.user_id
    return None
