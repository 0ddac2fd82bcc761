"""Flows over /v1: save, publish, versions, what if (spec 04, spec 07)."""

from typing import Any

import pytest

from gateways.ids import new_id
from tests.domain.flows import graph, node
from tests.http.test_flow import Engine
from tests.support.system import System, acme
from tests.v1.test_rows import Api, api, pointers

__all__ = ["api"]

MENU = node("m", "menu", promptText="Press 1", maxDigits=1, timeoutSec=5, maxTimeouts=1)
ONE = graph(MENU, node("bye", "say", text="{{who}}"), "m -digit:1> bye", "m -timeout> bye")
TWO = graph(node("s", "say", text="Two"))


def _made(api: Api, **members: Any) -> Any:
    answer = api.post("/v1/flows", {"name": "Main", **members})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_flow_is_saved_published_and_drawn_again(api: Api) -> None:
    flow = _made(api, **ONE)
    assert (flow["version"], flow["is_published"], flow["live_version"]) == (1, 0, None)
    assert flow["nodes"][0]["data"] == MENU["data"]
    path = f"/v1/flows/{flow['id']}"
    published = api.post(f"{path}/publish", {})
    assert published.json() == {"ok": 1, "id": flow["id"], "version": 1, "warnings": []}
    drafted = api.patch(path, TWO)
    body = drafted.json()
    assert (body["version"], body["is_published"], body["live_version"]) == (2, 0, 1)
    assert drafted.headers["etag"] == '"3"', "the lock counts changes, not versions"
    assert api.post(f"{path}/publish", {}).json()["version"] == 2
    assert api.post(f"{path}/publish", {}).json()["version"] == 2, "twice is once"
    rows = api.get(f"{path}/versions").json()["rows"]
    assert [(row["version"], row["is_live"]) for row in rows] == [(2, 1), (1, 0)]
    frozen = api.get(f"{path}/versions/1").json()
    assert (frozen["start"], len(frozen["nodes"]), frozen["is_live"]) == ("m", 2, 0)
    assert api.get(f"{path}/versions/3").status_code == 404


def test_a_lock_is_minded(api: Api) -> None:
    path = f"/v1/flows/{_made(api, **ONE)['id']}"
    changed = api.patch(path, {"name": "Other"}, **{"if-match": '"1"'})
    assert changed.status_code == 200
    stale = api.client.post(f"{path}/publish", headers={**api.headers, "if-match": '"1"'})
    assert stale.status_code == 412


def test_versions_come_in_pages(api: Api) -> None:
    path = f"/v1/flows/{_made(api, **ONE, is_published=1)['id']}"
    for number in range(4):
        drawn = graph(node("s", "say", text=str(number)))
        assert api.patch(path, {**drawn, "is_published": 1}).status_code == 200
    found: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        page = api.get(f"{path}/versions", limit=2, **cursor).json()
        found += [row["version"] for row in page["rows"]]
        if "next_cursor" not in page or page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == [5, 4, 3, 2, 1]


def test_every_fault_of_a_graph_is_named_at_once(api: Api) -> None:
    drawn = graph(
        node("a", "teleport"),
        node("b", "say", colour="red"),
        node("c", "enqueue", queueId=new_id("q")),
        "b > nowhere",
        "b -digit:1> b",
        start="d",
    )
    drawn["nodes"].append({"id": "e"})
    assert pointers(api.post("/v1/flows", {"name": "Main", **drawn})) == [
        "/edges/0/target",
        "/nodes/0/data/kind",
        "/nodes/1/data/colour",
        "/nodes/1/data/text",
        "/nodes/2/data/queueId",
        "/nodes/3/data",
        "/nodes/3/type",
        "/start",
    ]


@pytest.mark.parametrize("drawn", [{"nodes": 1}, {"edges": "x"}, {"start": None}, {"nodes": [1]}])
def test_what_is_no_graph_is_refused(api: Api, drawn: dict[str, Any]) -> None:
    assert api.post("/v1/flows", {"name": "Main", **ONE, **drawn}).status_code == 400


def test_anothers_rows_do_not_exist(api: Api, system: System) -> None:
    other = acme()
    system.apply(other)
    theirs = other["flows"][0]["id"]
    into = graph(node("s", "subflow", flowId=theirs))
    assert pointers(api.post("/v1/flows", {"name": "x", **into})) == ["/nodes/0/data/flowId"]
    for path in ("", "/versions", "/versions/1"):
        assert api.get(f"/v1/flows/{theirs}{path}").status_code == 404
    for path in ("/publish", "/simulate"):
        assert api.post(f"/v1/flows/{theirs}{path}", {}).status_code == 404


def test_what_a_flow_needs_is_not_deleted(api: Api, account: dict[str, Any]) -> None:
    inner = _made(api, **TWO)["id"]
    outer = _made(api, **graph(node("s", "subflow", flowId=inner)))["id"]
    refused = api.delete(f"/v1/flows/{inner}", force=1)
    assert refused.status_code == 409
    assert outer in refused.json()["detail"]


