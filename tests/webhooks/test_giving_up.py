"""An endpoint that is gone or fails for days is given up, visibly; nothing that it was owed is
lost."""

import time
from typing import Any

from tests.support.sink import Sink
from tests.support.system import System, eventually
from tests.webhooks.hooks import (
    OF_A_CALL,
    Hook,
    all_of,
    days_pass,
    finished_call,
    restart_sender,
    subscribed,
)


def test_410_disables_the_subscription_at_once_and_its_queue_is_kept(
    system: System, endpoint: Sink
) -> None:
    endpoint.answer = lambda _: (410, {})
    document = subscribed(system, endpoint.url())
    hook = Hook(system, document)
    call_id = finished_call(system, document)
    eventually(lambda: hook.row["status"] == "disabled")
    assert hook.row["disabled_reason"] == "the endpoint answered 410 Gone"
    (dead,) = hook.deliveries(state="dead")
    assert (dead["event"], dead["last_status"]) == ("call.started", 410)
    assert len(endpoint.received) == 1
    with system.database() as connection:
        facts = connection.execute(
            "SELECT topic FROM events.stored_events WHERE originator_id = %s",
            (f"webhook-{hook.id}",),
        ).fetchall()
    assert [fact["topic"] for fact in facts] == ["webhooks.disabled.v1"]
    endpoint.answer = lambda _: (200, {})
    hook.becomes("active")
    assert hook.row["disabled_reason"] is None
    all_of(endpoint, call_id, 3)
    assert [one.event for one in endpoint.of(call_id)] == OF_A_CALL


def test_five_days_of_failures_disable_the_subscription(own_system: System, endpoint: Sink) -> None:
    endpoint.answer = lambda _: (500, {})
    document = subscribed(own_system, endpoint.url())
    hook = Hook(own_system, document)
    finished_call(own_system, document)
    eventually(lambda: len(endpoint.received) > 2)
    hook.becomes("paused")
    hook.becomes("active")
    days_pass(own_system, hook.id, 4.9)
    restart_sender(own_system)
    seen = len(endpoint.received)
    eventually(lambda: len(endpoint.received) > seen)
    assert hook.row["status"] == "active"
    eventually(lambda: _failing(own_system, hook.id) > 4.8 * 86_400)
    finished_call(own_system, document)
    days_pass(own_system, hook.id, 0.2)
    restart_sender(own_system)
    eventually(lambda: hook.row["status"] == "disabled")
    assert "HTTP 500" in hook.row["disabled_reason"]


def _failing(system: System, id: str) -> float:
    """Seconds since the first failure."""
    with system.database() as connection:
        row = connection.execute(
            "SELECT failing_since FROM delivery.paid WHERE webhook_id = %s", (id,)
        ).fetchone()
    return time.time() - row["failing_since"] / 1000 if row and row["failing_since"] else 0.0


def test_after_three_days_a_delivery_is_a_dead_letter_and_the_next_of_its_call_goes(
    own_system: System, endpoint: Sink
) -> None:
    def no_begins(one: Any) -> tuple[int, dict[str, str]]:
        return (500 if one.event == "call.started" else 200), {}

    endpoint.answer = no_begins
    document = subscribed(own_system, endpoint.url())
    hook = Hook(own_system, document)
    call_id = finished_call(own_system, document)
    eventually(lambda: endpoint.of(call_id))
    days_pass(own_system, hook.id, 3.1)
    restart_sender(own_system)
    eventually(lambda: "call.ended" in [one.event for one in endpoint.of(call_id)])
    (dead,) = eventually(lambda: hook.deliveries(state="dead"))
    assert (dead["event"], dead["last_error"]) == ("call.started", "HTTP 500")
    assert hook.row["status"] == "active"


def test_an_endpoint_that_only_fails_is_asked_now_and_then(system: System, endpoint: Sink) -> None:
    endpoint.answer = lambda _: (500, {})
    document = subscribed(system, endpoint.url(), events=("call.ended",))
    calls = [finished_call(system, document) for _ in range(40)]
    eventually(lambda: len(endpoint.received) > 10)
    time.sleep(2)
    assert len(endpoint.received) < 30, "it is asked as if it were well"
    endpoint.answer = lambda _: (200, {})
    eventually(lambda: all(endpoint.of(call_id) for call_id in calls), 20)
