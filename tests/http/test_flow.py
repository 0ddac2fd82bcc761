"""POST /flow over the real contract: an engine walks calls through their flows."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from deploy.cli.session import Session
from gateways.ids import new_id
from tests.domain.flows import graph, node
from tests.http.test_bad_input import HOSTILE, assert_problem
from tests.support.sink import sink
from tests.support.system import System, acme, eventually, new_call_id

MENU = node("m", "menu", promptText="Press 1", maxDigits=1, timeoutSec=5, maxTimeouts=2)
BYE = node("bye", "hangup")


def account_with(system: System, *parts: Any, **more: Any) -> dict[str, Any]:
    """A fresh account whose number runs this flow."""
    document = acme(**more)
    document["flows"][0] |= graph(*parts)
    system.apply(document)
    return document


class Engine:
    """A media engine with one call."""

    def __init__(self, system: System, document: dict[str, Any]) -> None:
        self.system = system
        self.call_id = new_call_id()
        self.account_id = document["account"]["id"]
        self.routed = system.route(self.call_id, document["numbers"][0]["e164"])
        self.seq = 0

    def post(self, **body: Any) -> httpx.Response:
        return self.system.edge.post("/flow", json={"callId": self.call_id, **body})

    def start(self, **more: Any) -> Any:
        return self.good(accountId=self.account_id, flowId=self.routed["flow_id"], **more)

    def step(self, outcome: str, seq: int | None = None, **data: Any) -> Any:
        return self.good(outcome=outcome, data=data, seq=self.seq if seq is None else seq)

    def good(self, **body: Any) -> Any:
        answer = self.post(**body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["callId"] == self.call_id
        self.seq = told["seq"]
        return told

    @property
    def steps(self) -> list[dict[str, Any]]:
        answer = self.system.edge.get(f"/calls/{self.call_id}/trace")
        found: list[dict[str, Any]] = answer.json()["steps"]
        return [step for step in found if step["source"] == "flow"]

    @property
    def facts(self) -> int:
        with self.system.database() as connection:
            row = connection.execute(
                "SELECT count(*) AS n FROM events.stored_events"
                " WHERE originator_id = %s AND topic = 'call.flow_stepped.v1'",
                (f"call-{self.call_id}",),
            ).fetchone()
        assert row is not None
        return int(row["n"])


@pytest.fixture
def engine(system: System) -> Engine:
    return Engine(system, account_with(system, MENU, BYE, "m -digit:1> bye"))


def test_a_call_is_walked_through_its_flow(engine: Engine) -> None:
    first = engine.start()
    assert (first["command"], first["seq"]) == ("gather", 1)
    assert first["tts"] == {"text": "Press 1", "voice": "male", "language": "en-US"}
    assert first["maxDigits"] == 1
    assert first["urls"][0].startswith("tts/")
    second = engine.step("digit:1")
    assert (second["command"], second["seq"]) == ("hangup", 2)
    assert engine.facts == 2


def test_forms_are_taken_like_json(system: System, engine: Engine) -> None:
    engine.start()
    body = {"callId": engine.call_id, "outcome": "digit:1", "seq": "1", "data": '{"duration": 3}'}
    answer = system.edge.post("/flow", data=body)
    assert answer.json()["command"] == "hangup", answer.text


def test_what_is_asked_twice_is_answered_twice_and_done_once(engine: Engine) -> None:
    assert engine.start() == engine.start()
    assert engine.step("timeout", 1) == engine.step("timeout", 1)
    assert engine.seq == 2
    assert engine.facts == 2


def test_a_number_that_was_never_given_is_a_conflict(engine: Engine) -> None:
    engine.start()
    assert_problem(engine.post(outcome="digit:1", seq=7), 409)


def assert_hung_up(answer: httpx.Response, status: int) -> None:
    body = assert_problem(answer, status)
    assert body["command"] == "hangup"
    assert body["sipCode"] == 481


def test_an_unknown_call_is_hung_up(system: System, account: dict[str, Any]) -> None:
    nobody = {"callId": new_call_id(), "accountId": account["account"]["id"]}
    flow_id = account["flows"][0]["id"]
    assert_hung_up(system.edge.post("/flow", json={**nobody, "outcome": "done"}), 404)
    assert_hung_up(system.edge.post("/flow", json={**nobody, "flowId": flow_id}), 404)


def test_a_call_without_a_flow_and_a_flow_that_is_none_are_hung_up(engine: Engine) -> None:
    assert_hung_up(engine.post(outcome="done"), 404)
    assert_hung_up(engine.post(flowId="flow_none"), 404)
    assert_hung_up(engine.post(flowId=f"queue:{new_id('q')}"), 404)


def test_anothers_call_is_hung_up(system: System, engine: Engine, account: dict[str, Any]) -> None:
    theirs = account["account"]["id"]
    assert_hung_up(engine.post(accountId=theirs, flowId=engine.routed["flow_id"]), 404)
    engine.start()
    assert_hung_up(engine.post(accountId=theirs, outcome="digit:1"), 404)


def test_a_call_that_is_over_is_hung_up(system: System, engine: Engine) -> None:
    engine.start()
    system.report(engine.call_id, "end")
    assert_hung_up(engine.post(outcome="digit:1", seq=1), 410)
    assert_hung_up(engine.post(flowId=engine.routed["flow_id"]), 410)


def test_a_flow_that_is_over_is_hung_up(engine: Engine) -> None:
    engine.start()
    engine.step("digit:1")
    assert_hung_up(engine.post(outcome="done", seq=2), 410)


def test_a_call_keeps_the_version_that_it_was_routed_to(system: System) -> None:
    document = account_with(system, MENU, BYE, "m -digit:1> bye")
    engine = Engine(system, document)
    document["flows"][0] |= graph(node("s", "say", text="New"))
    system.apply(document)
    assert engine.start()["command"] == "gather"
    later = Engine(system, document)
    assert (later.routed["flow_version"], later.start()["tts"]["text"]) == (2, "New")
    system.apply(document)
    assert Engine(system, document).routed["flow_version"] == 2, "applied twice is applied once"


def test_the_trace_shows_the_flow(engine: Engine) -> None:
    engine.start()
    engine.step("digit:7")
    engine.step("digit:1")
    steps = engine.steps
    assert [step["title"].partition(": ")[0] for step in steps if "node" in step["detail"]] == [
        "menu m",
        "menu m",
        "menu m",
        "hangup bye",
    ]
    assert steps[2]["detail"]["what"] == "7 is no choice"
    assert [step["outcome"] for step in steps if "seq" in step["detail"]] == [
        "gather",
        "gather",
        "hangup",
    ]


def test_the_call_log_names_the_flow_and_its_version(system: System) -> None:
    document = account_with(system, MENU, BYE, "m -digit:1> bye")
    engine = Engine(system, document)
    engine.start()
    row = system.call(system.key(document["account"]["id"]), engine.call_id)
    assert (row["flow_id"], row["flow_version"]) == (engine.routed["flow_id"], 1)


def test_the_voicemail_behind_a_phone_stands_in_the_call_log(system: System) -> None:
    """The flow of a call that was sent to a phone, when nobody answers there."""
    voicemail = {"id": new_id("vm"), "name": "Alice"}
    document = acme(voicemails=[voicemail])
    document["users"][0]["voicemail_id"] = voicemail["id"]
    document["numbers"][0] |= {"dest_kind": "user", "dest_id": document["users"][0]["id"]}
    system.apply(document)
    device = document["devices"][0]
    registered = {
        "type": "register",
        "event": "registered",
        "username": device["auth_username"],
        "realm": device["realm"],
        "contact": "sip:1001@192.0.2.1",
    }
    assert system.edge.post("/presence/event", json=registered).status_code == 200
    engine = Engine(system, document)
    assert engine.routed["on_fail"]["dest_id"] == voicemail["id"]
    flow_id = f"voicemail:{voicemail['id']}"
    assert engine.good(flowId=flow_id)["urls"] == ["system/en-US/male/vm-greeting.wav"]
    record = engine.step("done")
    assert (record["command"], record["beep"]) == ("record", 1)
    assert record["key"].startswith(f"{engine.account_id}/vm/")
    assert engine.step("recorded", duration=4_000)["command"] == "hangup"
    row = system.call(system.key(document["account"]["id"]), engine.call_id)
    assert (row["flow_id"], row["flow_version"]) == (flow_id, 0)


def test_the_quickstarts_flow_out_of_hours_and_in(system: System) -> None:
    ids = {kind: new_id(kind) for kind in ("sch", "q", "vm")}
    always = [{"kind": "weekly", "dow": dow} for dow in range(7)]
    drawn = graph(
        node("hours", "timeCondition", scheduleId=ids["sch"]),
        node("welcome", "menu", promptText="Press 1 for support", maxDigits=1, timeoutSec=5),
        node("supQ", "enqueue", queueId=ids["q"]),
        node("vm", "voicemail", mailboxId=ids["vm"]),
        "hours -in_hours> welcome",
        "hours -out_of_hours> vm",
        "welcome -digit:1> supQ",
        "welcome -timeout> vm",
    )
    document = acme(
        schedules=[{"id": ids["sch"], "name": "Support hours", "rules": always}],
        queues=[{"id": ids["q"], "name": "Support"}],
        voicemails=[{"id": ids["vm"], "name": "Support"}],
    )
    document["flows"][0] |= drawn
    system.apply(document)
    engine = Engine(system, document)
    assert engine.start()["command"] == "gather"
    told = engine.step("digit:1")
    assert told["urls"] == ["system/en-US/male/no-agents.wav"]
    assert "nobody is logged in" in str(engine.steps)
    document["schedules"][0]["rules"] = [{"kind": "date", "start_date": "2020-01-01"}]
    system.apply(document)
    closed = Engine(system, document)
    assert closed.start()["urls"] == ["system/en-US/male/vm-greeting.wav"]


def test_a_phone_that_is_dialled_is_one_that_registered(system: System) -> None:
    document = acme()
    user, device = document["users"][0], document["devices"][0]
    drawn = graph(node("d", "dial", target="user", id=user["id"]), BYE, "d > bye")
    document["flows"][0] |= drawn
    system.apply(document)
    assert Engine(system, document).start()["command"] == "hangup", "nobody is registered"
    registered = {
        "type": "register",
        "event": "registered",
        "username": device["auth_username"],
        "realm": device["realm"],
        "contact": "sip:1001@192.0.2.1",
    }
    system.edge.post("/presence/event", json=registered)
    dial = Engine(system, document).start()
    (leg,) = dial["legs"]
    assert leg["aor"] == f"sip:1001@{device['realm']}"
    assert leg["timeoutMs"] == 25_000


def test_a_round_goes_on_with_the_next_phone(system: System) -> None:
    group = new_id("rg")
    document = acme()
    members = [{"user_id": user["id"], "position": n} for n, user in enumerate(document["users"])]
    document["ring_groups"] = [
        {"id": group, "name": "Sales", "strategy": "round_robin", "members": members}
    ]
    document["flows"][0] |= graph(node("g", "ringGroup", ringGroupId=group))
    system.apply(document)
    for device in document["devices"]:
        registered = {
            "type": "register",
            "event": "registered",
            "username": device["auth_username"],
            "realm": device["realm"],
            "contact": "sip:1@192.0.2.1",
        }
        system.edge.post("/presence/event", json=registered)
    first = [Engine(system, document).start()["legs"][0]["aor"][4:8] for _ in range(4)]
    assert first in (["1001", "1002"] * 2, ["1002", "1001"] * 2)


def test_a_trunks_password_reaches_the_engine_and_nothing_else(system: System) -> None:
    trunk = {"name": "carrier", "proxy": "carrier.example", "auth_username": "acme"}
    document = acme(trunks=[{**trunk, "password": "carrier's secret"}])
    dial = node("d", "dial", target="number", id="+442079460000")
    document["flows"][0] |= graph(dial)
    system.apply(document)
    engine = Engine(system, document)
    (leg,) = engine.start()["legs"]
    assert leg["authPassword"] == "carrier's secret"
    assert "authSecretRef" not in leg
    assert "carrier's secret" not in str(engine.steps)


# Webhooks


def _asking(system: System, url: str, **data: Any) -> Engine:
    body = '{"n":"{{caller_cid}}"}'
    parts = (
        node("w", "webhook", url=url, saveAs="crm", bodyTemplate=body, **data),
        node("good", "say", text="Hello {{crm.name}}"),
        node("bad", "say", text="Sorry"),
        "w -ok> good",
        "w -error> bad",
    )
    return Engine(system, account_with(system, *parts))


def test_a_server_of_the_customers_is_asked_between_two_steps(system: System) -> None:
    with sink() as server:
        server.says = b'{"name": "Dana"}'
        engine = _asking(system, server.url("/callers"))
        told = engine.start()
        assert told["tts"]["text"] == "Hello Dana"
        assert told["seq"] == 2
        (request,) = server.received
        assert request.json == {"n": "14155551234"}
        assert request.headers["webhook-id"] == f"{engine.call_id}:1"
        assert engine.start()["seq"] == 2, "asked again, the answer is the same"
        assert engine.facts == 2
    assert [step["outcome"] for step in engine.steps if "seq" in step["detail"]] == [
        "webhook",
        "play",
    ]


def test_a_request_is_signed_with_the_secret_of_its_node(system: System) -> None:
    secret = "whsec_" + "c2VjcmV0" * 4
    with sink() as server:
        parts = (node("w", "webhook", url=server.url(), secret=secret), BYE, "w -ok> bye")
        document = account_with(system, *parts)
        engine = Engine(system, document)
        assert engine.start()["command"] == "hangup"
        (request,) = server.received
        Webhook(secret).verify(request.body, request.headers)
        system.apply(document)
        again = Engine(system, document)
        again.start()
        assert again.routed["flow_version"] == 1, "the same secret is no change"
        document["flows"][0]["nodes"][0]["data"]["secret"] = secret.replace("V0c2", "V1c2")
        system.apply(document)
        other = Engine(system, document)
        assert (other.routed["flow_version"], other.start()["command"]) == (2, "hangup")
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(server.received[-1].body, server.received[-1].headers)
    assert secret not in str(engine.steps)


def test_anothers_secret_signs_nothing(system: System) -> None:
    ref = system.with_session(_somebodys_secret)
    with sink() as server:
        engine = _asking(system, server.url(), secretRef=ref)
        assert engine.start()["tts"]["text"] == "Sorry"
        assert server.received == []


async def _somebodys_secret(session: Session) -> str:
    return await asyncio.to_thread(session.vault.put, new_id("acc"), b"whsec_c2VjcmV0")


@pytest.mark.parametrize("status", [404, 500, 301])
def test_a_bad_answer_is_an_error(system: System, status: int) -> None:
    with sink() as server:
        server.answer = lambda received: (status, {"location": "http://127.0.0.1:1/"})
        engine = _asking(system, server.url())
        assert engine.start()["tts"]["text"] == "Sorry"
        assert len(server.received) == 1
    assert f"HTTP {status}" in str(engine.steps)


def test_a_server_that_is_slow_is_an_error(system: System) -> None:
    with sink() as server:

        def slow(_: Any) -> tuple[int, dict[str, str]]:
            time.sleep(1)
            return 200, {}

        server.answer = slow
        engine = _asking(system, server.url(), timeoutMs=100)
        assert engine.start()["tts"]["text"] == "Sorry"
    assert "timeout" in str(engine.steps)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[fe80::1]/", "http://x.invalid/"],
)
def test_our_own_network_is_not_asked(system: System, url: str) -> None:
    assert _asking(system, url).start()["tts"]["text"] == "Sorry"


# Secrets


def test_a_secret_reaches_neither_store_nor_trace(system: System) -> None:
    with sink() as server:
        server.says = b'{"name": "Dana"}'
        parts = (
            node("c", "collect", variable="pin", maxDigits=6, timeoutSec=5, secret=1),
            node("w", "webhook", url=server.url(), bodyTemplate='{"pin":"{{pin}}"}', saveAs="crm"),
            node("good", "say", text="Hello {{crm.name}}"),
            "c > w",
            "w -ok> good",
        )
        engine = Engine(system, account_with(system, *parts))
        engine.start()
        assert engine.step("digit:480157")["tts"]["text"] == "Hello Dana"
        assert server.received[0].json == {"pin": "480157"}
    assert "480157" not in str(engine.steps)
    with system.database() as connection:
        row = connection.execute(
            "SELECT count(*) AS n FROM events.stored_events"
            " WHERE position('480157' in convert_from(state, 'UTF8')) > 0"
        ).fetchone()
    assert row == {"n": 0}


# Life goes on


def test_a_call_goes_on_when_the_worker_dies(own_system: System) -> None:
    document = account_with(own_system, MENU, BYE, "m -digit:1> bye")
    engine = Engine(own_system, document)
    engine.start()
    engine.step("digit:9")
    document["flows"][0] |= graph(BYE)
    own_system.apply(document)
    own_system.kill("worker-1")

    def again() -> Any:
        answer = engine.post(outcome="timeout", seq=2)
        return answer.json() if answer.status_code == 200 else None

    told = eventually(again, 20)
    assert (told["command"], told["seq"]) == ("gather", 3)
    assert engine.step("digit:1", 3)["command"] == "hangup"
    assert [step["outcome"] for step in engine.steps if "seq" in step["detail"]] == [
        *("gather", "gather", "gather", "hangup")
    ]


# Bad input


@pytest.mark.parametrize(
    ("members", "pointers"),
    [
        ({}, ["/callId", "/flowId"]),
        ({"callId": "a b", "outcome": "x"}, ["/callId"]),
        ({"callId": "a"}, ["/flowId"]),
        ({"callId": "a", "flowId": ""}, ["/flowId"]),
        ({"callId": "a", "outcome": ""}, ["/outcome"]),
        ({"callId": "a", "outcome": "x\r\ny"}, ["/outcome"]),
        ({"callId": "a", "outcome": "x" * 65}, ["/outcome"]),
        ({"callId": "a", "outcome": "x", "seq": -1}, ["/seq"]),
        ({"callId": "a", "outcome": "x", "seq": "one"}, ["/seq"]),
        ({"callId": "a", "outcome": "x", "data": [1]}, ["/data"]),
        ({"callId": "a", "outcome": "x", "data": {"a": {}}}, ["/data/a"]),
        ({"callId": "a", "flowId": "f", "vars": {"a b": "1"}}, ["/vars/a b/[key]"]),
        ({"callId": "a", "flowId": "f", "vars": {"a": "x" * 20_000}}, ["/vars/a"]),
    ],
)
def test_a_bad_member_is_named(
    system: System, members: dict[str, Any], pointers: list[str]
) -> None:
    problem = assert_problem(system.edge.post("/flow", json=members), 400)
    assert [error["pointer"] for error in problem["errors"]] == pointers


_MEMBERS = st.sampled_from(["callId", "accountId", "flowId", "vars", "outcome", "data", "seq"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(_MEMBERS, HOSTILE, max_size=6))
def test_nothing_that_is_sent_makes_an_error_of_ours(
    system: System, engine: Engine, body: dict[str, Any]
) -> None:
    engine.start()
    answer = engine.post(**{name: value for name, value in body.items() if name != "callId"})
    assert answer.status_code < 500, (body, answer.text)
    assert system.edge.post("/flow", json=body).status_code < 500
