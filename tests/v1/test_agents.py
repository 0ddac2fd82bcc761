"""Agents and queues over /v1: how they are, and in figures (spec 05, spec 07)."""

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from gateways.http.v1.figures import start_of_day
from gateways.ids import new_id
from tests.http.test_agents import Shop
from tests.support.system import System, acme
from tests.v1.test_rows import Api, pointers

STATE = "/v1/agents/state"


class Floor:
    """A shop and the API of its account."""

    def __init__(self, system: System, **queue: Any) -> None:
        self.shop = Shop(system, **queue)
        self.api = Api(system, self.shop.account_id)

    def does(self, event: str, user: str | None = None, **more: Any) -> httpx.Response:
        body = {"user_id": user or self.shop.alice, "event": event, **more}
        return self.api.post(STATE, body)

    def ready(self, user: str | None = None) -> None:
        assert self.does("available", user, queues=[{"queue_id": self.shop.queue}]).is_success

    def agents(self, **asked: Any) -> dict[str, Any]:
        answer = self.api.get("/v1/agents", **asked)
        assert answer.status_code == 200, answer.text
        return {row["user_id"]: row for row in answer.json()["rows"]}

    def queue(self, **asked: Any) -> Any:
        answer = self.api.get("/v1/queues", **asked)
        assert answer.status_code == 200, answer.text
        (row,) = answer.json()["rows"]
        return row


@pytest.fixture
def floor(system: System) -> Floor:
    return Floor(system, wrap_up_sec=0)


def test_an_agent_is_told_what_to_do_and_shown_at_once(floor: Floor) -> None:
    told = floor.does("available", queues=[{"queue_id": floor.shop.queue, "level": 2}]).json()
    assert (told["user_id"], told["status"], told["bucket"]) == (
        floor.shop.alice,
        "available",
        "ready",
    )
    assert told["queues"] == [{"queue_id": floor.shop.queue, "level": 2}]
    row = floor.agents()[floor.shop.alice]
    assert (row["username"], row["bucket"], row["reachable"]) == ("1001", "ready", True)
    assert row["queues"] == told["queues"]
    paused = floor.api.post(STATE, {"userId": "1001", "event": "pause", "reason": "lunch"}).json()
    assert (paused["status"], paused["reason"]) == ("on_break", "lunch")
    assert floor.agents(userId="1001")[floor.shop.alice]["reason"] == "lunch"


def test_the_roster_says_the_same_as_that_of_the_edge(floor: Floor) -> None:
    floor.ready()
    shown, edge = floor.agents(), {row["userId"]: row for row in floor.shop.roster()["users"]}
    assert shown.keys() == edge.keys() == {floor.shop.alice, floor.shop.bob}
    for id, row in shown.items():
        for member, name in {"status": "status", "bucket": "bucket", "since": "since"}.items():
            assert row[member] == edge[id][name]


def test_agents_come_in_pages(floor: Floor) -> None:
    first = floor.api.get("/v1/agents", limit=1).json()
    second = floor.api.get("/v1/agents", limit=1, cursor=first["next_cursor"]).json()
    rows = [row["user_id"] for page in (first, second) for row in page["rows"]]
    assert sorted(rows) == sorted((floor.shop.alice, floor.shop.bob))
    assert rows == sorted(rows)
    assert "next_cursor" not in second


def test_who_is_no_agent_is_not_shown(system: System, account: dict[str, Any]) -> None:
    api = Api(system, account["account"]["id"])
    assert api.get("/v1/agents").json()["rows"] == []
    told = api.post(STATE, {"user_id": "1001", "event": "login"})
    assert pointers(told) == ["/userId"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"event": "login"}, ["/user_id"]),
        ({"user_id": "1001"}, ["/event"]),
        ({"user_id": "1001", "event": "sleep"}, ["/event"]),
        ({"user_id": "1001", "event": "login", "colour": "red"}, ["/colour"]),
        ({"user_id": "1001", "event": "login", "queues": [{"level": 1}]}, ["/queues/0/queue_id"]),
        (
            {"user_id": "1001", "event": "login", "queues": [{"queue_id": "q_x"}]},
            ["/queues/0/queueId"],
        ),
    ],
)
def test_a_wish_that_is_not_valid_names_its_member(
    floor: Floor, body: dict[str, Any], found: list[str]
) -> None:
    assert pointers(floor.api.post(STATE, body)) == found


