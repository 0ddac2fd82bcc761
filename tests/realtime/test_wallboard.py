"""The wallboard as its viewers see it: the truth, at once, without a gap, for who may look."""

import os
import signal
from typing import Any

import httpx
import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gateways.http.v1.figures import snake
from tests.http.test_agents import Shop
from tests.processes.test_death import server_pid
from tests.support.screen import Screen, Viewer, ticket, watching
from tests.support.system import System, eventually


class Watched:
    """A shop and keys to look at it."""

    def __init__(self, system: System, **queue: Any) -> None:
        self.system = system
        self.shop = Shop(system, **queue)
        self.key = system.key(self.shop.account_id, "wallboard", "queues", "agents")

    def get(self, path: str, **params: Any) -> httpx.Response:
        headers = {"x-api-key": self.key}
        return self.system.realtime.get(path, params=params, headers=headers)

    def serve(self) -> str:
        """A caller comes, Alice takes him, and he hangs up."""
        call_id = self.shop.call()
        self.confirm()
        self.system.report(call_id, "end")
        return call_id

    def confirm(self) -> None:
        alice = eventually(lambda: _offered(self.shop.look("1001")))
        assert self.shop.confirm(alice)[0] == 200


def _offered(agent: Any) -> Any:
    return agent if agent["state"] == "offering" else None


@pytest.fixture
def watched(system: System) -> Watched:
    return Watched(system, wrap_up_sec=0)


def assert_the_same(viewer: Viewer, other: Viewer) -> None:
    """When both have come as far as the one who is further."""
    other.see(lambda screen: screen.sequence >= viewer.screen.sequence)
    viewer.see(lambda screen: screen.sequence >= other.screen.sequence)
    assert viewer.screen.still == other.screen.still


def tile(screen: Screen) -> Any:
    return screen.of("queue")[0]


def test_a_call_on_its_way_through_the_queue_is_seen(watched: Watched) -> None:
    shop = watched.shop
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        assert viewer.screen.kinds == ["snapshot"]
        assert tile(viewer.screen)["name"] == "Support"
        shop.ready(1001)
        viewer.see(lambda screen: screen.keys[f"agent:{shop.alice}"]["bucket"] == "ready")
        assert (tile(viewer.screen)["ready"], tile(viewer.screen)["busy"]) == (1, 0)
        call_id = shop.call()
        viewer.see(lambda screen: screen.keys[f"caller:{call_id}"]["ringing"] == [shop.alice])
        viewer.see(lambda screen: tile(screen)["waiting"] == 1)
        watched.confirm()
        viewer.see(lambda screen: screen.keys[f"agent:{shop.alice}"]["bucket"] == "incall")
        assert f"caller:{call_id}" not in viewer.screen.keys
        watched.system.report(call_id, "end")
        viewer.see(lambda screen: screen.keys[f"agent:{shop.alice}"]["bucket"] == "ready")
        assert set(viewer.screen.kinds[1:]) == {"delta"}
        assert tile(viewer.screen)["kpis"]["answered"] == 1


def test_who_has_followed_sees_what_one_sees_who_comes_now(watched: Watched) -> None:
    watched.shop.ready(1001)
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        for _ in range(3):
            watched.serve()
        watched.shop.agent("1001", "pause", reason="lunch")
        call_id = watched.shop.call()
        viewer.see(lambda screen: screen.keys[f"caller:{call_id}"])
        with watching(watched.system, watched.key) as other:
            other.see(lambda screen: screen.is_live)
            assert other.screen.kinds == ["snapshot"]
            assert_the_same(viewer, other)


