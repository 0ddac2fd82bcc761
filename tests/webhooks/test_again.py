"""What was delivered, or not, or before anybody listened, can be delivered (again) (spec 07)."""

import time
from typing import Any

import pytest

from tests.support.sink import Received, Sink
from tests.support.system import System, eventually, new_call_id
from tests.v1.test_rows import Api, pointers
from tests.webhooks.hooks import (
    OF_A_CALL,
    Hook,
    all_of,
    days_pass,
    finished_call,
    restart_sender,
    subscribed,
)


def now() -> int:
    return int(time.time() * 1000)


def test_every_attempt_is_in_the_log(system: System, endpoint: Sink) -> None:
    def late(one: Received) -> tuple[int, dict[str, str]]:
        return (500 if len(endpoint.received) < 3 else 200), {}

    endpoint.answer, endpoint.says = late, b"<b>\xff\0 no</b>" + b"x" * 5_000
    document = subscribed(system, endpoint.url(), events=("call.ended",))
    hook = Hook(system, document)
    finished_call(system, document)
    (row,) = eventually(lambda: hook.deliveries(state="delivered"))
    attempts = hook.attempts(row["id"])
    assert [one["status"] for one in attempts] == [200, 500, 500]
    assert [one["error"] for one in attempts] == [None, "HTTP 500", "HTTP 500"]
    assert row["attempts"] == 3
    assert all(one["duration_ms"] >= 0 for one in attempts)
    assert attempts[0]["at"] > attempts[1]["at"] > attempts[2]["at"]
    excerpt = attempts[0]["excerpt"]
    assert excerpt.startswith("<b>")
    assert len(excerpt) == 500
    assert "\0" not in excerpt
    assert hook.api.get(f"{hook.path}/deliveries/{row['id']}").json() == row


def test_one_delivery_is_made_again_under_its_own_id_and_with_the_same_bytes(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system, endpoint.url())
    hook = Hook(system, document)
    call_id = finished_call(system, document)
    all_of(endpoint, call_id)
    answered = eventually(lambda: hook.deliveries(event="call.answered", state="delivered"))[0]
    assert hook.asks(f"deliveries/{answered['id']}/retry", {})["deliveries"] == 1
    *_, again = all_of(endpoint, call_id, 4)
    before = endpoint.of(call_id)[1]
    assert (again.id, again.body) == (before.id, before.body)
    eventually(lambda: len(hook.attempts(answered["id"])) == 2)
    row = eventually(lambda: hook.deliveries(event="call.answered", state="delivered"))[0]
    assert row["attempts"] == 2


def test_a_delivery_that_waits_for_its_next_try_is_made_at_once(
    own_system: System, endpoint: Sink
) -> None:
    endpoint.answer = lambda _: (503, {"Retry-After": "600"})
    document = subscribed(own_system, endpoint.url(), events=("call.ended",))
    hook = Hook(own_system, document)
    finished_call(own_system, document)
    (row,) = eventually(lambda: hook.deliveries(state="retrying"))
    endpoint.answer = lambda _: (200, {})
    hook.asks(f"deliveries/{row['id']}/retry", {})
    eventually(lambda: hook.deliveries(state="delivered"))
    restart_sender(own_system)
    time.sleep(1.5)
    assert len(endpoint.received) == 2


def test_all_that_are_dead_are_made_again_with_one_request(
    own_system: System, endpoint: Sink
) -> None:
    endpoint.answer = lambda _: (500, {})
    document = subscribed(own_system, endpoint.url(), events=("call.ended",))
    hook = Hook(own_system, document)
    calls = [finished_call(own_system, document) for _ in range(3)]
    eventually(lambda: all(endpoint.of(call_id) for call_id in calls))
    days_pass(own_system, hook.id, 3.1)
    restart_sender(own_system)
    eventually(lambda: len(hook.deliveries(state="dead")) == 3)
    endpoint.answer = lambda _: (200, {})
    early = hook.asks("retry", {"until": now() - 4 * 86_400_000})
    assert early["deliveries"] == 0
    assert hook.asks("retry", {})["deliveries"] == 3
    eventually(lambda: len(hook.deliveries(state="delivered")) == 3)
    assert hook.deliveries(state="dead") == []
    assert hook.asks("retry", {})["deliveries"] == 0, "there is none"


def test_a_replay_sends_the_same_ids_and_bytes_in_order(system: System, endpoint: Sink) -> None:
    since = now()
    document = subscribed(system, endpoint.url())
    hook = Hook(system, document)
    calls = [finished_call(system, document) for _ in range(3)]
    first = {call_id: list(all_of(endpoint, call_id)) for call_id in calls}
    eventually(lambda: len(hook.deliveries(state="delivered")) == 9)
    hook.asks("replay", {"since": since, "events": ["call.started", "call.ended"]})
    for call_id in calls:
        *_, started, ended = all_of(endpoint, call_id, 5)
        assert [(o.id, o.body) for o in (started, ended)] == [
            (o.id, o.body) for o in (first[call_id][0], first[call_id][2])
        ]
    (replay,) = hook.api.get(f"{hook.path}/replays").json()["rows"]
    assert (replay["state"], replay["deliveries"]) == ("done", 6)


def test_who_listens_only_now_can_have_what_was_before(system: System, endpoint: Sink) -> None:
    since = now()
    document = subscribed(system)
    calls = [finished_call(system, document) for _ in range(3)]
    until = now()
    api = Api(system, document["account"]["id"])
    assert api.post("/v1/webhooks", {"url": endpoint.url()}).status_code == 201
    hook = Hook(system, document)
    later = finished_call(system, document)
    hook.asks("replay", {"since": since, "until": until})
    for call_id in (*calls, later):
        got = all_of(endpoint, call_id)
        assert [one.event for one in got] == OF_A_CALL
        assert [one.json["sequence"] for one in got] == [1, 2, 3]
    time.sleep(1.5)
    assert len(endpoint.of(later)) == 3, "it is after the range"
    rows = eventually(lambda: r if len(r := hook.deliveries(state="delivered")) == 12 else None)
    assert len({row["id"] for row in rows}) == 12
    hook.asks("replay", {"since": since, "until": until})
    ids = {one.id for call_id in calls for one in all_of(endpoint, call_id, 6)}
    assert len(ids) == 9, "a second replay has other ids"


