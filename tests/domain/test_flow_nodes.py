"""What each kind of node does: its command, its outcomes, what the caller gets when nothing is
drawn."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import dnc
from domain.dnc import DncList
from domain.flow import session
from events.base import Millis
from events.capacity import Dimension, Hold
from events.dnc import Entry, NumbersListed
from events.flow import (
    Dial,
    FlowCommand,
    Gather,
    Hangup,
    JoinConference,
    Play,
    Record,
    Request,
    Speech,
)
from tests.domain.acme import CALLER, DID_NUMBER, Acme
from tests.domain.flows import InFlow, node, rings, through
from tests.support.given import ACCOUNT

SAY = node("bye", "say", text="Bye")
END = node("end", "hangup")


def _said(command: FlowCommand) -> str:
    """The text of a command, or its last file."""
    assert isinstance(command, Play | Gather), command
    return command.tts.text if command.tts else command.urls[-1]


def _prompt(id: str) -> str:
    return f"system/en-US/male/{id}.wav"


# What is heard


def test_a_file_is_played_from_the_accounts_folder() -> None:
    acme = Acme()
    acme.add_media("media_1")
    flow = through(node("a", "play", audioId="media_1", bargeIn=1), END, "a > end", acme=acme)
    assert flow.start() == Play(urls=(f"{ACCOUNT}/media_1.wav",), barge_in=1)
    assert flow.step("done") == Hangup(sip_code=603)
    assert flow.path == [("a", "default"), ("end", "")]


def test_a_system_prompt_is_played_from_its_own() -> None:
    flow = through(node("a", "play", audioId=_prompt("welcome")), END, "a > end")
    assert flow.start() == Play(urls=(_prompt("welcome"),))


@pytest.mark.parametrize("outcome", ["done", "barge", "timeout", "error", "anything"])
def test_whatever_becomes_of_a_prompt_the_call_goes_on(outcome: str) -> None:
    flow = through(node("a", "play", audioId=_prompt("welcome")), END, "a > end")
    flow.start()
    assert isinstance(flow.step(outcome), Hangup)


def test_a_text_is_spoken_with_its_variables() -> None:
    flow = through(node("a", "say", text="You are {{ caller_cid }}, {{who}}.{{none}}"), END)
    command = flow.start(who="Dana")
    speech = Speech(text=f"You are {CALLER}, Dana.", voice="male", language="en-US")
    assert isinstance(command, Play)
    assert command.tts == speech
    assert command.urls[0].startswith("tts/")
    assert command.urls[0].endswith(".wav")


def test_the_same_text_in_the_same_voice_is_one_file() -> None:
    def key(text: str, **data: Any) -> str:
        command = through(node("a", "say", text=text, **data)).start()
        assert isinstance(command, Play)
        return command.urls[0]

    assert key("Hello") == key("Hello")
    assert (
        len({key("Hello"), key("Hallo"), key("Hello", voice="x"), key("Hello", language="de-DE")})
        == 4
    )


# Menu


MENU = node(
    "m",
    "menu",
    promptText="Press 1",
    repromptText="Again",
    invalidText="No",
    maxDigits=1,
    timeoutSec=5,
    maxFailures=2,
    maxTimeouts=2,
)


def test_a_menu_asks_for_digits() -> None:
    command = through(MENU, END, "m -digit:1> end").start()
    assert isinstance(command, Gather)
    assert command.model_copy(update={"urls": (), "tts": None}) == Gather(
        urls=(),
        min_digits=1,
        max_digits=1,
        timeout_ms=5_000,
        inter_digit_timeout_ms=3_000,
        barge_in=1,
    )
    assert _said(command) == "Press 1"


@pytest.mark.parametrize("digits", ["1", "*", "#", "42"])
def test_a_choice_is_followed(digits: str) -> None:
    flow = through(MENU, END, f"m -digit:{digits}> end")
    flow.start()
    assert isinstance(flow.step(f"digit:{digits}"), Hangup)
    assert flow.path[0] == ("m", f"digit:{digits}")


def test_a_choice_that_is_not_drawn_takes_the_default() -> None:
    flow = through(MENU, END, SAY, "m -digit:1> end", "m > bye")
    flow.start()
    assert _said(flow.step("digit:9")) == "Bye"
    assert flow.path[0] == ("m", "digit:9")


def test_digits_may_come_beside_the_outcome() -> None:
    flow = through(MENU, END, "m -digit:1> end")
    flow.start()
    assert isinstance(flow.step("done", digits="1"), Hangup)


def test_a_menu_asks_again_until_its_tries_are_used_up() -> None:
    flow = through(MENU, END, SAY, "m -digit:1> end", "m -invalid> bye")
    flow.start()
    assert _said(flow.step("digit:9")) == "No"
    assert _said(flow.step("timeout")) == "Again"
    assert _said(flow.step("digit:8")) == "Bye"
    assert flow.path[0] == ("m", "invalid")


def test_silence_has_tries_of_its_own() -> None:
    flow = through(MENU, END, SAY, "m -digit:1> end", "m -timeout> bye")
    flow.start()
    flow.step("digit:9")
    assert _said(flow.step("timeout")) == "Again"
    assert _said(flow.step("timeout")) == "Bye"
    assert flow.path[0] == ("m", "timeout")


def test_a_menu_that_is_entered_again_has_all_its_tries() -> None:
    flow = through(MENU, SAY, "m -timeout> bye", "bye > m")
    flow.start()
    flow.step("timeout")
    assert _said(flow.step("timeout")) == "Bye"
    assert _said(flow.step("done")) == "Press 1"
    assert _said(flow.step("timeout")) == "Again"


def test_without_a_text_of_its_own_a_mistake_is_called_one() -> None:
    menu = node("m", "menu", promptAudioId="media_1", maxDigits=1, timeoutSec=5)
    acme = Acme()
    acme.add_media("media_1")
    flow = through(menu, END, "m -digit:1> end", acme=acme)
    flow.start()
    command = flow.step("digit:2")
    assert isinstance(command, Gather)
    assert command.urls == (_prompt("invalid"), f"{ACCOUNT}/media_1.wav")


# Collect


def _collect(**data: Any) -> dict[str, Any]:
    known = {"variable": "pin", "promptText": "PIN", "maxDigits": 4, "timeoutSec": 5, "maxTries": 2}
    return node("c", "collect", **{**known, "minDigits": 4, **data})


@pytest.mark.parametrize(("outcome", "kept"), [("digit:1234", "1234"), ("digit:1234#", "1234")])
def test_digits_are_collected_into_a_variable(outcome: str, kept: str) -> None:
    flow = through(_collect(), SAY, "c > bye")
    command = flow.start()
    assert isinstance(command, Gather)
    assert (command.min_digits, command.max_digits, command.terminators) == (4, 4, "#")
    flow.step(outcome)
    assert flow.variables["pin"] == kept


@pytest.mark.parametrize(("first", "second"), [("digit:12", "digit:123"), ("timeout", "digit:1")])
def test_what_does_not_fit_is_asked_for_again(first: str, second: str) -> None:
    flow = through(_collect(), SAY, "c -invalid> bye")
    flow.start()
    assert isinstance(flow.step(first), Gather)
    assert _said(flow.step(second)) == "Bye"
    assert "pin" not in flow.variables


def test_silence_ends_in_timeout() -> None:
    flow = through(_collect(), SAY, "c -timeout> bye")
    flow.start()
    flow.step("timeout")
    assert _said(flow.step("timeout")) == "Bye"


def test_a_pattern_decides_what_is_good() -> None:
    flow = through(_collect(regex="[1-5]{4}"), SAY, "c > bye")
    flow.start()
    assert isinstance(flow.step("digit:1236"), Gather)
    assert _said(flow.step("digit:1235")) == "Bye"


# A secret


SECRET = _collect(secret=1)


def test_a_secret_is_known_for_the_step_and_never_stored() -> None:
    is_right = node("q", "condition", expression=[{"variable": "pin", "op": "eq", "value": "4711"}])
    flow = through(SECRET, is_right, SAY, END, "c > q", "q -match:0> bye", "q -else> end")
    flow.start()
    assert _said(flow.step("digit:4711")) == "Bye"
    assert "4711" not in str(flow.facts)
    assert flow.facts[-1].reported == "digit:****"
    assert flow.variables["pin"] == "****"


def test_a_wrong_secret_is_not_stored_either() -> None:
    flow = through(SECRET, SAY, "c > bye")
    flow.start()
    flow.step("done", digits="471")
    assert "471" not in str(flow.facts)


def test_what_is_made_of_a_secret_is_one() -> None:
    copy = node("s", "setVariable", assignments=[{"name": "copy", "value": "<{{pin}}>"}])
    hook = node(
        "w", "webhook", url="https://crm.example/{{copy}}", bodyTemplate='{"pin":"{{pin}}"}'
    )
    flow = through(SECRET, copy, hook, "c > s", "s > w")
    flow.start()
    command = flow.step("digit:4711")
    assert isinstance(command, Request)
    assert (command.url, command.body) == ("https://crm.example/%3C4711%3E", '{"pin":"4711"}')
    assert not command.is_masked
    stored = flow.facts[-1].command
    assert isinstance(stored, Request)
    assert stored.is_masked
    assert "4711" not in str(flow.facts)


def test_a_secret_is_not_stored_where_only_the_clear_text_would_do() -> None:
    acme = Acme()
    acme.add_trunk("tr_1")
    call = node("d", "dial", target="number", id="{{pin}}")
    flow = through(_collect(secret=1, maxDigits=12), call, "c > d", acme=acme)
    flow.start()
    assert _said(flow.step("digit:442079460000")) == _prompt("goodbye")
    assert "442079460000" not in str(flow.facts)


def test_half_a_secret_is_none_the_less_one() -> None:
    flow = through(SECRET, SAY, "c > bye")
    flow.start()
    flow.step("hangup", digits="471")
    assert "471" not in str(flow.facts)


def test_a_secret_is_kept_when_its_question_is_lost() -> None:
    flow = through(SECRET, SAY, "c > bye")
    flow.start()
    flow.acme.rows.directory.published.clear()
    flow.acme.lose("call_flow", "flow_1")
    flow.step("digit:4711")
    assert "4711" not in str(flow.facts)


def test_what_is_not_secret_is_stored_as_it_is() -> None:
    flow = through(_collect(), SAY, "c > bye")
    flow.start()
    flow.step("digit:4711")
    assert (flow.facts[-1].reported, flow.facts[-1].variables) == ("digit:4711", {"pin": "4711"})


# Decisions


def _at(local: str) -> Millis:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("UTC"))
    return Millis(int(moment.timestamp() * 1000))


HOLIDAY = {"kind": "date", "start_date": "2026-07-03", "is_closed": 1, "label": "Day"}
WORK = {"kind": "weekly", "dow": 5, "start_time": "09:00", "end_time": "17:00"}
IN, OUT, DAY = "h -in_hours> in", "h -out_of_hours> out", "h -holiday> day"


@pytest.mark.parametrize(
    ("local", "drawn", "said"),
    [
        ("2026-06-26 12:00", [IN, OUT, DAY], "in"),
        ("2026-06-26 18:00", [IN, OUT, DAY], "out"),
        ("2026-07-03 12:00", [IN, OUT, DAY], "day"),
        ("2026-07-03 12:00", [IN, OUT], "out"),
        ("2026-07-03 12:00", [IN, "h > out"], "out"),
        ("2026-07-03 12:00", [IN, OUT, "h > day"], "out"),
    ],
)
def test_hours_decide(local: str, drawn: list[str], said: str) -> None:
    acme = Acme(now=_at(local))
    acme.add("time_schedule", "sch_1", name="Hours", rules=[WORK, HOLIDAY])
    parts = [node(id, "say", text=id) for id in ("in", "out", "day")]
    flow = through(node("h", "timeCondition", scheduleId="sch_1"), *parts, *drawn, acme=acme)
    assert _said(flow.start()) == said


def test_a_schedule_that_was_lost_is_open_and_the_path_says_so() -> None:
    acme = Acme(now=_at("2026-06-26 23:00"))
    acme.add("time_schedule", "sch_1", name="Hours", rules=[WORK])
    flow = through(
        node("h", "timeCondition", scheduleId="sch_1"), SAY, "h -in_hours> bye", acme=acme
    )
    acme.lose("time_schedule", "sch_1")
    assert _said(flow.start()) == "Bye"
    assert flow.notes[0].startswith("warning")


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        ({"op": "eq", "value": "vip"}, True),
        ({"op": "eq", "value": "VIP"}, False),
        ({"op": "eq", "value": "{{same}}"}, True),
        ({"op": "ne", "value": "vip"}, False),
        ({"op": "exists"}, True),
        ({"op": "exists", "variable": "nothing"}, False),
        ({"op": "in", "value": "gold, vip"}, True),
        ({"op": "in", "value": ["gold", "vip"]}, True),
        ({"op": "in", "value": "gold"}, False),
        ({"op": "matches", "value": "v.p"}, True),
        ({"op": "matches", "value": "v"}, False),
        ({"op": "lt", "variable": "nine", "value": "10"}, True),
        ({"op": "lt", "variable": "nine", "value": 10}, True),
        ({"op": "gt", "variable": "nine", "value": "10"}, False),
        ({"op": "eq", "variable": "nine", "value": "9.0"}, True),
        ({"op": "lt", "value": "w"}, True),
        ({"op": "gt", "variable": "nothing", "value": "0"}, False),
    ],
)
def test_a_row_of_a_condition(row: dict[str, Any], holds: bool) -> None:
    rows = [{"variable": "level", **row}]
    flow = through(
        node("q", "condition", expression=rows), SAY, END, "q -match:0> bye", "q -else> end"
    )
    command = flow.start(level="vip", same="vip", nine="9")
    assert isinstance(command, Play) is holds


def test_the_first_row_that_holds_decides() -> None:
    rows = [{"variable": "x", "op": "eq", "value": str(n)} for n in (1, 2, 2)]
    flow = through(node("q", "condition", rows=rows), SAY, END, "q -match:1> bye", "q > end")
    flow.start(x="2")
    assert flow.path[0] == ("q", "match:1")


def test_assignments_see_each_other() -> None:
    values = [{"name": "a", "value": "1"}, {"name": "b", "value": "{{a}}{{a}}"}]
    flow = through(node("s", "setVariable", assignments=values), SAY, "s > bye")
    flow.start(a="0")
    assert (flow.variables["a"], flow.variables["b"]) == ("1", "11")
    assert flow.facts[-1].variables["b"] == "11"


# Webhooks


HOOK = node(
    "w",
    "webhook",
    url="https://crm.example/callers?n={{caller_cid}}&q={{q}}",
    headers={"x-call": "{{q}}"},
    bodyTemplate='{"q": "{{q}}"}',
    timeoutMs=500,
    saveAs="crm",
)


def test_a_request_is_a_command_with_its_variables_made_fit() -> None:
    command = through(HOOK, SAY, "w -ok> bye").start(q='a&"b\r\n')
    assert command == Request(
        url=f"https://crm.example/callers?n={CALLER}&q=a%26%22b%0D%0A",
        method="POST",
        headers={"x-call": 'a&"b'},
        body='{"q": "a&\\"b\\r\\n"}',
        timeout_ms=500,
    )


def test_an_answer_becomes_variables() -> None:
    flow = through(HOOK, node("bye", "say", text="{{crm.name}} {{crm.level}}"), "w -ok> bye")
    flow.start()
    body = '{"name": "Dana", "level": 3, "vip": true, "deep": {"x": 1}, "list": [1]}'
    assert _said(flow.step("ok", body=body, status="200")) == "Dana 3"
    assert flow.variables["crm"] == body
    assert flow.variables["crm.vip"] == "1"
    assert "crm.deep" not in flow.variables


@pytest.mark.parametrize("body", ["", "plain", "[1, 2]", "{", "null"])
def test_an_answer_may_be_any_text(body: str) -> None:
    flow = through(HOOK, SAY, "w -ok> bye")
    flow.start()
    assert _said(flow.step("ok", body=body)) == "Bye"
    assert flow.variables["crm"] == body


def test_a_failure_is_an_outcome() -> None:
    flow = through(HOOK, SAY, "w -error> bye")
    flow.start()
    assert _said(flow.step("error", reason="timeout")) == "Bye"
    assert flow.notes[0] == "timeout"


# Ringing


def _dial(target: str, id: str, **data: Any) -> dict[str, Any]:
    return node("d", "dial", target=target, id=id, **{"timeoutSec": 20, **data})


def _with_users(**members: Any) -> Acme:
    acme = Acme()
    acme.add("voicemail", "vm_1")
    acme.add_user("1001", devices=2, **members)
    acme.add_user("1002")
    return acme


def test_a_user_is_rung_on_all_devices() -> None:
    flow = through(_dial("user", "us_1001", recording=1), acme=_with_users())
    command = flow.start()
    assert rings(command) == [
        ("sip:1001@acme.example", 0, 20),
        ("sip:1001-2@acme.example", 0, 20),
    ]
    assert isinstance(command, Dial)
    assert (command.caller_id, command.timeout_ms, command.record) == (CALLER, 20_000, 1)
    assert flow.step("answered") == Hangup()


def test_devices_in_sequence_ring_after_each_other() -> None:
    acme = _with_users(ring_strategy="sequential", ring_timeout_sec=10)
    command = through(_dial("user", "us_1001"), acme=acme).start()
    assert [(begin, length) for _, begin, length in rings(command)] == [(0, 10), (10, 10)]


@pytest.mark.parametrize(
    ("members", "outcome"),
    [({"dnd": 1}, "busy"), ({"status": "disabled"}, "failed"), ({}, "no_answer")],
)
def test_a_user_who_cannot_be_rung_is_an_outcome_at_once(
    members: dict[str, Any], outcome: str
) -> None:
    acme = _with_users(**members)
    if not members:
        acme.unplug("dev_1001_1")
        acme.unplug("dev_1001_2")
    flow = through(_dial("user", "us_1001"), SAY, f"d -{outcome}> bye", acme=acme)
    assert _said(flow.start()) == "Bye"


def test_a_user_who_talks_already_is_busy() -> None:
    acme = _with_users(max_simultaneous=1)
    acme.occupy(Hold(Dimension.USER, "us_1001"))
    flow = through(_dial("user", "us_1001"), SAY, "d -busy> bye", acme=acme)
    assert _said(flow.start()) == "Bye"


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "failed"])
def test_an_outcome_of_a_dial_is_followed(outcome: str) -> None:
    flow = through(_dial("user", "us_1001"), SAY, f"d -{outcome}> bye", acme=_with_users())
    flow.start()
    assert _said(flow.step(outcome)) == "Bye"


def test_what_is_not_drawn_goes_where_the_user_says() -> None:
    flow = through(_dial("user", "us_1001"), acme=_with_users(voicemail_id="vm_1"))
    flow.start()
    assert _said(flow.step("no_answer")) == _prompt("vm-greeting")
    forward = {"fwd_busy_kind": "user", "fwd_busy_id": "us_1002"}
    acme = _with_users(voicemail_id="vm_1")
    acme.change("sip_user", "us_1001", **forward)
    flow = through(_dial("user", "us_1001"), acme=acme)
    flow.start()
    assert rings(flow.step("busy")) == [("sip:1002@acme.example", 0, 25)]


def test_a_user_who_forwards_always_is_followed() -> None:
    acme = _with_users()
    acme.change("sip_user", "us_1001", fwd_always_kind="user", fwd_always_id="us_1002")
    assert rings(through(_dial("user", "us_1001"), acme=acme).start())[0][0].startswith("sip:1002@")
    acme = _with_users()
    acme.change("sip_user", "us_1001", fwd_always_kind="voicemail", fwd_always_id="vm_1")
    assert _said(through(_dial("user", "us_1001"), acme=acme).start()) == _prompt("vm-greeting")


def test_users_who_forward_to_each_other_ring_nobody_for_ever() -> None:
    acme = _with_users()
    acme.change("sip_user", "us_1001", fwd_always_kind="user", fwd_always_id="us_1002")
    acme.change("sip_user", "us_1002", fwd_always_kind="user", fwd_always_id="us_1001")
    assert isinstance(through(_dial("user", "us_1001"), acme=acme).start(), Dial | Play)


def test_an_extension_rings_its_user() -> None:
    acme = _with_users()
    acme.add("extension", "ext_1", digits="200", dest_kind="user", dest_id="us_1002")
    assert rings(through(_dial("extension", "ext_1"), acme=acme).start())[0][0].startswith(
        "sip:1002@"
    )


def test_an_extension_leads_anywhere() -> None:
    acme = _with_users()
    acme.add("extension", "ext_1", digits="200", dest_kind="voicemail", dest_id="vm_1")
    flow = through(_dial("extension", "ext_1"), acme=acme)
    assert _said(flow.start()) == _prompt("vm-greeting")


def test_a_number_goes_out_over_the_accounts_trunks() -> None:
    acme = Acme(default_cid_number="+12025550100")
    acme.add_trunk("tr_1")
    flow = through(_dial("number", "{{to}}"), SAY, "d -failed> bye", acme=acme)
    command = flow.start(to="+442079460000")
    assert rings(command) == [("sip:442079460000@1.example", 0, 20)]
    assert isinstance(command, Dial)
    assert (command.strategy, command.caller_id) == ("failover", "12025550100")


@pytest.mark.parametrize("number", ["+442079460000", "no number", ""])
def test_a_number_that_cannot_be_reached_is_an_outcome(number: str) -> None:
    flow = through(_dial("number", "{{to}}"), SAY, "d -failed> bye")
    assert _said(flow.start(to=number)) == "Bye"


def test_no_number_is_called_without_a_free_channel_but_help() -> None:
    acme = Acme(max_out=1)
    acme.add_trunk("tr_1")
    acme.occupy(Hold(Dimension.ACCOUNT_OUT, ACCOUNT))
    flow = through(_dial("number", "{{to}}"), SAY, "d -failed> bye", acme=acme)
    assert _said(flow.start(to="+442079460000")) == "Bye"
    help = InFlow(acme, call_id="2")
    assert rings(help.start(to="911")) == [("sip:911@1.example", 0, 20)]


def test_who_must_not_be_called_is_not_called_by_a_flow_either() -> None:
    acme = Acme()
    acme.add_trunk("tr_1")
    acme.dnc = DncList()
    entry = NumbersListed(account_id=ACCOUNT, at=acme.now, entries=(Entry("442079460000"),), by="k")
    dnc.evolve(acme.dnc, entry)
    flow = through(_dial("number", "{{to}}"), SAY, "d -failed> bye", acme=acme)
    assert _said(flow.start(to="+442079460000")) == "Bye"
    other = InFlow(acme, call_id="2")
    assert rings(other.start(to="+442079460001"))


def test_an_account_that_was_suspended_meanwhile_calls_nobody() -> None:
    acme = Acme()
    acme.add_trunk("tr_1")
    flow = through(_dial("number", "{{to}}"), SAY, "d -failed> bye", acme=acme)
    acme.change("account", ACCOUNT, status="suspended")
    assert _said(flow.start(to="+442079460000")) == "Bye"


def test_a_sip_address_is_rung_as_it_is_and_nothing_else_is_one() -> None:
    parts = (
        _dial("sip", "sip:{{who}}@pbx.example", callerId="{{called_did}}"),
        SAY,
        "d -failed> bye",
    )
    command = through(*parts).start(who="42")
    assert rings(command) == [("sip:42@pbx.example", 0, 20)]
    assert isinstance(command, Dial)
    assert command.caller_id == DID_NUMBER
    assert _said(through(*parts).start(who="a@b\r\nRoute: x")) == "Bye"


# Forwards


def _forwarding(to: str = "+442079460000", **members: Any) -> Acme:
    acme = Acme(default_cid_number="+12025550100")
    acme.add_trunk("tr_1")
    acme.add("forward", "fwd_1", name="Mobile", to=to, ring_timeout_sec=15, **members)
    acme.add_did("forward", "fwd_1")
    return acme


def test_a_forward_goes_out_over_the_accounts_trunks() -> None:
    acme = _forwarding()
    directive = acme.ring_in().directive
    assert directive.action == "flow"
    command = InFlow(acme).start(directive.flow_id)
    assert directive.flow_id == "forward:fwd_1"
    assert rings(command) == [("sip:442079460000@1.example", 0, 15)]
    assert isinstance(command, Dial)
    assert command.strategy == "failover"


def test_a_forward_to_a_sip_address_rings_it_as_it_is() -> None:
    command = InFlow(_forwarding("sip:desk@night.example")).start("forward:fwd_1")
    assert rings(command) == [("sip:desk@night.example", 0, 15)]


@pytest.mark.parametrize("to", ["+442079460000", "sip:desk@night.example"])
@pytest.mark.parametrize(
    ("policy", "shown"),
    [("keep", CALLER), ("account", "12025550100"), ("number", "12025550199")],
)
def test_a_forward_shows_whom_its_policy_says(to: str, policy: str, shown: str) -> None:
    acme = _forwarding(to, cid_policy=policy, cid_number="+12025550199")
    command = InFlow(acme).start("forward:fwd_1")
    assert isinstance(command, Dial)
    assert command.caller_id == shown


def test_a_caller_without_a_number_is_forwarded_with_the_accounts() -> None:
    acme = _forwarding()
    flow = InFlow(acme)
    context = replace(flow.context, from_number="anonymous")
    told = session.start(flow.session, context, "forward:fwd_1", {})
    assert isinstance(told.command, Dial)
    assert told.command.caller_id == "12025550100"


def test_a_forward_is_dialled_by_a_flow_too() -> None:
    acme = Acme()
    acme.add("forward", "fwd_1", name="Desk", to="sip:desk@night.example")
    flow = through(_dial("forward", "fwd_1"), SAY, "d -failed> bye", acme=acme)
    assert rings(flow.start()) == [("sip:desk@night.example", 0, 20)]
    acme.lose("forward", "fwd_1")
    assert _said(InFlow(acme, call_id="2").start()) == "Bye"


def test_a_forward_keeps_to_the_rules_of_calls_to_outside() -> None:
    acme = _forwarding()
    acme.change("account", ACCOUNT, max_out=1)
    acme.occupy(Hold(Dimension.ACCOUNT_OUT, ACCOUNT))
    assert _said(InFlow(acme).start("forward:fwd_1")) == _prompt("goodbye")


# Ring groups


def _group(strategy: str, acme: Acme | None = None, **more: Any) -> Acme:
    acme = acme or Acme()
    for name in ("1001", "1002", "1003"):
        acme.add_user(name)
    members = [
        {"user_id": "us_1001", "position": 1, "delay_sec": 2},
        {"device_id": "dev_1002_1", "position": 0, "timeout_sec": 7},
        {"user_id": "us_1003", "position": 2},
    ]
    acme.add("ring_group", "rg_1", name="Sales", strategy=strategy, **{"members": members, **more})
    return acme


GROUP = node("g", "ringGroup", ringGroupId="rg_1")


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("ring_all", [("1002", 0, 7), ("1001", 2, 25), ("1003", 0, 25)]),
        ("sequential", [("1002", 0, 7), ("1001", 9, 25), ("1003", 34, 25)]),
    ],
)
def test_a_group_rings_by_its_strategy(strategy: str, expected: list[tuple[str, int, int]]) -> None:
    command = through(GROUP, acme=_group(strategy)).start()
    found = [(uri[4:8], begin, length) for uri, begin, length in rings(command)]
    assert found == expected
    assert isinstance(command, Dial)
    assert command.timeout_ms == max(begin + length for _, begin, length in expected) * 1000


@pytest.mark.parametrize(("turn", "order"), [(0, "213"), (1, "132"), (2, "321"), (3, "213")])
def test_in_a_round_each_call_begins_with_the_next(turn: int, order: str) -> None:
    acme = _group("round_robin")
    acme.turns["rg_1"] = turn
    command = through(GROUP, acme=acme).start()
    assert [uri[7] for uri, _, _ in rings(command)] == list(order)


def test_who_cannot_be_rung_takes_no_turn() -> None:
    acme = _group("sequential")
    acme.unplug("dev_1002_1")
    acme.change("sip_user", "us_1001", dnd=1)
    assert rings(through(GROUP, acme=acme).start()) == [("sip:1003@acme.example", 0, 25)]


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "failed", "timeout"])
def test_a_group_that_nobody_answers_goes_to_its_exit(outcome: str) -> None:
    acme = Acme()
    acme.add("voicemail", "vm_1")
    _group("ring_all", acme, exit_dest_kind="voicemail", exit_dest_id="vm_1")
    flow = through(GROUP, acme=acme)
    flow.start()
    assert _said(flow.step(outcome)) == _prompt("vm-greeting")
    drawn = through(GROUP, SAY, "g -no_answer> bye", acme=_group("ring_all"))
    drawn.start()
    assert _said(drawn.step(outcome)) == "Bye"


def test_a_group_has_hours() -> None:
    acme = Acme(now=_at("2026-06-26 18:00"))
    acme.add("voicemail", "vm_1")
    acme.add("time_schedule", "sch_1", name="Hours", rules=[WORK])
    _group("ring_all", acme, schedule_id="sch_1")
    assert _said(through(GROUP, SAY, "g -no_answer> bye", acme=acme).start()) == "Bye"
    acme.change("ring_group", "rg_1", closed_dest_kind="voicemail", closed_dest_id="vm_1")
    assert _said(InFlow(acme, call_id="2").start()) == _prompt("vm-greeting")


# Queues


@pytest.mark.parametrize(
    ("queue", "outcome", "note"),
    [
        ({}, "no_agents", "nobody is logged in"),
        ({"max_queued": 0}, "full", "as many wait as may"),
        ({"schedule_id": "sch_1"}, "no_agents", "out_of_hours"),
    ],
)
def test_the_gates_of_a_queue(queue: dict[str, Any], outcome: str, note: str) -> None:
    acme = Acme(now=_at("2026-06-26 18:00"))
    acme.add("time_schedule", "sch_1", name="Hours", rules=[WORK])
    acme.add("queue", "q_1", name="Support", **queue)
    flow = through(node("q", "enqueue", queueId="q_1"), SAY, f"q -{outcome}> bye", acme=acme)
    assert _said(flow.start()) == "Bye"
    assert flow.path[0] == ("q", outcome)
    assert flow.notes[0] == note


@pytest.mark.parametrize(
    "queue",
    [
        {"no_agents_dest_kind": "voicemail", "no_agents_dest_id": "vm_1"},
        {"max_queued": 0, "queue_full_dest_kind": "voicemail", "queue_full_dest_id": "vm_1"},
        {"schedule_id": "sch_1", "closed_dest_kind": "voicemail", "closed_dest_id": "vm_1"},
    ],
)
def test_what_is_not_drawn_goes_where_the_queue_says(queue: dict[str, Any]) -> None:
    acme = Acme(now=_at("2026-06-26 18:00"))
    acme.add("voicemail", "vm_1")
    acme.add("time_schedule", "sch_1", name="Hours", rules=[WORK])
    acme.add("queue", "q_1", name="Support", **queue)
    flow = through(node("q", "enqueue", queueId="q_1"), acme=acme)
    assert _said(flow.start()) == _prompt("vm-greeting")


@pytest.mark.parametrize(("max_queued", "prompt"), [(None, "no-agents"), (0, "all-busy")])
def test_a_queue_that_leads_nowhere_says_so(max_queued: int | None, prompt: str) -> None:
    acme = Acme()
    acme.add("queue", "q_1", name="Support", max_queued=max_queued)
    flow = through(node("q", "enqueue", queueId="q_1"), acme=acme)
    assert _said(flow.start()) == _prompt(prompt)
    assert isinstance(flow.step("done"), Hangup)


@pytest.mark.parametrize("whom", [{"number": "nobody"}, {"number": "{{missing}}"}])
def test_who_has_no_number_is_not_called_back(whom: dict[str, str]) -> None:
    acme = Acme()
    acme.add("queue", "q_1", name="Support")
    wish = node("c", "callback", queueId="q_1", **whom)
    flow = through(wish, SAY, "c -failed> bye", acme=acme)
    assert _said(flow.start()) == "Bye"


# Recording, rooms


def test_a_voicemail_greets_records_and_ends() -> None:
    acme = Acme()
    acme.add_media("media_1")
    acme.add("voicemail", "vm_1", greeting_media_id="media_1")
    flow = through(node("v", "voicemail", mailboxId="vm_1"), acme=acme)
    assert _said(flow.start()) == f"{ACCOUNT}/media_1.wav"
    assert flow.step("done") == Record(
        key=f"{ACCOUNT}/vm/{flow.call_id}.wav",
        max_ms=180_000,
        silence_ms=5_000,
        beep=1,
        voicemail_id="vm_1",
    )
    assert flow.step("recorded", duration="4000") == Hangup()


def test_a_key_holds_only_what_a_key_may() -> None:
    acme = Acme()
    acme.add("voicemail", "vm_1")
    keys = set()
    long = "x" * 254
    for call_id in ("../../x", "a/b", "a_b", "..", ".hidden", "a%2Fb", long + "1", long + "2"):
        flow = InFlow(acme, *_voicemail_once(acme), call_id=call_id)
        flow.start()
        command = flow.step("done")
        assert isinstance(command, Record)
        account, folder, name = command.key.split("/")
        assert (account, folder) == (ACCOUNT, "vm")
        assert not name.startswith(".")
        assert len(name) < 200
        assert "%" not in name
        keys.add(command.key)
    assert len(keys) == 8


def _voicemail_once(acme: Acme) -> list[dict[str, Any]]:
    known = "flow_1" in acme.rows.directory.rows
    return [] if known else [node("v", "voicemail", mailboxId="vm_1")]


def test_what_is_recorded_has_its_key_in_a_variable() -> None:
    record = node("r", "record", maxSec=30, silenceSec=3, variable="message")
    flow = through(record, SAY, END, "r > bye", "r -silence> end")
    command = flow.start()
    assert isinstance(command, Record)
    assert (command.max_ms, command.silence_ms, command.beep) == (30_000, 3_000, 1)
    assert flow.variables["message"] == command.key
    assert _said(flow.step("recorded")) == "Bye"
    quiet = InFlow(flow.acme, call_id="2")
    quiet.start()
    assert isinstance(quiet.step("silence"), Hangup)
    assert quiet.variables["message"] == ""


def test_a_conference_is_joined() -> None:
    acme = Acme()
    acme.add("conference", "conf_1", name="Weekly", pin="4711", record=1, max_members=3)
    flow = through(
        node("c", "conference", conferenceId="conf_1"), SAY, "c -bad_pin> bye", acme=acme
    )
    assert flow.start() == JoinConference(
        room="conf_1", pin="4711", flags=("record",), max_members=3
    )
    assert _said(flow.step("bad_pin")) == "Bye"
    again = InFlow(acme, call_id="2")
    again.start()
    assert again.step("done") == Hangup()


# Leaving


@pytest.mark.parametrize(
    ("kind", "id", "flow_id"),
    [
        ("queue", "q_1", "queue:q_1"),
        ("voicemail", "vm_1", "voicemail:vm_1"),
        ("ring_group", "rg_1", "ring_group:rg_1"),
        ("conference", "conf_1", "conference:conf_1"),
        ("user", "us_1001", "user:us_1001"),
        ("trunk", "tr_1", "trunk:tr_1"),
        ("forward", "fwd_1", "forward:fwd_1"),
        ("extension", "ext_1", "user:us_1002"),
        ("flow", "flow_2", "flow_2"),
    ],
)
def test_a_call_is_forwarded_to_any_target(kind: str, id: str, flow_id: str) -> None:
    acme = _group("ring_all")
    acme.add("queue", "q_1", name="Support")
    acme.add("voicemail", "vm_1")
    acme.add("conference", "conf_1", name="Weekly")
    acme.add_trunk("tr_1")
    acme.add("forward", "fwd_1", name="Mobile", to="+442079460000")
    acme.add("extension", "ext_1", digits="200", dest_kind="user", dest_id="us_1002")
    acme.add(
        "call_flow",
        "flow_2",
        name="x",
        start="a",
        nodes=[node("a", "say", text="2")],
        edges=[],
        is_published=1,
    )
    flow = through(node("f", "forward", dest_kind=kind, dest_id=id), acme=acme)
    flow.start()
    assert [frame.flow_id for frame in flow.facts[-1].frames] == [flow_id]


@pytest.mark.parametrize(("kind", "id"), [("ring_group", "rg_1"), ("conference", "conf_1")])
def test_a_number_leads_into_a_flow_that_stands_for_a_row(kind: str, id: str) -> None:
    acme = _group("ring_all")
    acme.add("conference", "conf_1", name="Weekly")
    acme.add_did(kind, id)
    flow = InFlow(acme)
    directive = flow.session.hops[0].directive
    assert directive.action == "flow"
    assert (directive.flow_id, directive.flow_version) == (f"{kind}:{id}", 0)
    assert isinstance(flow.start(directive.flow_id), Dial | JoinConference)


def test_hanging_up_is_a_target_too() -> None:
    assert isinstance(through(node("f", "forward", dest_kind="hangup")).start(), Hangup)
    assert through(node("h", "hangup", cause="user_busy")).start() == Hangup(
        cause="user_busy", sip_code=603
    )


def test_a_target_that_was_lost_falls_to_the_accounts_default() -> None:
    acme = Acme()
    acme.add("voicemail", "vm_1")
    acme.add("voicemail", "vm_2")
    flow = through(node("f", "forward", dest_kind="voicemail", dest_id="vm_1"), acme=acme)
    acme.lose("voicemail", "vm_1")
    assert _said(flow.start()) == _prompt("goodbye")
    acme.change("account", ACCOUNT, did_default_dest_kind="voicemail", did_default_dest_id="vm_2")
    again = InFlow(acme, call_id="2")
    assert _said(again.start()) == _prompt("vm-greeting")
    assert ("target", "missing") in again.path