def test_figures_are_those_of_the_api(watched: Watched) -> None:
    watched.shop.ready(1001)
    watched.serve()
    watched.shop.agent("1001", "pause", reason="lunch")
    watched.shop.call()
    eventually(lambda: watched.get("/wallboard/data").json()["kpis"]["gauges"]["waiting"] == 1)
    data = watched.get("/wallboard/data").json()
    headers = {"x-api-key": watched.key}
    queues = watched.system.api.get("/v1/queues", headers=headers).json()
    agents = watched.system.api.get("/v1/agents", headers=headers).json()
    assert data["kpis"]["since"] == queues["since"]
    ticking = {"longest_wait_ms", "status_ms", "logged_in_ms", "utilization_pct"}
    for of, rows in (("queues", queues["rows"]), ("agents", agents["rows"])):
        assert data["kpis"][of].keys() == {row.get("id") or row["user_id"] for row in rows}
        for row in rows:
            shown = snake(data["kpis"][of][row.get("id") or row["user_id"]])
            assert shown.keys() == row["kpis"].keys()
            for member in row["kpis"].keys() - ticking:
                assert shown[member] == row["kpis"][member], member
    for row in agents["rows"]:
        shown = snake(data["snapshot"][f"agent:{row['user_id']}"])
        for member in ("bucket", "since", "status", "state", "reason", "reachable"):
            assert shown[member] == row[member]


def test_who_comes_back_goes_on_where_he_was(watched: Watched) -> None:
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        screen = viewer.screen
    watched.shop.ready(1001)
    watched.serve()
    with watching(watched.system, watched.key, screen) as viewer:
        viewer.see(lambda screen: tile(screen)["kpis"]["answered"] == 1)
        assert viewer.screen.kinds.count("snapshot") == 1
        with watching(watched.system, watched.key) as other:
            assert_the_same(viewer, other)


@pytest.mark.parametrize("place", ["epoch_of_another:1", "nonsense", ""])
def test_who_was_elsewhere_begins_again(watched: Watched, place: str) -> None:
    screen = Screen()
    screen.epoch, _, _ = place.partition(":")
    with watching(watched.system, watched.key, screen) as viewer:
        viewer.see(lambda screen: screen.is_live)
        assert viewer.screen.kinds == ["snapshot"]


def test_server_sent_events_are_the_same_frames(watched: Watched) -> None:
    opened = f"/wallboard/sse?ticket={ticket(watched.system, watched.key)}"
    screen = Screen()
    with watched.system.realtime.stream("GET", opened) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        watched.shop.ready(1001)
        for line in answer.iter_lines():
            if line.startswith("data: "):
                screen.apply(orjson.loads(line.removeprefix("data: ")))
            if line.startswith("id: "):
                place = line.removeprefix("id: ")
            if screen.keys and tile(screen)["ready"]:
                break
    assert place == screen.place
    assert screen.kinds[0] == "snapshot"


def test_a_ticket_opens_once(watched: Watched) -> None:
    url = watched.system.realtime_url.replace("http", "ws", 1)
    opened = f"{url}/wallboard/ws?ticket={ticket(watched.system, watched.key)}"
    with connect(opened) as socket:
        socket.recv(timeout=10)
    for again in (opened, f"{url}/wallboard/ws", f"{url}/wallboard/ws?ticket=a.b*c>"):
        with pytest.raises(InvalidStatus) as refused, connect(again):
            pass
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers["content-type"] == "application/problem+json"


def test_a_ticket_is_for_who_may_look(watched: Watched) -> None:
    realtime, blind = watched.system.realtime, watched.system.key(watched.shop.account_id, "cdr")
    for key, status in (("", 401), ("sk_nobody", 401), (blind, 403)):
        for method, path in (
            ("POST", "/wallboard/ticket"),
            ("GET", "/wallboard/data"),
            ("GET", "/wallboard/why?callId=c"),
        ):
            answer = realtime.request(method, path, headers={"x-api-key": key})
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"


def test_another_account_is_not_seen(watched: Watched) -> None:
    other = Watched(watched.system)
    other.shop.call()
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        assert [one["id"] for one in viewer.screen.of("queue")] == [watched.shop.queue]
        assert viewer.screen.of("caller") == []
    headers = {"x-account-id": other.shop.account_id}
    answer = watched.system.realtime.post(
        "/wallboard/ticket", headers={"x-api-key": watched.key, **headers}
    )
    assert answer.status_code == 403


