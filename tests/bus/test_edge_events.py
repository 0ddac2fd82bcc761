"""Events straight on the bus have exactly the effect of the same events over HTTP (spec 13)."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import orjson
from nats.js.api import StreamInfo

from gateways.bus.connection import DEAD_LETTERS, connect
from tests.support.system import System, acme, eventually, new_call_id

NODE = "edge-7"


def on_the_bus(system: System, *events: tuple[str, dict[str, Any], str | None]) -> None:
    """Publish (type, body, event id) to the EDGE stream, acknowledged."""

    async def publish() -> None:
        client = await connect(system.servers.nats_url, "edge")
        jetstream = client.jetstream()
        for kind, body, event_id in events:
            headers = {"Nats-Msg-Id": event_id} if event_id else None
            subject = f"edge.{NODE}.event.{kind}"
            await jetstream.publish(subject, orjson.dumps(body), headers=headers)
        await client.close()

    asyncio.run(publish())


def outcome(row: dict[str, Any]) -> dict[str, Any]:
    """A CDR without what names or dates the call."""
    of_its_own = ("call_id", "start_ts", "ring_ts", "answer_ts", "end_ts", "duration_sec")
    return {name: value for name, value in row.items() if name not in of_its_own}


def test_a_call_reported_on_the_bus_ends_up_like_one_reported_over_http(
    system: System, account: dict[str, Any]
) -> None:
    number, key = account["numbers"][0]["e164"], system.key(account["account"]["id"])
    life: list[tuple[str, int, dict[str, Any]]] = [
        ("start", 0, {}),
        ("early", 500, {"sipCode": 180}),
        ("answered", 2_000, {}),
        ("end", 9_500, {"hangupBy": "caller"}),
    ]
    over_http, over_bus = new_call_id(), new_call_id()
    for call_id in (over_http, over_bus):
        system.route(call_id, number)
    rows = {id: system.call(key, id)["start_ts"] for id in (over_http, over_bus)}
    for event, offset, more in life:
        system.report(over_http, event, rows[over_http] + offset, **more)
    on_the_bus(
        system,
        *(
            (
                "dialog",
                {"callId": over_bus, "event": e, "ts": rows[over_bus] + offset, **more},
                f"{over_bus}-{e}",
            )
            for e, offset, more in life
        ),
    )
    ended = eventually(lambda: (row := system.call(key, over_bus)) and row["end_ts"] and row)
    expected = system.call(key, over_http)
    assert outcome(ended) == outcome(expected)
    assert ended["billsec"] == 7
    assert ended["ring_ts"] - ended["start_ts"] == 500
    used = system.edge.get("/cac", params={"accountId": account["account"]["id"]}).json()
    assert used["calls"] == []


def test_the_same_event_twice_counts_once(system: System, account: dict[str, Any]) -> None:
    """Beyond the two minutes of the bus, too: the second comes under another message id."""
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    answered = {"callId": call_id, "event": "answered", "ts": 1_795_000_002_000}
    end = {"callId": call_id, "event": "end", "ts": 1_795_000_012_000}
    on_the_bus(
        system,
        ("dialog", answered, "a1"),
        ("dialog", answered, "a1"),
        ("dialog", answered, None),
        ("dialog", end, None),
        ("dialog", end, None),
    )
    trace = eventually(
        lambda: [
            step["event"]
            for step in system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
            if step["kind"] in ("answered", "ended")
        ][-2:]
    )
    eventually(lambda: "ended" in str(system.edge.get(f"/calls/{call_id}/trace").json()))
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert [s["kind"] for s in steps if s["kind"] in ("answered", "ended")] == ["answered", "ended"]
    assert trace


def test_what_comes_while_the_consumer_is_away_is_taken_when_it_is_back(own_system: System) -> None:
    """All of it, once, with the times of then."""
    system, account = own_system, acme()
    system.apply(account)
    key = system.key(account["account"]["id"])
    calls = [new_call_id() for _ in range(20)]
    for call_id in calls:
        system.route(call_id, account["numbers"][0]["e164"])
    begun = {call_id: system.call(key, call_id)["start_ts"] for call_id in calls}
    gone = system.kill("edge-1", signal.SIGTERM)
    eventually(lambda: not Path(f"/proc/{gone}").exists() or system.pid_of("edge-1") != gone)
    life = (("answered", 2_000), ("end", 9_500), ("end", 9_500))
    events = [
        ("dialog", {"callId": c, "event": e, "ts": begun[c] + after}, None)
        for c in calls
        for e, after in life
    ]
    on_the_bus(system, *events)
    system.wait_ready()
    for call_id in calls:
        eventually(lambda asked=call_id: system.call(key, asked)["end_ts"], timeout=40)  # type: ignore[misc]
        row = system.call(key, call_id)
        assert (row["billsec"], row["disposition"]) == (7, "answered")
        kinds = [s["kind"] for s in system.edge.get(f"/calls/{call_id}/trace").json()["steps"]]
        assert kinds.index("answered") < kinds.index("ended"), "one call's events lost their order"
    used = system.edge.get("/cac", params={"accountId": account["account"]["id"]}).json()
    assert used["calls"] == []


def test_a_registration_on_the_bus_makes_the_phone_reachable(
    system: System, account: dict[str, Any]
) -> None:
    caller, callee = account["devices"]
    on_the_bus(
        system,
        (
            "register",
            {
                "event": "registered",
                "username": callee["auth_username"],
                "realm": callee["realm"],
                "contact": "sip:1002@192.0.2.1:5060",
                "expires": 600,
            },
            None,
        ),
    )

    def answer() -> Any:
        found = system.route(new_call_id(), "1002", deviceId=caller["id"])
        return found if found["action"] == "proxy" else None

    assert eventually(answer)["aors"][0]["aor"] == f"sip:1002@{callee['realm']}"


def test_poison_goes_to_the_dead_letters_with_its_reason_and_blocks_nobody(
    system: System, account: dict[str, Any]
) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    marker = {"callId": "no such id", "event": "end", "marker": call_id}
    on_the_bus(
        system,
        ("dialog", marker, None),
        ("teleport", {"marker": call_id}, None),
        ("dialog", {"callId": call_id, "event": "end", "ts": 1_795_000_000_000}, None),
    )
    eventually(lambda: "ended" in str(system.edge.get(f"/calls/{call_id}/trace").json()))

    async def letters() -> list[tuple[str, str]]:
        client = await connect(system.servers.nats_url, "test")
        jetstream = client.jetstream()
        info: StreamInfo = await jetstream.stream_info(DEAD_LETTERS)
        found = []
        for sequence in range(info.state.first_seq, info.state.last_seq + 1):
            message = await jetstream.get_msg(DEAD_LETTERS, seq=sequence)
            if call_id in (message.data or b"").decode():
                reason = (message.headers or {})["Callplane-Reason"]
                found.append((message.subject or "", reason))
        await client.close()
        return found

    found = eventually(lambda: got if len(got := asyncio.run(letters())) == 2 else [])
    assert {subject for subject, _ in found} == {
        f"dlq.edge.{NODE}.event.dialog",
        f"dlq.edge.{NODE}.event.teleport",
    }
    assert all(reason for _, reason in found)


def test_an_edge_may_ask_on_the_bus_what_it_would_ask_over_http(
    system: System, account: dict[str, Any]
) -> None:
    call_id = new_call_id()
    body = {"callId": call_id, "from": "+14155551234", "to": account["numbers"][0]["e164"]}

    async def ask() -> Any:
        client = await connect(system.servers.nats_url, "edge")
        reply = await client.request(f"edge.{NODE}.req.route", orjson.dumps(body), timeout=5)
        await client.close()
        return orjson.loads(reply.data)

    on_bus = asyncio.run(ask())
    over_http = system.edge.post("/route", json=body).json()
    assert on_bus == over_http


def test_a_flow_is_walked_on_the_bus_as_over_http(system: System, account: dict[str, Any]) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    start = {"callId": call_id, "flowId": account["flows"][0]["id"]}

    async def ask(*bodies: dict[str, Any]) -> list[Any]:
        client = await connect(system.servers.nats_url, "edge")
        subject = f"edge.{NODE}.req.flow"
        replies = [await client.request(subject, orjson.dumps(one), timeout=5) for one in bodies]
        await client.close()
        return [orjson.loads(reply.data) for reply in replies]

    unknown = {"callId": new_call_id(), "outcome": "done"}
    told, over, refused = asyncio.run(ask(start, {"callId": call_id, "outcome": "done"}, unknown))
    assert told == system.edge.post("/flow", json=start).json()
    assert told["command"] == "hangup"
    assert (over["error"]["status"], over["command"]) == (410, "hangup")
    assert (refused["error"]["status"], refused["command"]) == (404, "hangup")