def test_a_replay_that_begins_within_a_call_numbers_its_events_as_they_were(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system)
    call_id = new_call_id()
    system.route(call_id, document["numbers"][0]["e164"])
    time.sleep(0.01)
    since = now()
    time.sleep(0.01)
    system.report(call_id, "answered")
    system.report(call_id, "end")
    api = Api(system, document["account"]["id"])
    assert api.post("/v1/webhooks", {"url": endpoint.url()}).status_code == 201
    Hook(system, document).asks("replay", {"since": since})
    got = all_of(endpoint, call_id, 2)
    numbers = [(one.event, one.json["sequence"]) for one in got]
    assert numbers == [("call.answered", 2), ("call.ended", 3)]


def test_a_replay_of_a_paused_webhook_waits_and_one_of_a_disabled_one_is_refused(
    system: System, endpoint: Sink
) -> None:
    since = now()
    document = subscribed(system, endpoint.url())
    hook = Hook(system, document)
    call_id = finished_call(system, document)
    all_of(endpoint, call_id)
    eventually(lambda: len(hook.deliveries(state="delivered")) == 3)
    hook.becomes("paused")
    time.sleep(1.2)
    hook.asks("replay", {"since": since})
    time.sleep(2.2)
    assert len(endpoint.of(call_id)) == 3
    hook.becomes("active")
    got = all_of(endpoint, call_id, 6)
    assert [one.event for one in got] == OF_A_CALL * 2
    hook.becomes("disabled")
    refused = hook.api.post(f"{hook.path}/replay", {"since": since})
    assert refused.status_code == 409


def test_a_dead_letter_of_a_replay_is_listed_and_made_again(system: System, endpoint: Sink) -> None:
    since = now()
    document = subscribed(system)
    call_id = finished_call(system, document)
    api = Api(system, document["account"]["id"])
    api.post("/v1/webhooks", {"url": endpoint.url(), "events": ["call.ended"]})
    hook = Hook(system, document)
    endpoint.answer = lambda _: (410, {})
    hook.asks("replay", {"since": since, "until": now()})
    (dead,) = eventually(lambda: hook.deliveries(state="dead"))
    eventually(lambda: hook.row["status"] == "disabled")
    endpoint.answer = lambda _: (200, {})
    hook.becomes("active")
    hook.asks(f"deliveries/{dead['id']}/retry", {})
    first, second = all_of(endpoint, call_id, 2)
    assert (first.id, first.body) == (second.id, second.body)


@pytest.mark.parametrize(
    ("path", "body", "faults"),
    [
        ("replay", {}, ["/since"]),
        ("replay", {"since": "yesterday"}, ["/since"]),
        ("replay", {"since": -1}, ["/since"]),
        ("replay", {"since": 10**30}, ["/since"]),
        ("replay", {"since": 2, "until": 1}, ["/since"]),
        ("replay", {"since": 1, "events": []}, ["/events"]),
        ("replay", {"since": 1, "events": ["call.lost"]}, ["/events/0"]),
        ("replay", {"since": 1, "events": ["call.ended", "call.started"]}, ["/events/1"]),
        ("replay", {"since": 1, "colour": "red"}, ["/colour"]),
        ("retry", {"state": "pending"}, ["/state"]),
        ("retry", {"since": 2, "until": 1}, ["/since"]),
    ],
)
def test_bad_wishes_are_refused_by_name(
    system: System, path: str, body: Any, faults: list[str]
) -> None:
    document = subscribed(system, "https://hooks.example/", events=("call.ended",))
    hook = Hook(system, document)
    assert pointers(hook.api.post(f"{hook.path}/{path}", body)) == faults


def test_nothing_is_found_of_a_foreign_webhook_or_a_foreign_delivery(
    system: System, endpoint: Sink
) -> None:
    document, other = subscribed(system, endpoint.url()), subscribed(system, endpoint.url())
    hook, theirs = Hook(system, document), Hook(system, other)
    finished_call(system, other)
    (*_, row) = eventually(lambda: theirs.deliveries())
    for path in ("", "/attempts"):
        answer = hook.api.get(f"{theirs.path}/deliveries/{row['id']}{path}")
        assert answer.status_code == 404
        answer = hook.api.get(f"{hook.path}/deliveries/{row['id']}{path}")
        assert answer.status_code == 404
    for path, body in (("replay", {"since": 1}), ("retry", {}), ("rotate-secret", {})):
        assert hook.api.post(f"{theirs.path}/{path}", body).status_code == 404
    assert hook.api.post(f"{theirs.path}/deliveries/{row['id']}/retry", {}).status_code == 404
    assert hook.api.get(f"{theirs.path}/replays").status_code == 404
    assert pointers(hook.api.get(f"{hook.path}/deliveries", state="lost")) == ["/state"]


def test_a_list_of_deliveries_is_paged_without_repeating_or_skipping(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system, endpoint.url())
    hook = Hook(system, document)
    for _ in range(4):
        finished_call(system, document)
    eventually(lambda: len(hook.deliveries(state="delivered")) == 12)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = hook.api.get(f"{hook.path}/deliveries", limit=5, **cursor).json()
        seen += [row["id"] for row in page["rows"]]
        if not page.get("next_cursor"):
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 12