def test_a_revoked_key_ends_the_view(watched: Watched) -> None:
    system, owner = watched.system, watched.system.key(watched.shop.account_id)
    with watching(system, watched.key) as viewer, watching(system, owner) as other:
        viewer.see(lambda screen: screen.is_live)
        keys = system.api.get("/v1/keys", headers={"x-api-key": owner}).json()["keys"]
        (mine,) = [row["id"] for row in keys if "wallboard" in row["scopes"]]
        gone = system.api.request(
            "DELETE", "/v1/keys/revoke", json={"key_id": mine}, headers={"x-api-key": owner}
        )
        assert gone.status_code == 200, gone.text
        with pytest.raises(ConnectionClosed) as closed:
            viewer.see(lambda screen: None)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        watched.shop.ready(1001)
        other.see(lambda screen: tile(screen)["ready"] == 1)


def test_why_nobody_rings_is_said_agent_by_agent(watched: Watched) -> None:
    shop = watched.shop
    shop.ready(1001)
    shop.ready(1002)
    shop.agent("1001", "pause", reason="lunch")
    shop.contact("1002", "unregistered")
    call_id = shop.call()
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.keys[f"caller:{call_id}"])
        told = viewer.ask(type="why", callId=call_id)
        reasons = {one["agentId"]: (one["reason"], one["detail"]) for one in told["agents"]}
        assert reasons == {shop.alice: ("on_break", "lunch"), shop.bob: ("unreachable", None)}
        assert viewer.ask(type="why", callId="nobody")["agents"] is None
    answer = watched.get("/wallboard/why", callId=call_id)
    assert answer.json()["agents"] == told["agents"]
    assert watched.get("/wallboard/why", callId="nobody").status_code == 404
    assert watched.get("/wallboard/why").status_code == 400


def test_a_viewer_may_send_what_he_likes(watched: Watched) -> None:
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        for text in ("", "no json", "[]", "{}", '{"type": 7}', '{"type":"why","callId":[]}', "\0"):
            viewer.socket.send(text)
        assert viewer.ask(type="ping", id=7)["id"] == 7


def test_configuration_is_seen_too(watched: Watched) -> None:
    owner = {"x-api-key": watched.system.key(watched.shop.account_id)}
    with watching(watched.system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        path = f"/v1/queues/{watched.shop.queue}"
        change = {"name": "Sales", "alarm_wait_sec": 45, "sl_threshold_sec": 7}
        assert watched.system.api.patch(path, json=change, headers=owner).status_code == 200
        viewer.see(lambda screen: tile(screen)["name"] == "Sales")
        viewer.see(lambda screen: tile(screen)["slThresholdSec"] == 7)
        assert tile(viewer.screen)["alarmWaitSec"] == 45


@pytest.mark.parametrize("name", ["nats", "relay", "projector"])
def test_a_view_survives_what_dies(own_system: System, name: str) -> None:
    watched = Watched(own_system, wrap_up_sec=0)
    watched.shop.ready(1001)
    with watching(own_system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        if name == "nats":
            os.kill(server_pid(own_system, name), signal.SIGKILL)
            viewer.see(lambda screen: not screen.is_live)
        else:
            own_system.kill(name)
        eventually(lambda: own_system.edge.get("/readyz").status_code == 200, 30)
        viewer.see(lambda screen: screen.is_live, 30)
        watched.serve()
        viewer.see(lambda screen: tile(screen)["kpis"]["answered"] == 1, 30)
        assert viewer.screen.kinds.count("snapshot") == 1
    with watching(own_system, watched.key) as another:
        another.see(lambda screen: screen.is_live)


def test_after_a_restart_of_the_service_a_viewer_begins_again(own_system: System) -> None:
    watched = Watched(own_system)
    with watching(own_system, watched.key) as viewer:
        viewer.see(lambda screen: screen.is_live)
        screen = viewer.screen
        pid = own_system.kill("realtime", signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            viewer.see(lambda screen: None)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    eventually(lambda: own_system.pid_of("realtime") not in (0, pid))
    eventually(lambda: own_system.realtime.get("/healthz").status_code == 200)
    with watching(own_system, watched.key, screen) as viewer:
        viewer.see(lambda screen: screen.kinds.count("snapshot") == 2)
