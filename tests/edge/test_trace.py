"""SIP messages in traces: what Kamailio's siptrace says of a call stands among its decisions."""

import re

import pytest

from tests.edge.kamailio import ADDRESS
from tests.edge.office import CALLERS, PHONES, Edge
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


def test_a_trace_shows_the_messages_of_all_legs_and_the_decisions_between_them(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=300)
    call_id = new_call_id()
    office.dial(office.alice, "1002", call_id=call_id, talk=500).wait()
    callee.wait()
    office.call(call_id)

    def steps() -> list[dict[str, object]]:
        answer = edge.system.edge.get(f"/calls/{call_id}/trace")
        found: list[dict[str, object]] = answer.json()["steps"]
        assert sum(step["kind"] == "200" for step in found) == 4, "two of INVITE, two of BYE"
        return found

    found = eventually(steps)
    ways = [
        (step["kind"] if step["event"] == "sip.message" else step["event"], _way(step))
        for step in found
        if step["event"] in WATCHED and step["kind"] not in ("100", "ACK", "PRACK")
    ]
    once = list(dict.fromkeys(ways))
    assert once == [
        ("INVITE", "caller>edge"),
        ("407", "edge>caller"),
        ("call.routed.v1", ""),
        ("INVITE", "edge>callee"),
        ("180", "callee>edge"),
        ("180", "edge>caller"),
        ("call.ringing.v1", ""),
        ("200", "callee>edge"),
        ("200", "edge>caller"),
        ("call.answered.v1", ""),
        ("BYE", "caller>edge"),
        ("BYE", "edge>callee"),
        ("call.ended.v1", ""),
    ]
    invites = [step for step in found if step["kind"] == "INVITE"]
    assert len(invites) == 3, "asked for a password, asked again, sent on"
    assert "Proxy-Authorization: Digest (redacted)" in str(invites[1]["detail"])
    assert "Proxy-Authorization" not in str(invites[2]["detail"]), "the edge keeps it to itself"
    text = edge.system.edge.get(f"/calls/{call_id}/trace", params={"format": "text"}).text
    assert "INVITE" in text


WATCHED = {
    *("sip.message", "call.routed.v1", "call.ringing.v1", "call.answered.v1", "call.ended.v1"),
}
_PARTIES = {CALLERS: "caller", ADDRESS: "edge", PHONES: "callee"}


def _way(step: dict[str, object]) -> str:
    detail = step["detail"]
    assert isinstance(detail, dict)
    if step["event"] != "sip.message":
        return ""
    return ">".join(_PARTIES[str(detail[end]).rpartition(":")[0]] for end in ("from", "to"))


def test_what_a_phone_proves_itself_with_is_not_kept(edge: Edge) -> None:
    office = edge.office()
    run = office.register(office.bob)
    sent = run.last("REGISTER", sent=True)
    response = re.search('response="([0-9a-f]+)"', sent.header("Authorization") or "")
    assert response

    def kept() -> list[str]:
        with edge.system.database() as connection:
            rows = connection.execute(
                "SELECT text FROM capture.message WHERE call_id = %s AND text LIKE 'REGISTER%%'",
                (sent.header("Call-ID"),),
            ).fetchall()
        assert len(rows) == 2
        return [row["text"] for row in rows]

    asked, proved = eventually(kept)
    assert "Authorization" not in asked
    assert "Authorization: Digest (redacted)" in proved
    assert response[1] not in proved