# What if


def test_a_draft_is_simulated_against_a_script(api: Api) -> None:
    flow = _made(api, **ONE)
    body = {
        "outcomes": ["digit:7", "digit:1", {"outcome": "done"}, "done", "done"],
        "vars": {"who": "Dana"},
    }
    found = api.post(f"/v1/flows/{flow['id']}/simulate", body).json()
    assert [step["command"]["command"] for step in found["steps"]] == [
        *("gather", "gather", "play", "play", "hangup")
    ]
    assert found["steps"][2]["command"]["tts"]["text"] == "Dana"
    assert found["steps"][1]["path"][0]["note"] == "7 is no choice"
    assert (found["ended"], found["unused"], found["version"]) == (True, ["done"], 1)
    assert found["variables"] == {"who": "Dana"}


def test_a_published_version_is_simulated_too(api: Api) -> None:
    path = f"/v1/flows/{_made(api, **TWO, is_published=1)['id']}"
    api.patch(path, ONE)
    old = api.post(f"{path}/simulate", {"version": 1}).json()
    new = api.post(f"{path}/simulate", {}).json()
    assert (old["steps"][0]["command"]["command"], new["steps"][0]["command"]["command"]) == (
        "play",
        "gather",
    )
    assert api.post(f"{path}/simulate", {"version": 7}).status_code == 404


def test_the_hour_is_what_is_asked_for(system: System, account: dict[str, Any]) -> None:
    schedule = {"id": new_id("sch"), "name": "Hours", "timezone": "Europe/Berlin"}
    work = {"kind": "weekly", "dow": 1, "start_time": "09:00", "end_time": "17:00"}
    account["schedules"] = [{**schedule, "rules": [work]}]
    system.apply(account)
    api = Api(system, account["account"]["id"])
    drawn = graph(
        node("h", "timeCondition", scheduleId=schedule["id"]),
        node("in", "say", text="in"),
        node("out", "say", text="out"),
        "h -in_hours> in",
        "h -out_of_hours> out",
    )
    path = f"/v1/flows/{_made(api, **drawn)['id']}/simulate"
    for at, said in (
        ("2026-06-29T10:00:00+02:00", "in"),
        ("2026-06-29T10:00:00Z", "in"),
        ("2026-06-29T16:00:00Z", "out"),
        (1_782_720_000_000, "in"),
    ):
        found = api.post(path, {"at": at})
        assert found.json()["steps"][0]["command"]["tts"]["text"] == said, (at, found.text)


def test_a_call_that_was_is_played_through_a_draft(system: System) -> None:
    document = acme()
    document["flows"][0] |= ONE
    system.apply(document)
    engine = Engine(system, document)
    engine.start(vars={"who": "Dana"})
    engine.step("digit:1")
    api = Api(system, document["account"]["id"])
    path = f"/v1/flows/{document['flows'][0]['id']}"
    draft = graph(MENU, node("new", "say", text="New {{who}}"), "m -digit:1> new")
    assert api.patch(path, draft).status_code == 200
    before = engine.facts
    found = api.post(f"{path}/simulate", {"from_call": engine.call_id}).json()
    assert found["version"] == 2
    assert [step["outcome"] for step in found["steps"]] == [None, "digit:1"]
    assert found["steps"][1]["command"]["tts"]["text"] == "New Dana"
    assert found["variables"]["caller_cid"] == "14155551234"
    assert engine.facts == before
    assert api.post(f"{path}/simulate", {"from_call": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"outcomes": [""]}, 400),
        ({"outcomes": ["x"] * 201}, 400),
        ({"outcomes": [{"outcome": "x", "colour": 1}]}, 400),
        ({"at": "yesterday"}, 400),
        ({"at": -1}, 400),
        ({"vars": {"a b": 1}}, 400),
        ({"version": -1}, 400),
        ({"colour": "red"}, 400),
    ],
)
def test_a_bad_simulation_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    path = f"/v1/flows/{_made(api, **ONE)['id']}/simulate"
    assert api.post(path, body).status_code == status


def test_the_command_line_simulates(system: System, account: dict[str, Any]) -> None:
    flow = account["flows"][0]["id"]
    found = system.cli_json("simulate", flow, "--var", "who=Dana", "--at", "2026-06-29T10:00:00")
    assert found["steps"][0]["command"]["command"] == "hangup"
    assert found["ended"]
    text = system.cli("simulate", flow)
    assert "hangup bye" in text.stdout
    assert system.cli("simulate", new_id("flow")).returncode == 3
    assert system.cli("simulate", flow, "--at", "soon").returncode == 1
    assert system.cli("simulate", flow, "--var", "x").returncode == 1
