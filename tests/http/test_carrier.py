"""POST /hooks/carrier: what a carrier reports, signed (spec 03)."""

import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from gateways.carriers import SIGNATURE, TIMESTAMP, WINDOW, signature_of
from gateways.ids import new_id
from tests.support.system import System, acme, new_call_id, running

SECRET = "a secret of sixteen or more"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def carried() -> Iterator[System]:
    """A system with a carrier, that trusts no address otherwise."""
    with running(carrier_hooks=f"acme={SECRET},other={SECRET[::-1]}", admin_token="open") as system:
        yield system


@pytest.fixture
def tenant(carried: System) -> dict[str, Any]:
    document = acme()
    carried.apply(document)
    return document


def report(
    system: System,
    body: Any,
    *,
    carrier: str = "acme",
    secret: str = SECRET,
    late: float = 0,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    at = str(int(time.time() - late))
    signed = {TIMESTAMP: at, SIGNATURE: signature_of(secret, at, raw)}
    return system.edge.post(
        f"/hooks/carrier/{carrier}",
        content=raw,
        headers={"content-type": "application/json", **(signed if headers is None else headers)},
    )


def an_event(kind: str, **members: Any) -> dict[str, Any]:
    return {"eventId": new_id("evt"), "event": kind, **members}


def a_number() -> str:
    return f"+1415{random.randrange(2_000_000, 9_999_999)}"


def facts_of(system: System, event_id: str) -> list[str]:
    with system.database() as connection:
        rows = connection.execute(
            "SELECT topic FROM events.stored_events WHERE originator_id = %s",
            (f"carrier-acme/{event_id}",),
        ).fetchall()
    return [row["topic"] for row in rows]


def test_an_assigned_number_takes_calls_at_once(carried: System, tenant: dict[str, Any]) -> None:
    account_id, number = tenant["account"]["id"], a_number()
    body = an_event("did.assigned", accountId=account_id, number=number)
    answer = report(carried, body)
    assert answer.status_code == 200, answer.text
    key = {"x-api-key": carried.key(account_id)}
    row = carried.api.get(f"/v1/numbers/{answer.json()['didId']}", headers=key).json()
    assert (row["e164"], row["status"]) == (number[1:], "active")
    flow = tenant["flows"][0]["id"]
    patch = {"dest_kind": "flow", "dest_id": flow}
    assert carried.api.patch(f"/v1/numbers/{row['id']}", json=patch, headers=key).is_success
    assert carried.route(new_call_id(), number)["flow_id"] == flow
    assert report(carried, body).json() == answer.json()
    assert facts_of(carried, body["eventId"]) == ["carrier.number_assigned.v1"]


def test_a_number_that_goes_is_known_by_its_owner(carried: System, tenant: dict[str, Any]) -> None:
    number = tenant["numbers"][0]
    body = an_event("number.ported", number=f"+{number['e164']}", direction="out")
    answer = report(carried, body)
    assert answer.json() == {"ok": 1, "didId": number["id"]}
    assert carried.route(new_call_id(), number["e164"])["code"] == 404
    back = an_event("number.ported", number=f"+{number['e164']}")
    assert report(carried, back).json() == {"ok": 1, "didId": number["id"]}
    assert carried.route(new_call_id(), number["e164"])["action"] == "flow"


def test_what_became_of_a_message_is_a_fact(carried: System, tenant: dict[str, Any]) -> None:
    body = an_event("message.status", messageId="m-1", status="delivered")
    assert report(carried, body).status_code == 400
    body["accountId"] = tenant["account"]["id"]
    assert report(carried, body).json() == {"ok": 1}
    assert facts_of(carried, body["eventId"]) == ["carrier.message_reported.v1"]


def test_the_same_id_of_another_carrier_is_another_event(
    carried: System, tenant: dict[str, Any]
) -> None:
    account_id = tenant["account"]["id"]
    body = an_event("did.assigned", accountId=account_id, number=a_number())
    first = report(carried, body).json()
    body["number"] = a_number()
    second = report(carried, body, carrier="other", secret=SECRET[::-1]).json()
    assert first["didId"] != second["didId"]


@pytest.mark.parametrize("path", ["/hooks/carrier", "/hooks/carrier/", "/hooks/carrier/nobody"])
def test_a_carrier_that_is_not_known_is_not_found(carried: System, path: str) -> None:
    answer = carried.edge.post(path, json=an_event("did.assigned"))
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


def test_a_report_is_posted(carried: System) -> None:
    answer = carried.edge.get("/hooks/carrier/acme")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_nothing_is_taken_without_a_good_and_fresh_signature(
    carried: System, tenant: dict[str, Any]
) -> None:
    account_id = tenant["account"]["id"]
    body = an_event("did.assigned", accountId=account_id, number=a_number())
    now = str(int(time.time()))
    good = signature_of(SECRET, now, orjson.dumps(body))
    refused = [
        report(carried, body, headers={}),
        report(carried, body, headers={TIMESTAMP: now}),
        report(carried, body, headers={SIGNATURE: good}),
        report(carried, body, headers={TIMESTAMP: str(int(now) - 1), SIGNATURE: good}),
        report(carried, body, headers={TIMESTAMP: "soon", SIGNATURE: good}),
        report(carried, {**body, "number": a_number()}, headers={TIMESTAMP: now, SIGNATURE: good}),
        report(carried, body, secret="another secret, as long"),
        report(carried, body, carrier="other"),
        report(carried, body, late=WINDOW + 5),
        report(carried, body, late=-WINDOW - 5),
    ]
    for answer in refused:
        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    assert facts_of(carried, body["eventId"]) == []
    assert report(carried, body, late=WINDOW - 20).status_code == 200


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"event": "number.lost"}, "/event"),
        ({"event": None}, "/event"),
        ({"event": ["did.assigned"]}, "/event"),
        ({"eventId": None}, "/eventId"),
        ({"eventId": "a b"}, "/eventId"),
        ({"number": None}, "/number"),
        ({"number": "soon"}, "/number"),
        ({"number": "\0"}, "/number"),
        ({"number": 5}, "/number"),
        ({"accountId": None, "number": "+14155550100"}, "/accountId"),
        ({"accountId": "a\nb"}, "/accountId"),
        ({"event": "number.ported", "direction": "up"}, "/direction"),
        ({"event": "message.status", "messageId": "m", "status": "lost"}, "/status"),
        ({"event": "message.status", "status": "sent"}, "/messageId"),
    ],
)
def test_a_bad_member_is_named(
    carried: System, tenant: dict[str, Any], members: dict[str, Any], pointer: str
) -> None:
    body = an_event("did.assigned", accountId=tenant["account"]["id"], number=a_number())
    answer = report(carried, body | members)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_what_is_no_object_is_refused(carried: System) -> None:
    for raw in (b"", b"[]", b"{", b"\xff"):
        assert report(carried, raw).status_code == 400


def test_no_number_is_taken_from_another_account(carried: System, tenant: dict[str, Any]) -> None:
    other = acme()
    carried.apply(other)
    body = an_event(
        "did.assigned", accountId=other["account"]["id"], number=f"+{tenant['numbers'][0]['e164']}"
    )
    answer = report(carried, body)
    assert answer.status_code == 409
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/number"]
    nobody = an_event("did.assigned", accountId=new_id("acc"), number=a_number())
    assert report(carried, nobody).status_code == 404
