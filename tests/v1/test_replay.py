"""A call decided again: the same as it was, or different from where something is (spec 08)."""

from typing import Any

import httpx
import pytest

from tests.http.test_agents import Shop
from tests.http.test_queue import Caller
from tests.support.system import System, acme, new_call_id
from tests.v1.test_rows import Api, pointers

MENU = {"kind": "menu", "promptText": "Welcome", "maxDigits": 1, "timeoutSec": 5}


def menu(digit: str) -> dict[str, Any]:
    """A menu that hangs up politely for one digit."""
    return {
        "name": "Main",
        "start": "entry",
        "nodes": [
            {"id": "entry", "type": "entry", "data": {"kind": "entry"}},
            {"id": "menu", "type": "menu", "data": MENU},
            {"id": "bye", "type": "hangup", "data": {"kind": "hangup"}},
        ],
        "edges": [
            {"id": "e1", "source": "entry", "target": "menu"},
            {"id": "e2", "source": "menu", "target": "bye", "sourceHandle": f"digit:{digit}"},
        ],
    }


class Past:
    """An account with a call that went through its menu."""

    def __init__(self, system: System) -> None:
        self.system, self.document = system, acme()
        flow = self.document["flows"][0]
        flow |= menu("1")
        system.apply(self.document)
        self.flow_id, self.number = flow["id"], self.document["numbers"][0]["e164"]
        self.api = Api(system, self.document["account"]["id"])
        self.call_id = new_call_id()
        system.route(self.call_id, self.number)
        told = self._flow(flowId=self.flow_id)
        self._flow(outcome="digit:1", seq=told["seq"])
        system.report(self.call_id, "end")

    def _flow(self, **body: Any) -> Any:
        answer = self.system.edge.post("/flow", json={"callId": self.call_id, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def again(self, **wish: Any) -> httpx.Response:
        return self.api.post(f"/v1/calls/{self.call_id}/replay", wish)


@pytest.fixture
def past(system: System) -> Past:
    return Past(system)


def test_with_nothing_changed_every_decision_comes_out_as_it_was(past: Past) -> None:
    found = past.again().json()
    assert (found["same"], found["first_difference"], found["stopped"]) == (1, None, None)
    assert found["recorded"] == found["replayed"]
    assert [(one["kind"], one["asked"]) for one in found["recorded"]][1:] == [
        ("flow", "start"),
        ("flow", "digit:1"),
    ]
    assert found["replayed"][-1]["answer"]["command"] == "hangup"


def test_it_is_the_account_of_then_that_decides(past: Past) -> None:
    """What was changed since is not looked at."""
    past.api.patch(f"/v1/numbers/{past.document['numbers'][0]['id']}", {"dest_kind": "hangup"})
    past.api.patch("/v1/account", {"max_in": 0})
    assert past.again().json()["same"] == 1


def test_a_draft_takes_the_call_another_way_and_the_first_difference_is_named(past: Past) -> None:
    drafted = past.api.patch(f"/v1/flows/{past.flow_id}", {**menu("2")})
    assert drafted.status_code == 200, drafted.text
    found = past.again(flow_version=drafted.json()["version"]).json()
    assert found["same"] == 0
    difference = found["first_difference"]
    assert difference["seq"] == 1, "the decision names the version"
    last = found["replayed"][-1]
    assert (last["asked"], last["answer"]["command"]) == ("digit:1", "gather"), "2 is wanted now"
    assert pointers(past.again(flow_version=99)) == ["/flow_version"]


def test_other_limits_refuse_what_was_admitted(past: Past) -> None:
    account = past.document["account"]["id"]
    found = past.again(config={account: {"max_in": 0}}).json()
    assert found["first_difference"]["seq"] == 1
    again = found["first_difference"]["replayed"]["answer"]
    assert (again["action"], again["code"]) == ("reject", 503)
    assert len(found["replayed"]) == 2
    assert found["stopped"]
    assert past.api.get("/v1/account").json()["max_in"] is None
    assert pointers(past.again(config={account: {"max_in": "many"}})) == [
        f"/config/{account}/max_in"
    ]
    assert pointers(past.again(config={"us_nobody": {}})) == ["/config/us_nobody"]


def test_another_time_finds_the_shop_closed(past: Past) -> None:
    hours = {"kind": "weekly", "start_time": "00:00", "end_time": "00:00"}
    rules = [{**hours, "dow": day} for day in range(1, 6)]  # not on Sunday and Saturday
    schedule = past.api.post("/v1/schedules", {"name": "Week", "rules": rules}).json()["id"]
    number = past.document["numbers"][0]["id"]
    past.api.patch(f"/v1/numbers/{number}", {"schedule_id": schedule, "closed_dest_kind": "hangup"})
    past.call_id = new_call_id()
    past.system.route(past.call_id, past.number)
    monday, sunday = 1_795_435_200_000, 1_795_348_800_000
    on_monday, on_sunday = (
        past.again(at=day).json()["replayed"][0]["answer"] for day in (monday, sunday)
    )
    assert on_monday["action"] == "flow"
    assert on_sunday["action"] == "reject"


def test_a_call_that_got_an_agent_gets_the_same_agent_again(system: System) -> None:
    shop = Shop(system, wrap_up_sec=1, agent_ring_timeout_sec=5)
    shop.ready(1001)
    caller = Caller(shop)
    caller.confirm()
    caller.step("answered")
    system.report(caller.call_id, "end")
    api = Api(system, shop.account_id)
    found = api.post(f"/v1/calls/{caller.call_id}/replay", {}).json()
    assert found["same"] == 1, found["first_difference"]
    assert "dial" in [one["answer"].get("command") for one in found["replayed"]]


def test_nothing_is_recorded_and_others_calls_are_not_shown(system: System, past: Past) -> None:
    with system.database() as database:
        count = "SELECT count(*) AS n FROM events.stored_events WHERE originator_id = %s"
        stream = f"call-{past.call_id}"
        before = database.execute(count, (stream,)).fetchone()
        past.again(at=1_000_000)
        assert database.execute(count, (stream,)).fetchone() == before
    other = acme()
    system.apply(other)
    foreign = Api(system, other["account"]["id"])
    assert foreign.post(f"/v1/calls/{past.call_id}/replay", {}).status_code == 404
    assert past.api.post("/v1/calls/nobody/replay", {}).status_code == 404
    assert pointers(past.again(colour="red")) == ["/colour"]


def test_the_command_line_shows_both_paths(system: System, past: Past) -> None:
    done = system.cli("replay", past.call_id)
    assert done.returncode == 0, done.stderr
    assert "the same" in done.stdout
    draft = past.api.patch(f"/v1/flows/{past.flow_id}", {**menu("2")}).json()["version"]
    assert draft == 2
    done = system.cli("replay", past.call_id, "--flow", "draft")
    assert done.returncode == 1, done.stderr
    assert "gather" in done.stdout
    account = past.document["account"]["id"]
    found = system.cli("replay", past.call_id, "--set", f"{account}.max_in=0", "--json")
    assert '"code":503' in found.stdout.replace(" ", "")