def test_nobody_commands_the_agents_of_another_account(floor: Floor, system: System) -> None:
    other = acme()
    system.apply(other)
    api = Api(system, other["account"]["id"])
    assert api.post(STATE, {"user_id": floor.shop.alice, "event": "login"}).status_code == 404
    assert api.post(STATE, {"user_id": "us_nobody", "event": "login"}).status_code == 404
    wish = {"user_id": "1001", "event": "login", "account_id": floor.shop.account_id}
    assert pointers(api.post(STATE, wish)) == ["/account_id"]


@pytest.mark.parametrize("path", ["/v1/agents", "/v1/queues"])
@pytest.mark.parametrize("asked", [{"since": "noon"}, {"since": -1}, {"limit": 0}])
def test_a_question_that_is_not_valid_names_its_member(
    floor: Floor, path: str, asked: dict[str, Any]
) -> None:
    assert pointers(floor.api.get(path, **asked)) == [f"/{next(iter(asked))}"]
    assert floor.api.get(path, cursor="nonsense").status_code == 400


def test_figures_follow_what_happens(floor: Floor) -> None:
    shop, began = floor.shop, int(time.time() * 1000)
    floor.ready()
    answered = shop.call()
    shop.confirm(shop.look(shop.alice))
    waiting = shop.call()
    kpis = floor.queue(since=began)["kpis"]
    assert (kpis["offered"], kpis["answered"], kpis["waiting"]) == (2, 1, 1)
    assert (kpis["sl_met"], kpis["service_level_pct"]) == (1, 50)
    assert kpis["ewt_sec"] == 180, "one ahead, one agent, no handle time measured yet"
    shop.system.report(answered, "end")
    shop.system.report(waiting, "end")
    ended = floor.queue(since=began)["kpis"]
    assert (ended["abandoned"], ended["abandon_rate_pct"], ended["waiting"]) == (1, 50, 0)
    of_alice = floor.agents(since=began)[shop.alice]["kpis"]
    assert (of_alice["offered"], of_alice["answered"], of_alice["missed"]) == (2, 1, 0)
    assert of_alice["handle_ms"] == of_alice["status_ms"]["incall"] > 0
    assert of_alice["logged_in_ms"] >= of_alice["handle_ms"]


def test_who_has_done_nothing_has_zeros(floor: Floor) -> None:
    kpis = floor.queue()["kpis"]
    assert set(kpis.values()) == {0}
    of_bob = floor.agents()[floor.shop.bob]["kpis"]
    status = of_bob.pop("status_ms")
    assert set(of_bob.values()) == {0}
    assert {bucket for bucket, ms in status.items() if ms} <= {"offline"}


def test_without_a_time_the_figures_are_those_of_the_accounts_day(system: System) -> None:
    document = acme(queues=[{"id": new_id("q"), "name": "Support"}])
    document["account"]["timezone"] = "Pacific/Kiritimati"
    system.apply(document)
    api, before = Api(system, document["account"]["id"]), int(time.time() * 1000)
    found = {api.get(path).json()["since"] for path in ("/v1/agents", "/v1/queues")}
    now = int(time.time() * 1000)
    assert found <= {start_of_day(at, "Pacific/Kiritimati") for at in (before, now)}


@pytest.mark.parametrize(
    ("at", "zone", "begin"),
    [
        ("2026-07-04T12:00:00-04:00", "America/New_York", "2026-07-04T00:00:00-04:00"),
        ("2026-07-04T02:00:00+00:00", "America/New_York", "2026-07-03T00:00:00-04:00"),
        ("2026-03-29T12:00:00+02:00", "Europe/Berlin", "2026-03-29T00:00:00+01:00"),
        ("2026-09-06T12:00:00-03:00", "America/Santiago", "2026-09-06T01:00:00-03:00"),
        ("2026-07-04T00:00:00+00:00", "UTC", "2026-07-04T00:00:00+00:00"),
    ],
    ids=["noon", "yesterday there", "spring", "no midnight", "midnight"],
)
def test_a_day_begins_where_the_account_is(at: str, zone: str, begin: str) -> None:
    def ms(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp() * 1000)

    assert start_of_day(ms(at), zone) == ms(begin)
    assert datetime.fromtimestamp(ms(begin) / 1000, ZoneInfo(zone)).day == int(begin[8:10])
