"""What a queue and its agents are worth in figures (spec 05, Queue metrics)."""

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from commands.partitions import partition_of
from commands.store import Append
from events.acd import Departure
from events.base import CallId
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import Projector
from projections import agents, queues
from tests.domain.center import SECOND, Center
from tests.support.facts import numbered
from tests.support.given import ACCOUNT, NOW

EPOCHS = {partition_of(ACCOUNT): 1}


@pytest.fixture
def center() -> Center:
    made = Center()
    made.queue("q_1", wrap_up_sec=10)
    return made


@pytest.fixture
def read(center: Center, database_url: str) -> Any:
    """Stores what has happened at the center and answers a query."""

    def query(ask: Any) -> Any:
        store = PgStore(database_url, Keyring.of(b"k" * 32))
        store.claim(list(EPOCHS), "test")
        store.append(Append(numbered(*center.facts), (), EPOCHS))
        store.close()
        projector = Projector(database_url)
        projector.catch_up()
        projector.close()
        with psycopg.connect(database_url, row_factory=dict_row) as connection:
            return ask(connection.cursor())

    return query


def served(center: Center, call_id: str, wait: float, talk: float) -> None:
    """A caller who waits so long for Alice, talks so long, and her notes."""
    center.pause("us_alice")
    center.call(call_id)
    center.wait(wait)
    center.make_available("us_alice")
    center.answer("us_alice")
    center.wait(talk)
    center.end(call_id)


def test_a_queue_in_figures(center: Center, read: Any) -> None:
    center.ready("alice", "q_1")
    served(center, "quick", wait=10, talk=60)
    center.wait(10)
    served(center, "slow", wait=30, talk=120)
    center.wait(4)
    center.finish_wrap_up("us_alice")
    center.pause("us_alice")
    center.call("abandoned")
    center.call("routed")
    center.wait(5)
    center.end("abandoned")
    center.leave("routed", Departure.ROUTED)
    center.call("timeout")
    center.wait(600)
    center.call("still there")
    center.wait(20)
    found = read(lambda cursor: queues.metrics(cursor, ACCOUNT, {"q_1": 20}, NOW, center.now))
    assert found["q_1"] == {
        "offered": 6,
        "waiting": 1,
        "answered": 2,
        "abandoned": 2,
        "routed": 1,
        "callback": 0,
        "abandonRatePct": 33,
        "asaMs": 20_000,
        "slMet": 1,
        "serviceLevelPct": 17,
        "ahtMs": ((60 + 10) + (120 + 4)) * SECOND // 2,
        "longestWaitMs": 20_000,
    }


def test_a_queue_without_callers_is_nothing_but_zeros(read: Any) -> None:
    found = read(lambda cursor: queues.metrics(cursor, ACCOUNT, {"q_1": 20}, NOW, NOW))
    assert set(found["q_1"].values()) == {0}


def test_the_row_of_a_caller_tells_his_way_through_the_queue(center: Center, read: Any) -> None:
    center.ready("alice", "q_1")
    served(center, "c1", wait=3, talk=7)
    (row,) = read(lambda cursor: queues.rows_of_call(cursor, CallId("c1")))
    assert (row["disposition"], row["agent_id"]) == ("answered", "us_alice")
    assert row["connected_at"] - row["enqueued_at"] == 3_000
    assert row["ended_at"] - row["connected_at"] == row["talk_ms"] == 7_000


def test_an_agent_in_figures(center: Center, read: Any) -> None:
    alice = center.ready("alice", "q_1")
    center.wait(30)  # ready
    center.call("c1")
    center.wait(5)  # ring
    center.answer(alice)
    center.wait(20)  # in the call
    center.end("c1")
    center.wait(15)  # 10 of wrap-up, 5 ready
    center.pause(alice)
    center.wait(30)  # on break
    found = read(lambda cursor: agents.kpis(cursor, ACCOUNT, NOW, center.now))["us_alice"]
    spent = {bucket: ms // SECOND for bucket, ms in found["statusMs"].items() if ms}
    assert spent == {"ready": 35, "ring": 5, "incall": 20, "wrapup": 10, "paused": 30}
    assert found["loggedInMs"] == 100_000
    assert found["occupancyPct"] == 46, "30 of 65"
    assert found["utilizationPct"] == 30


def test_only_what_lies_within_the_time_asked_for_counts(center: Center, read: Any) -> None:
    alice = center.ready("alice", "q_1")
    center.wait(60)
    center.pause(alice)
    center.wait(60)
    center.log_out(alice)
    center.wait(60)
    asked = (NOW + 50 * SECOND, NOW + 90 * SECOND)
    found = read(lambda cursor: agents.kpis(cursor, ACCOUNT, *asked))["us_alice"]
    assert (found["statusMs"]["ready"], found["statusMs"]["paused"]) == (10_000, 30_000)
    assert found["loggedInMs"] == 40_000


def test_who_was_never_there_has_no_figures(center: Center, read: Any) -> None:
    center.agent("alice", "q_1")
    assert read(lambda cursor: agents.kpis(cursor, ACCOUNT, 0, center.now)) == {}
