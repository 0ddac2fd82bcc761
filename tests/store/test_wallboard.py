"""A wallboard that has followed the facts shows what one shows that is loaded now, and what /v1
says."""

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from commands.partitions import PARTITIONS
from commands.store import Append
from events.acd import AcdFact
from events.base import AccountId, CallId, Fact
from events.presence import PresenceFact
from events.resources import Changed, Created, Deleted
from gateways.store import boards
from gateways.store.connections import Connections
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import Projector
from projections import agents, queues
from projections.wallboard.board import Board
from tests.domain.center import WholeCenter, a_shift
from tests.support.facts import numbered
from tests.support.given import ACCOUNT, NOW, property_of

EPOCHS = dict.fromkeys(range(PARTITIONS), 1)
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
        self.pool = Connections(url, 2)
        self.projector = Projector(url)
        self.numbers = count(1)
        self.versions: dict[str, int] = {}

    def append(self, facts: Sequence[Fact]) -> int:
        """Returns the position of the last fact."""
        if not facts:
            return self.store.last_position()
        return self.store.append(Append(numbered(*facts, versions=self.versions), (), EPOCHS))

    def load(self, account_id: AccountId, since: int) -> Board:
        return boards.load(self.pool, account_id, lambda _: since)

    def query(self, ask: Any) -> Any:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return ask(connection.cursor())

    def close(self) -> None:
        self.pool.close()
        self.projector.close()
        self.store.close()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    made = Store(database_url)
    yield made
    made.close()


def of_its_own(facts: Sequence[Fact], number: int) -> list[Fact]:
    """The facts of a center as those of an account of its own."""
    mine = (Created, Changed, Deleted, AcdFact, PresenceFact)
    return [_renamed(fact, number) for fact in facts if isinstance(fact, mine)]


def _renamed(fact: Fact, number: int) -> Fact:
    update: dict[str, Any] = {"account_id": AccountId(f"acc_{number}")}
    if getattr(fact, "id", None) == ACCOUNT:
        update["id"] = f"acc_{number}"
    if call_id := getattr(fact, "call_id", None):
        update["call_id"] = f"{call_id}-{number}"
    return fact.model_copy(update=update)


@_shared
@given(
    seed=st.integers(0, 10**6),
    skipped=st.sampled_from([0, 0, 30, 100]),
    projected=st.floats(0, 1),
    loaded=st.floats(0, 1),
    step=st.integers(1, 12),
)
def test_who_follows_the_facts_sees_what_is(
    store: Store, seed: int, skipped: int, projected: float, loaded: float, step: int
) -> None:
    number = next(store.numbers)
    account_id = AccountId(f"acc_{number}")
    facts = of_its_own(a_shift(Random(seed), prefix=f"{number}-", kind=WholeCenter), number)
    since, now = NOW + skipped * 1000, facts[-1].at + 500
    first, second = sorted((int(len(facts) * projected), int(len(facts) * loaded)))
    store.append(facts[:first])
    store.projector.catch_up()
    store.append(facts[first:second])
    board = store.load(account_id, since)
    screen = board.values(now)
    board.take_changes(now)
    for begin in range(second, len(facts), step):
        part = facts[begin : begin + step]
        position = store.append(part)
        for place, fact in enumerate(part, position - len(part) + 1):
            board.fold(place, fact)
        for key, value in board.take_changes(now).items():
            screen[key] = value  # type: ignore[assignment]
            if value is None:
                del screen[key]
    screen["gauges"] = board.gauges(now)
    store.projector.catch_up()
    fresh = store.load(account_id, since)
    assert screen == fresh.values(now)
    assert board.kpis(now) == fresh.kpis(now)
    _compare_with_the_tables(store, account_id, fresh.kpis(now), since, now)


def _compare_with_the_tables(
    store: Store, account_id: AccountId, kpis: dict[str, Any], since: int, now: int
) -> None:
    thresholds = dict.fromkeys(kpis["queues"], 20)
    found = store.query(lambda sql: queues.metrics(sql, account_id, thresholds, since, now))
    for queue_id, figures in kpis["queues"].items():
        del figures["ewtSec"]
        assert figures == found[queue_id]
    of_agents = store.query(lambda sql: agents.kpis(sql, account_id, since, now))
    for agent_id, figures in kpis["agents"].items():
        assert figures == of_agents.get(agent_id, agents.no_kpis(since, now))


def test_what_figures_are_counted_by_makes_a_board_outdated(store: Store) -> None:
    center = WholeCenter()
    center.queue("q_1")
    known = len(center.facts)
    center.rows.change("queue", "q_1", sl_threshold_sec=5)
    facts = of_its_own(center.facts, 1)
    store.append(facts[:known])
    board = store.load(AccountId("acc_1"), NOW)
    assert not board.is_outdated
    board.fold(board.position + 1, facts[known])
    assert board.is_outdated


def test_the_gauges_weigh_as_the_specification_says(store: Store) -> None:
    center = WholeCenter()
    for queue_id, wait in (("q_1", 1), ("q_1", 1), ("q_2", 30)):
        if queue_id not in center.rows.rows.directory.rows:
            center.queue(queue_id, wrap_up_sec=0)
            center.ready(f"of_{queue_id}", queue_id)
        agent = f"us_of_{queue_id}"
        center.pause(agent)
        call_id = f"call-{len(center.facts)}"
        center.call(call_id, queue_id)
        center.wait(wait)
        center.make_available(agent, queue_id)
        center.answer(agent)
        center.wait(wait * 10)
        center.end(call_id)
    center.pause("us_of_q_2")
    center.call("gone", "q_2")
    center.wait(1)
    center.end("gone")
    store.append(of_its_own(center.facts, 1))
    found = store.load(AccountId("acc_1"), NOW).gauges(center.now)
    assert (found["offered"], found["answered"], found["abandoned"]) == (4, 3, 1)
    assert found["serviceLevelPct"] == 50
    assert found["abandonRatePct"] == 25
    assert found["asaMs"] == (1_000 + 1_000 + 30_000 + 1) // 3
    assert found["ahtMs"] == (10_000 + 10_000 + 300_000 + 1) // 3
    assert found["agents"]["ready"] == 1
    assert found["agents"]["paused"] == 1


def test_an_account_that_does_not_exist_has_nothing_on_its_board(store: Store) -> None:
    board = store.load(AccountId("acc_9"), NOW)
    assert not board.exists
    assert set(board.values(NOW)) == {"gauges"}


def test_who_is_called_back_waits_on_the_board_too(store: Store) -> None:
    center = WholeCenter()
    center.queue("q_1")
    center.ready("alice", "q_1")
    center.pause("us_alice")
    center.call("c1")
    center.call_back("c1")
    store.append(of_its_own(center.facts, 1))
    board = store.load(AccountId("acc_1"), NOW)
    (caller,) = [v for k, v in board.values(center.now).items() if k.startswith("caller:")]
    assert caller["isCallback"] is True
    found = board.why_not(CallId(caller["callId"]))
    assert found is not None
    assert [(one["agentId"], one["reason"]) for one in found["agents"]] == [
        ("us_alice", "on_break")
    ]
