"""Webhooks: signed both ways, ordered per call, retried; nobody waits for the dead (spec 07)."""

import hashlib
import hmac
import time
from itertools import groupby
from typing import Any

from standardwebhooks import Webhook

from commands.resources import CreateRow
from deploy.cli.session import Session
from gateways.ids import new_id
from gateways.webhooks.endpoint import CONCURRENCY
from tests.support.sink import Received, Sink, sink
from tests.support.system import System, acme, eventually
from tests.v1.test_rows import Api
from tests.webhooks.hooks import OF_A_CALL, finished_call, subscribed


def test_a_call_is_announced_when_it_starts_and_when_it_ends(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system, endpoint.url())
    call_id = finished_call(system, document)
    got = eventually(lambda: got if len(got := endpoint.of(call_id)) == 3 else None)
    assert [one.event for one in got] == OF_A_CALL
    assert [one.json["sequence"] for one in got] == [1, 2, 3]
    started, answered, ended = got
    assert answered.json["data"].keys() == {"callId", "ts"}
    assert started.json["account_id"] == document["account"]["id"]
    assert started.json["data"] == {
        "callId": call_id,
        "from": "14155551234",
        "to": document["numbers"][0]["e164"],
        "src_ip": "198.51.100.7",
        "direction": "inbound",
        "ts": started.json["data"]["ts"],
    }
    data = ended.json["data"]
    assert data.keys() == {
        *("callId", "direction", "answered", "billsec", "duration_sec", "hangup_cause"),
        *("disposition", "queue_id", "agent_id", "ts"),
    }
    assert (data["answered"], data["disposition"]) == (1, "answered")
    assert ended.json["id"] == ended.id


