"""Figures of queues and agents are what somebody who only reads the facts works out (spec 05)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import floor
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from commands.partitions import PARTITIONS
from commands.store import Append
from domain import presence
from domain.acd import floor as floors
from domain.acd.floor import MISSES, Bucket, Status, bucket
from domain.presence import Presence
from events.acd import (
    AgentFact,
    AgentLoggedOut,
    AgentReserved,
    AgentWrappedUp,
    CallerLeft,
    CallerQueued,
    ConversationEnded,
    LeaseConfirmed,
    LeaseReleased,
)
from events.base import AccountId, Fact
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import Projector
from projections import agents, queues
from tests.domain.center import Center, a_shift
from tests.support.facts import numbered
from tests.support.given import NOW, property_of

EPOCHS = dict.fromkeys(range(PARTITIONS), 1)
THRESHOLDS = {"q_1": 3, "q_2": 20, "q_3": 20}
Query = Callable[[Any], Any]
_shared = settings(
    property_of(examples=25),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Store:
    """One database for all examples: each is an account of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = PgStore(url, Keyring.of(b"k" * 32))
        self.store.claim(list(EPOCHS), "test")
        self.projector = Projector(url)
        self.numbers = count(1)

    def kept(self, facts: Sequence[Fact]) -> tuple[AccountId, list[Fact]]:
        """Store the facts for a new account."""
        number = next(self.numbers)
        account_id = AccountId(f"acc_{number}")
        mine = [fact.model_copy(update=_renamed(fact, account_id, number)) for fact in facts]
        self.store.append(Append(numbered(*mine), (), EPOCHS))
        self.projector.catch_up()
        return account_id, mine

    def query(self, ask: Query) -> Any:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return ask(connection.cursor())

    def close(self) -> None:
        self.projector.close()
        self.store.close()


def _renamed(fact: Fact, account_id: AccountId, number: int) -> dict[str, Any]:
    call_id = getattr(fact, "call_id", None)
    return {"account_id": account_id} | ({"call_id": f"{call_id}-{number}"} if call_id else {})


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    made = Store(database_url)
    yield made
    made.close()


# Queues


@dataclass
class Visit:
    """A caller in a queue."""

    came: int
    end: str = "waiting"
    wait: int = 0
    handled: int | None = None
    agent_id: str = ""
    wrap_up_ends: int = 0
    """0: nobody writes notes."""


@dataclass
class Ledger:
    """Every visit of a queue, in the order of coming."""

    visits: list[tuple[str, Visit]] = field(default_factory=list)
    open: dict[tuple[str, str, int], Visit] = field(default_factory=dict)

    def write(self, fact: Fact) -> None:
        match fact:
            case CallerQueued():
                came = fact.at if fact.since is None else fact.since
                visit = self.open[fact.call_id, fact.queue_id, came] = Visit(came)
                self.visits.append((fact.queue_id, visit))
            case CallerLeft():
                self.open[fact.call_id, fact.queue_id, fact.queued_at].end = fact.departure.value
            case LeaseConfirmed():
                visit = self.open[fact.call_id, fact.queue_id, fact.queued_at]
                visit.end, visit.wait = "answered", fact.at - fact.queued_at
            case ConversationEnded():
                visit = self.open[fact.call_id, fact.queue_id, fact.queued_at]
                notes = fact.wrap_up_until - fact.at if fact.wrap_up_until else 0
                visit.handled, visit.agent_id = fact.talk_ms + notes, fact.agent_id
                visit.wrap_up_ends = fact.at + notes
            case AgentWrappedUp() | AgentLoggedOut():
                for _, visit in self.visits:
                    if visit.agent_id == fact.agent_id and visit.wrap_up_ends > fact.at:
                        assert visit.handled is not None
                        visit.handled -= visit.wrap_up_ends - fact.at
                        visit.wrap_up_ends = fact.at

    def figures(self, queue_id: str, threshold_sec: int, since: int, now: int) -> dict[str, int]:
        mine = [v for id, v in self.visits if id == queue_id and since <= v.came <= now]
        ends = [visit.end for visit in mine]
        waits = [visit.wait for visit in mine if visit.end == "answered"]
        handled = [visit.handled for visit in mine if visit.handled is not None]
        met = sum(wait <= threshold_sec * 1000 for wait in waits)
        abandoned = ends.count("abandoned") + ends.count("timeout")
        return {
            "offered": len(mine),
            "waiting": ends.count("waiting"),
            "answered": len(waits),
            "abandoned": abandoned,
            "routed": ends.count("routed"),
            "callback": ends.count("callback"),
            "abandonRatePct": _percent(abandoned, len(mine)),
            "asaMs": _mean(waits),
            "slMet": met,
            "serviceLevelPct": _percent(met, len(mine)),
            "ahtMs": _mean(handled),
            "longestWaitMs": max((now - v.came for v in mine if v.end == "waiting"), default=0),
        }


def _percent(part: int, whole: int) -> int:
    return floor(100 * part / whole + 0.5) if whole else 0


