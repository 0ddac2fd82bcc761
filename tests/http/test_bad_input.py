"""Bad input is a clear problem that names the member; nothing changes (spec 03, spec 14)."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.system import System, new_call_id

POSTS = [
    *("/auth", "/auth/challenge", "/route", "/flow", "/presence/event", "/cac/reset", "/agent"),
    *("/security/report", "/security/allow"),
]


def assert_problem(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "instance"} <= body.keys()
    return body


@pytest.mark.parametrize("path", POSTS)
def test_what_is_not_json_is_said_so(system: System, path: str) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b'{"a": NaN}'):
        assert_problem(system.edge.post(path, content=body, headers=headers), 400)


@pytest.mark.parametrize("path", POSTS)
def test_other_media_types_are_refused(system: System, path: str) -> None:
    answer = system.edge.post(path, content=b"<x/>", headers={"content-type": "text/xml"})
    assert_problem(answer, 415)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_too_large_is_refused(system: System, path: str) -> None:
    body = b'{"callId": "' + b"x" * 2_000_000 + b'"}'
    answer = system.edge.post(path, content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 413)


def test_other_methods_and_paths_are_refused(system: System) -> None:
    wrong = system.edge.get("/route")
    assert_problem(wrong, 405)
    assert wrong.headers["allow"] == "POST"
    assert_problem(system.edge.get("/nothing/here"), 404)
    assert_problem(system.edge.get("/calls/none/trace"), 404)
    assert_problem(system.edge.get("/calls/none"), 404)


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"from": "1", "to": "2"}, "/callId"),
        ({"callId": "", "from": "1", "to": "2"}, "/callId"),
        ({"callId": "a b", "from": "1", "to": "2"}, "/callId"),
        ({"callId": "a\r\nVia: x", "from": "1", "to": "2"}, "/callId"),
        ({"callId": "a\0", "from": "1", "to": "2"}, "/callId"),
        ({"callId": "x" * 256, "from": "1", "to": "2"}, "/callId"),
        ({"callId": 7, "from": "1", "to": "2"}, "/callId"),
        ({"callId": "a", "to": "2"}, "/from"),
        ({"callId": "a", "from": "1", "to": ""}, "/to"),
        ({"callId": "a", "from": "1", "to": ["2"]}, "/to"),
        ({"callId": "a", "from": "1", "to": "2", "srcIp": "1 2"}, "/srcIp"),
    ],
)
def test_a_bad_member_of_a_route_request_is_named(
    system: System, members: dict[str, Any], pointer: str
) -> None:
    problem = assert_problem(system.edge.post("/route", json=members), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_bad_request_changes_nothing(system: System, account: dict[str, Any]) -> None:
    def stored() -> Any:
        with system.database() as connection:
            return connection.execute(
                "SELECT count(*) AS n FROM events.stored_events"
                " WHERE convert_from(state, 'UTF8') LIKE %s",
                (f"%{account['account']['id']}%",),
            ).fetchone()

    before = stored()
    number = account["numbers"][0]["e164"]
    for members in ({"callId": "a b", "to": number, "from": "1"}, {"callId": "a", "to": number}):
        system.edge.post("/route", json=members)
    dialog = {"type": "dialog", "callId": "x", "event": "gone"}
    assert_problem(system.edge.post("/presence/event", json=dialog), 400)
    assert stored() == before


@pytest.mark.parametrize(
    ("path", "members", "pointer"),
    [
        ("/auth/challenge", {"realm": "a\r\nb"}, "/realm"),
        ("/presence/event", {"type": "dialog", "callId": "a", "accountId": "a\0"}, "/accountId"),
        ("/cac/reset", {"force": {}}, "/force"),
    ],
)
def test_a_bad_member_is_named(
    system: System, account: dict[str, Any], path: str, members: dict[str, Any], pointer: str
) -> None:
    body = {"accountId": account["account"]["id"], "event": "end", **members}
    problem = assert_problem(system.edge.post(path, json=body), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("ts", ["1.e999", "-1.e999", "nan.", "1e400"])
def test_a_time_that_is_no_number_is_named(system: System, ts: str) -> None:
    form = {"type": "dialog", "callId": "a", "event": "end", "ts": ts}
    problem = assert_problem(system.edge.post("/presence/event", data=form), 400)
    assert [error["pointer"] for error in problem["errors"]] == ["/ts"]


@pytest.mark.parametrize("path", ["/cac?accountId=a%00", "/calls/a/trace?format=text%00"])
def test_a_nul_in_a_query_is_named(system: System, path: str) -> None:
    assert len(assert_problem(system.edge.get(path), 400)["errors"]) == 1


def test_nothing_is_found_under_a_nul(system: System) -> None:
    assert_problem(system.edge.get("/calls/a%00/trace"), 404)
    reset = {"accountId": "acc_\0"}
    assert_problem(system.edge.post("/cac/reset", json=reset), 404)


def test_a_problem_names_the_path_that_was_asked(system: System) -> None:
    missing = assert_problem(system.edge.get("/calls/none/trace"), 404)
    assert missing["instance"] == "/calls/none/trace"
    assert system.edge.get("/v1/calls").json()["instance"] == "/v1/calls"


def test_a_call_id_with_signs_that_urls_escape_is_found(
    system: System, account: dict[str, Any]
) -> None:
    for call_id in (f"{new_call_id()}%41@a", f"{new_call_id()}/b+c?d#e"):
        system.route(call_id, account["numbers"][0]["e164"])
        found = system.edge.get(f"/calls/{quote(call_id, safe='')}/trace")
        assert found.json()["callId"] == call_id


HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        *("callId", "from", "to", "fromDomain", "toDomain", "srcIp", "deviceId", "authUser"),
        *("type", "event", "ts", "sipCode", "cause", "realm", "username", "contact", "expires"),
        *("nonce", "uri", "method", "response", "algorithm", "qop", "nc", "cnonce", "events"),
        *("accountId", "force", "trace", "trunkId", "received", "userAgent", "nodeId"),
        *("callIds", "bans", "ip", "cidr", "ttl_sec", "note"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(POSTS), body=st.dictionaries(MEMBERS, HOSTILE, max_size=8))
def test_no_json_object_makes_an_error_of_ours(
    system: System, path: str, body: dict[str, Any]
) -> None:
    answer = system.edge.post(path, json=body)
    assert answer.status_code < 500, (body, answer.text)
    if answer.status_code == 400:
        assert answer.headers["content-type"] == "application/problem+json"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(POSTS), body=st.binary(max_size=200))
def test_no_form_makes_an_error_of_ours(system: System, path: str, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = system.edge.post(path, content=body, headers=headers)
    assert answer.status_code < 500, (body, answer.text)


def test_what_was_asked_for_badly_did_no_harm(system: System, account: dict[str, Any]) -> None:
    """After all of the above the system still routes, and no read model has stopped."""
    assert system.route(new_call_id(), account["numbers"][0]["e164"])["action"] == "flow"
    ready = system.edge.get("/readyz").json()
    assert ready["ok"] == 1, ready