def test_an_independent_verifier_accepts_both_signatures(system: System, endpoint: Sink) -> None:
    document = subscribed(system, endpoint.url())
    (secret,) = document["secrets"]
    call_id = finished_call(system, document)
    for one in eventually(lambda: got if len(got := endpoint.of(call_id)) == 3 else None):
        assert Webhook(secret).verify(one.body, one.headers) == one.json
        digest = hmac.new(secret.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers["x-sipio-signature"] == f"sha256={digest}"
        assert one.headers["x-sipio-event"] == one.event
        assert one.headers["content-type"] == "application/json"


def test_only_what_was_subscribed_to_is_sent(system: System, endpoint: Sink) -> None:
    document = subscribed(system, endpoint.url(), events=("call.ended",))
    call_ids = [finished_call(system, document) for _ in range(3)]
    eventually(lambda: all(endpoint.of(call_id) for call_id in call_ids))
    assert {one.event for one in endpoint.received} == {"call.ended"}


def test_a_failed_delivery_is_retried_under_the_same_id_and_the_call_waits_for_it(
    system: System, endpoint: Sink
) -> None:
    def thrice_busy(one: Received) -> tuple[int, dict[str, str]]:
        tries = [other for other in endpoint.of(one.call_id) if other.id == one.id]
        return (503 if one.event == "call.started" and len(tries) <= 3 else 200), {}

    endpoint.answer = thrice_busy
    document = subscribed(system, endpoint.url())
    call_id = finished_call(system, document)
    got = eventually(lambda: g if len(g := endpoint.of(call_id)) == 6 else None, 20)
    assert [one.event for one in got] == ["call.started"] * 4 + OF_A_CALL[1:]
    assert len({one.id for one in got[:4]}) == 1
    assert len({one.body for one in got[:4]}) == 1
    assert got[4].id != got[0].id


def test_retry_after_is_honoured(system: System, endpoint: Sink) -> None:
    def once_busy(one: Received) -> tuple[int, dict[str, str]]:
        return (429, {"Retry-After": "2"}) if len(endpoint.received) == 1 else (200, {})

    endpoint.answer = once_busy
    finished_call(system, subscribed(system, endpoint.url(), events=("call.ended",)))
    first, second = eventually(lambda: e if len(e := endpoint.received) == 2 else None, 10)
    assert second.at - first.at >= 1.9


def test_a_redirect_is_not_followed(system: System, endpoint: Sink) -> None:
    with sink() as elsewhere:
        location = elsewhere.url()

        def moved(one: Received) -> tuple[int, dict[str, str]]:
            return (302, {"Location": location}) if len(endpoint.received) == 1 else (200, {})

        endpoint.answer = moved
        finished_call(system, subscribed(system, endpoint.url(), events=("call.ended",)))
        eventually(lambda: len(endpoint.received) == 2)
        assert elsewhere.received == []


def test_a_dead_and_a_slow_endpoint_delay_no_other(system: System, endpoint: Sink) -> None:
    with sink() as slow:

        def never(one: Received) -> tuple[int, dict[str, str]]:
            time.sleep(3)
            return 200, {}

        slow.answer = never
        dead = "http://127.0.0.1:9/"
        document = subscribed(system, dead, slow.url(), endpoint.url())
        began = time.monotonic()
        call_ids = [finished_call(system, document) for _ in range(30)]
        eventually(lambda: all(len(endpoint.of(call_id)) == 3 for call_id in call_ids), 5)
        assert time.monotonic() - began < 5
        assert len(slow.received) <= CONCURRENCY < len(call_ids), (
            "more requests at a time than an endpoint may get"
        )


def test_every_call_keeps_its_order_however_the_endpoint_answers(
    system: System, endpoint: Sink
) -> None:
    def unreliable(one: Received) -> tuple[int, dict[str, str]]:
        tries = [other for other in list(endpoint.received) if other.id == one.id]
        return (500 if hash((one.id, len(tries))) % 3 == 0 else 200), {}

    endpoint.answer = unreliable
    document = subscribed(system, endpoint.url())
    call_ids = [finished_call(system, document) for _ in range(20)]
    eventually(lambda: all("call.ended" in _events(endpoint, id) for id in call_ids), 30)
    for call_id in call_ids:
        events = _events(endpoint, call_id)
        assert [event for event, _ in groupby(events)] == OF_A_CALL


def _events(endpoint: Sink, call_id: str) -> list[str]:
    return [one.event for one in endpoint.of(call_id)]


def test_a_paused_subscription_keeps_its_queue(system: System, endpoint: Sink) -> None:
    document = subscribed(system, endpoint.url())
    api = Api(system, document["account"]["id"])
    (hook,) = api.get("/v1/webhooks").json()["rows"]
    api.patch(f"/v1/webhooks/{hook['id']}", {"status": "paused"})
    time.sleep(1.2)  # the sender looks every second
    call_id = finished_call(system, document)
    time.sleep(0.5)
    assert endpoint.of(call_id) == []
    api.patch(f"/v1/webhooks/{hook['id']}", {"status": "active"})
    eventually(lambda: len(endpoint.of(call_id)) == 3)


def test_an_endpoint_that_was_paused_for_a_day_gets_everything_once_it_is_enabled(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system, endpoint.url())
    api = Api(system, document["account"]["id"])
    (hook,) = api.get("/v1/webhooks").json()["rows"]
    endpoint.answer = lambda _: (503, {})
    calls = [finished_call(system, document)]
    eventually(lambda: endpoint.of(calls[0]))
    api.patch(f"/v1/webhooks/{hook['id']}", {"status": "paused"})
    time.sleep(1.2)  # the sender looks every second
    calls += [finished_call(system, document) for _ in range(3)]
    eventually(lambda: _owed(system, hook["id"]) == 12)
    _let_a_day_pass(system, hook["id"])
    endpoint.received.clear()
    endpoint.answer = lambda _: (200, {})
    api.patch(f"/v1/webhooks/{hook['id']}", {"status": "active"})
    eventually(lambda: len(endpoint.received) == 12)
    time.sleep(0.5)
    for call_id in calls:
        assert _events(endpoint, call_id) == OF_A_CALL


def _owed(system: System, webhook_id: str) -> int:
    with system.database() as connection:
        row = connection.execute(
            "SELECT count(*) AS owed FROM views.outbox WHERE webhook_id = %s", (webhook_id,)
        ).fetchone()
    assert row is not None
    return int(row["owed"])


def _let_a_day_pass(system: System, webhook_id: str) -> None:
    """What is owed was owed a day earlier."""
    day = 86_400_000
    with system.database() as connection:
        connection.execute(
            "UPDATE views.outbox SET at = at - %s WHERE webhook_id = %s", (day, webhook_id)
        )
        connection.execute(
            "UPDATE delivery.ledger SET at = at - %s, next_at = next_at - %s WHERE webhook_id = %s",
            (day, day, webhook_id),
        )


def test_a_test_event_goes_to_the_subscription_that_was_asked_for(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system, endpoint.url("/a"), endpoint.url("/b"), events=("call.ended",))
    api = Api(system, document["account"]["id"])
    hooks = {row["url"]: row["id"] for row in api.get("/v1/webhooks").json()["rows"]}
    asked = api.post("/v1/webhooks/test", {"id": hooks[endpoint.url("/b")]})
    assert asked.status_code == 202
    (one,) = eventually(lambda: list(endpoint.received))
    assert (one.path, one.event) == ("/b", "test")
    assert api.post("/v1/webhooks/test", {"id": "wh_nobody"}).status_code == 404


def test_what_became_of_each_delivery_is_listed(system: System, endpoint: Sink) -> None:
    document = subscribed(system, endpoint.url(), "http://127.0.0.1:9/")
    api = Api(system, document["account"]["id"])
    hooks = {row["url"]: row["id"] for row in api.get("/v1/webhooks").json()["rows"]}
    call_id = finished_call(system, document)

    def deliveries(url: str) -> Any:
        """Once both are owed and the first was tried."""
        found = api.get(f"/v1/webhooks/{hooks[url]}/deliveries").json()["rows"]
        return found if len(found) == 3 and found[2]["attempts"] else []

    def all_delivered() -> Any:
        found = deliveries(endpoint.url())
        return found if {row["state"] for row in found} == {"delivered"} else None

    good = eventually(all_delivered)
    assert [(row["event"], row["call_id"]) for row in good] == [
        ("call.ended", call_id),
        ("call.answered", call_id),
        ("call.started", call_id),
    ]
    assert [row["id"] for row in good] == [one.id for one in reversed(endpoint.of(call_id))]
    ended, _, started = eventually(lambda: deliveries("http://127.0.0.1:9/"))
    assert (started["state"], ended["state"]) == ("retrying", "pending")
    assert "ClientConnector" in started["last_error"]
    assert started["next_at"] > started["at"]


def test_a_private_address_is_not_gone_to(system: System) -> None:
    """https to a private network passes the form; the sender refuses to connect."""
    document = subscribed(system, "https://10.255.255.1/hook")
    api = Api(system, document["account"]["id"])
    (hook,) = api.get("/v1/webhooks").json()["rows"]
    finished_call(system, document)

    def first_error() -> Any:
        rows = api.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["rows"]
        return rows[-1]["last_error"] if rows else None

    assert "not a public address" in eventually(first_error)


def test_a_secret_that_cannot_sign_holds_up_no_delivery_for_ever(system: System) -> None:
    """Such a secret is refused at the door; one that is stored all the same fails visibly."""
    document = acme()
    system.apply(document)
    account_id = document["account"]["id"]
    id = new_id("wh")

    async def work(session: Session) -> None:
        ref = session.vault.put(account_id, b"whsec_!!")
        members = {"url": "http://127.0.0.1:9/", "secret_ref": ref}
        wish = CreateRow(account_id=account_id, kind="webhook", id=id, by="test", members=members)
        await session.commander.ask(wish)

    system.with_session(work)
    finished_call(system, document)
    api = Api(system, account_id)

    def retried() -> Any:
        rows = api.get(f"/v1/webhooks/{id}/deliveries").json()["rows"]
        return rows and rows[-1]["state"] == "retrying" and rows[-1]["attempts"] > 1

    assert eventually(retried)