def _mean(values: Sequence[int]) -> int:
    return floor(sum(values) / len(values) + 0.5) if values else 0


@_shared
@given(seed=st.integers(0, 10**6), skipped=st.floats(0, 1), cut=st.floats(0.2, 1))
def test_queues_in_figures_are_what_the_facts_say(
    store: Store, seed: int, skipped: float, cut: float
) -> None:
    facts = a_shift(Random(seed))
    facts = facts[: int(len(facts) * cut)]
    account_id, mine = store.kept(facts)
    ledger = Ledger()
    for fact in mine:
        ledger.write(fact)
    now = facts[-1].at + 500
    since = NOW + int((now - NOW) * skipped)
    found = store.query(lambda sql: queues.metrics(sql, account_id, THRESHOLDS, since, now))
    for queue_id, threshold in THRESHOLDS.items():
        assert found[queue_id] == ledger.figures(queue_id, threshold, since, now)
        of = found[queue_id]
        ends = ("answered", "abandoned", "routed", "callback", "waiting")
        assert of["offered"] == sum(of[end] for end in ends)


# Agents


@dataclass
class Diary:
    """What an agent did at each moment at which something happened."""

    marks: list[tuple[int, Bucket | None, bool]] = field(default_factory=list)
    """Since when, in which bucket, and whether he was logged in."""
    offers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Lease → when it began, and how it ended."""

    def figures(self, since: int, now: int) -> dict[str, Any]:
        status = dict.fromkeys(Bucket, 0)
        logged_in = 0
        ends = [at for at, _, _ in self.marks[1:]] + [now]
        for (begun, shown, is_logged_in), ended in zip(self.marks, ends, strict=True):
            spent = max(0, min(ended, now) - max(begun, since))
            if shown is not None and shown is not Bucket.OFFLINE:
                status[shown] += spent
            logged_in += spent if is_logged_in else 0
        status[Bucket.OFFLINE] = now - since - sum(status.values())
        handle = status[Bucket.INCALL] + status[Bucket.WRAPUP]
        mine = [end for begun, end in self.offers.values() if since <= begun <= now]
        return {
            "statusMs": {shown.value: ms for shown, ms in status.items()},
            "loggedInMs": logged_in,
            "handleMs": handle,
            "occupancyPct": _percent(handle, handle + status[Bucket.READY]),
            "utilizationPct": _percent(handle, logged_in),
            "offered": len(mine),
            "answered": mine.count("confirmed"),
            "missed": sum(end in MISSES for end in mine),
        }


def _diaries(facts: Sequence[Fact]) -> dict[str, Diary]:
    state, found = Presence(), dict[str, Diary]()
    for fact in facts:
        presence.evolve(state, fact)  # type: ignore[arg-type]
        if isinstance(fact, AgentFact):
            found.setdefault(fact.agent_id, Diary())
        _take_down_offer(found, fact)
        for agent_id, diary in found.items():
            agent = floors.agent_of(state.floor, agent_id)
            reachable = floors.is_reachable(state.floor, agent_id)
            shown = bucket(agent.status, agent.state, reachable, bool(agent.external))
            diary.marks.append((fact.at, shown, agent.status is not Status.OFFLINE))
    return found


def _take_down_offer(diaries: dict[str, Diary], fact: Fact) -> None:
    match fact:
        case AgentReserved():
            diaries[fact.agent_id].offers[fact.lease_id] = (fact.at, "")
        case LeaseConfirmed() | LeaseReleased():
            offers = diaries[fact.agent_id].offers
            end = fact.reason.value if isinstance(fact, LeaseReleased) else "confirmed"
            offers[fact.lease_id] = (offers[fact.lease_id][0], end)


@_shared
@given(seed=st.integers(0, 10**6), skipped=st.floats(0, 0.9), cut=st.floats(0.2, 1))
def test_agents_in_figures_are_what_the_facts_say(
    store: Store, seed: int, skipped: float, cut: float
) -> None:
    facts = a_shift(Random(seed))
    facts = facts[: int(len(facts) * cut)]
    account_id, mine = store.kept(facts)
    now = facts[-1].at + 500
    since = NOW + int((now - NOW) * skipped)
    found = store.query(lambda sql: agents.kpis(sql, account_id, since, now))
    for agent_id, diary in _diaries(mine).items():
        assert found.get(agent_id, agents.no_kpis(since, now)) == diary.figures(since, now)


def test_an_external_call_of_who_is_not_logged_in_is_no_work(store: Store) -> None:
    center = Center()
    alice = center.agent("alice")
    center.begin_call("c1", alice)
    center.wait(30)
    center.log_in(alice)
    center.wait(10)
    center.end("c1")
    account_id, _ = store.kept(center.facts)
    found = store.query(lambda sql: agents.kpis(sql, account_id, NOW, center.now))[alice]
    assert found["statusMs"]["extcall"] == 40_000
    assert found["loggedInMs"] == 10_000
