"""Webhooks while what they depend on dies: nothing is lost, no id and no byte changes, each call
keeps its order."""

import random
import time
from itertools import groupby

from tests.processes.test_death import _kill, assert_nothing_lost, prepared
from tests.support.sink import Received, Sink, sink
from tests.support.system import System, eventually

VICTIMS = ("sender", "relay", "nats", "postgres", "sender", "projector")
EVENTS = ["call.started", "call.answered", "call.ended"]


def test_kill_9_of_all_that_delivers_loses_nothing_and_changes_nothing(own_system: System) -> None:
    chance = random.Random(1)

    def unreliable(one: Received) -> tuple[int, dict[str, str]]:
        return (503 if chance.random() < 0.1 else 200), {}

    with sink() as endpoint:
        endpoint.answer = unreliable
        document, load = prepared(own_system, endpoint)
        with load.running():
            for victim in VICTIMS:
                before = len(endpoint.received)
                eventually(lambda n=before: len(endpoint.received) > n + 30, 30)  # type: ignore[misc]
                _kill(own_system, victim)
                time.sleep(1.0)
        own_system.wait_ready()
        endpoint.answer = lambda _: (200, {})
        assert len(load.finished) > 50, "there was hardly any load"
        assert_nothing_lost(own_system, document, load.finished, endpoint, patience=60)
        eventually(lambda: _all_arrived(endpoint, load.finished), 60, every=0.5)
    _assert_unchanged(endpoint)
    for call_id in load.finished:
        _assert_in_order(endpoint.of(call_id))


def _all_arrived(endpoint: Sink, calls: list[str]) -> bool:
    arrived: dict[str, set[str]] = {}
    for one in list(endpoint.received):
        arrived.setdefault(one.call_id, set()).add(one.event)
    missing = [call for call in calls if arrived.get(call, set()) < set(EVENTS)]
    assert not missing, f"{len(missing)} of {len(calls)} lack an event: {missing[:3]}"
    return True


def _assert_unchanged(endpoint: Sink) -> None:
    """One id per event, one body per id."""
    ids: dict[tuple[str, str], set[str]] = {}
    bodies: dict[str, set[bytes]] = {}
    for one in endpoint.received:
        ids.setdefault((one.call_id, one.event), set()).add(one.id)
        bodies.setdefault(one.id, set()).add(one.body)
    assert all(len(same) == 1 for same in ids.values()), "an id changed"
    assert all(len(same) == 1 for same in bodies.values()), "a body changed"


def _assert_in_order(received: list[Received]) -> None:
    """Whatever is new comes in order; what came before may come once more after a crash."""
    first_seen = list(dict.fromkeys(one.event for one in received))
    assert first_seen == EVENTS, [event for event, _ in groupby(one.event for one in received)]
    assert {one.event: one.json["sequence"] for one in received} == {
        event: number for number, event in enumerate(EVENTS, start=1)
    }
