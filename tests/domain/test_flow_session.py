"""The loop of POST /flow: what is answered again, what is refused, what always ends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import call
from domain.call import Report
from domain.errors import Conflict, Gone, NotFound
from domain.flow import interpreter, session
from domain.flow.node import Answer
from domain.flow.nodes.webhook import MAX_SAVED
from domain.flow.run import MAX_VARIABLES, REMEMBERED
from domain.flow.session import MAX_COMMANDS
from events.base import Millis
from events.call import DialogEvent
from events.flow import Frame, Gather, Hangup, Play, Request
from tests.domain.acme import Acme
from tests.domain.flows import FLOW, InFlow, graph, node, through
from tests.domain.graphs import graphs
from tests.domain.rows import created
from tests.support.given import NOW, OTHER_ACCOUNT, property_of

MENU = node("m", "menu", promptText="1 or 2", maxDigits=1, timeoutSec=5)
ONE, TWO = node("one", "say", text="One"), node("two", "say", text="Two")
CHOICE = (MENU, ONE, TWO, "m -digit:1> one", "m -digit:2> two", "one > m", "two > m")


def _over(flow: InFlow) -> None:
    report = Report(DialogEvent.END, Millis(NOW + 5_000))
    flow.acme.apply(
        [*call.report_dialog(flow.session, flow.context.office.account_id, report, NOW)]
    )


def test_commands_are_counted_from_one() -> None:
    flow = through(*CHOICE)
    flow.start()
    flow.step("digit:1", 1)
    flow.step("done", 2)
    assert [told.seq for told in flow.told] == [1, 2, 3]
    assert [fact.seq for fact in flow.facts] == [1, 2, 3]


def test_starting_twice_is_starting_once() -> None:
    flow = through(*CHOICE)
    assert flow.start() == flow.start()
    assert len(flow.facts) == 1
    flow.step("digit:1", 1)
    assert isinstance(flow.start(), Gather)
    assert len(flow.facts) == 2


def test_a_step_that_was_answered_is_answered_the_same_again() -> None:
    flow = through(*CHOICE)
    flow.start()
    first = flow.step("digit:1", 1)
    assert flow.step("digit:1", 1) == first
    assert flow.step("digit:2", 1) == first, "what it says the second time does not matter"
    assert flow.told[-1].seq == 2
    assert len(flow.facts) == 2


def test_a_step_without_a_number_is_about_the_last_command() -> None:
    flow = through(*CHOICE)
    flow.start()
    flow.step("digit:2")
    assert isinstance(flow.step("done"), Gather)


@pytest.mark.parametrize("seq", [2, 3, 99, 0, -1])
def test_a_number_that_was_not_given_is_refused(seq: int) -> None:
    flow = through(*CHOICE)
    flow.start()
    if seq == 0:
        assert flow.step("digit:1", 0) == flow.told[0].command, "the start is the answer to 0"
        return
    with pytest.raises(Conflict):
        flow.step("digit:1", seq)


def test_only_the_last_commands_are_remembered() -> None:
    flow = through(*CHOICE)
    flow.start()
    for _ in range(REMEMBERED):
        flow.step("digit:1")
        flow.step("done")
    last = flow.told[-1].seq
    assert flow.step("done", last - 1) == flow.told[-2].command
    with pytest.raises(Conflict):
        flow.step("digit:1", 1)


def test_after_a_restart_the_call_goes_on_where_it_was() -> None:
    flow = through(*CHOICE)
    flow.start()
    flow.step("digit:9")
    state = flow.session
    facts: list[Any] = [*state.hops, *flow.facts]
    assert call.fold(flow.call_id, facts).flow == state.flow


def test_an_unknown_call_is_not_found() -> None:
    flow = through(*CHOICE)
    nobody = call.CallSession(flow.call_id)
    with pytest.raises(NotFound):
        session.start(nobody, flow.context, FLOW, {})
    with pytest.raises(NotFound):
        session.step(nobody, flow.context, Answer("done"), None)


def test_anothers_call_is_not_found() -> None:
    flow = through(*CHOICE)
    flow.start()
    flow.session.account_id = OTHER_ACCOUNT
    with pytest.raises(NotFound):
        flow.start()
    with pytest.raises(NotFound):
        flow.step("digit:1")


def test_a_call_in_no_flow_has_no_step() -> None:
    with pytest.raises(NotFound):
        through(*CHOICE).step("digit:1")


def test_a_flow_that_does_not_exist_is_not_found() -> None:
    flow = through(*CHOICE)
    for flow_id in ("flow_9", "queue:q_9", "nothing:x", ":", ""):
        with pytest.raises(NotFound):
            flow.start(flow_id)


def test_a_call_that_is_over_is_gone() -> None:
    flow = through(*CHOICE)
    flow.start()
    _over(flow)
    with pytest.raises(Gone):
        flow.step("digit:1")
    with pytest.raises(Gone):
        flow.start()


def test_a_flow_that_is_over_is_gone_but_its_last_answer_is_not() -> None:
    flow = through(MENU, node("end", "hangup"), "m -digit:1> end")
    flow.start()
    end = flow.step("digit:1", 1)
    assert isinstance(end, Hangup)
    assert flow.step("digit:1", 1) == end
    with pytest.raises(Gone):
        flow.step("done", 2)


def test_a_caller_who_hangs_up_ends_the_flow() -> None:
    flow = through(*CHOICE)
    flow.start()
    assert flow.step("hangup") == Hangup()
    assert flow.facts[-1].frames == ()
    with pytest.raises(Gone):
        flow.step("done")


def test_a_call_that_was_routed_again_starts_anew() -> None:
    flow = through(*CHOICE)
    flow.start(lang="de")
    flow.step("digit:1")
    flow.acme.ring_in("+12025550123", call_id=flow.call_id, from_domain="transfer")
    assert isinstance(flow.start(), Gather)
    assert flow.told[-1].seq == 3
    assert "lang" not in flow.variables


def test_a_call_keeps_the_version_it_was_routed_to() -> None:
    flow = through(ONE, "one > one")
    flow.acme.change("call_flow", FLOW, is_published=1, **graph(TWO, "two > two"))
    command = flow.start()
    assert isinstance(command, Play)
    assert command.tts is not None
    assert command.tts.text == "One"
    flow.acme.lose("call_flow", FLOW)
    assert isinstance(flow.step("done"), Play), "and though the flow is deleted"
    assert flow.facts[-1].flow_version == 1


def test_a_webhook_is_not_taken_for_what_the_engine_does() -> None:
    """An engine that asks again while a gateway makes the request gets that command again."""
    flow = through(node("w", "webhook", url="https://crm.example/"), ONE, "w -ok> one")
    request = flow.start()
    assert isinstance(request, Request)
    assert flow.step("digit:1") == request
    assert len(flow.facts) == 1
    assert isinstance(flow.step("ok"), Play)


def test_a_call_has_so_many_variables_and_forgets_the_oldest() -> None:
    hook = node("w", "webhook", url="https://crm.example/", saveAs="x")
    flow = through(hook, ONE, "w -ok> one", "one > w")
    flow.start(first="1")
    for turn in range(2 * MAX_VARIABLES // MAX_SAVED):
        body = {f"{turn}-{number}": number for number in range(MAX_SAVED)}
        flow.step("ok", body=json.dumps(body))
        flow.step("done")
    assert len(flow.variables) == MAX_VARIABLES
    assert "first" not in flow.variables
    assert f"x.{turn}-0" in flow.variables


# What ends


def test_a_circle_without_a_wait_ends_in_the_error_prompt() -> None:
    """It cannot be saved, but two flows that lead into each other can."""
    acme = Acme()
    leads = {"name": "x", "start": "a", "edges": [], "is_published": 1}
    there = node("a", "forward", dest_kind="flow", dest_id="flow_2")
    say = node("a", "say", text="x")
    acme.add("call_flow", "flow_2", **leads, nodes=[say])
    acme.add("call_flow", FLOW, **leads, nodes=[there])
    back = [node("a", "forward", dest_kind="flow", dest_id=FLOW)]
    acme.change("call_flow", "flow_2", nodes=back, is_published=1)
    flow = InFlow(acme)
    assert isinstance(flow.start(), Play)
    assert flow.path[-1] == ("error", "error")
    assert len(flow.path) <= interpreter.MAX_NODES + 1
    assert isinstance(flow.step("done"), Hangup)


def test_flows_inside_each_other_end() -> None:
    acme = Acme()
    acme.add("call_flow", FLOW, name="x", is_published=1, **graph(ONE))
    inner = graph(node("s", "subflow", flowId=FLOW), ONE, "s -error> one")
    acme.change("call_flow", FLOW, is_published=1, **inner)
    flow = InFlow(acme)
    assert isinstance(flow.start(), Play)
    assert len(flow.facts[-1].frames) == interpreter.MAX_DEPTH


def test_conditions_without_end_end() -> None:
    row = {"variable": "x", "op": "in", "value": [str(number) for number in range(200)]}
    nodes = [node(str(n), "condition", expression=[row] * 50) for n in range(3)]
    flow = through(*nodes, ONE, "0 -else> 1", "1 -else> 2", "2 -else> one")
    assert isinstance(flow.start(), Play)
    assert [one.kind for one in flow.facts[-1].path] == ["condition", "error"]


def test_webhooks_one_after_the_other_end() -> None:
    acme = Acme()
    hook = node("w", "webhook", url="https://crm.example/")
    again = node("f", "forward", dest_kind="flow", dest_id=FLOW)
    acme.add("call_flow", FLOW, name="x", is_published=1, **graph(hook))
    acme.change("call_flow", FLOW, is_published=1, **graph(hook, again, "w > f"))
    flow = InFlow(acme)
    flow.start()
    for _ in range(REMEMBERED + 1):
        if not isinstance(flow.told[-1].command, Request):
            break
        flow.step("ok")
    assert isinstance(flow.told[-1].command, Play)


def test_a_call_ends_however_patient() -> None:
    flow = through(*CHOICE)
    flow.start()
    run = flow.session.flow
    assert run is not None
    late = run._replace(seq=MAX_COMMANDS, commands={MAX_COMMANDS: run.commands[1]})
    flow.session.flow = late
    assert isinstance(flow.step("digit:1"), Play)
    assert flow.path == [("error", "error")]
    assert isinstance(flow.step("done"), Hangup)


def test_the_error_prompt_is_followed_by_the_end_whatever_is_said() -> None:
    flow = through(node("s", "say", text="x"))
    flow.start()
    assert flow.step("done") == Play(urls=("system/en-US/male/goodbye.wav",))
    assert flow.notes[-1] == "default of s is not drawn"
    assert isinstance(flow.step("digit:1"), Hangup)


def test_an_outcome_that_is_not_drawn_takes_the_default() -> None:
    flow = through(node("d", "dial", target="sip", id="sip:1@x.example"), ONE, "d > one")
    flow.start()
    assert isinstance(flow.step("busy"), Play)
    assert "default" in flow.notes[0]


def test_a_step_is_a_sign_of_life() -> None:
    flow = through(*CHOICE)
    before = call.idle_deadline(flow.session, 0)
    flow.acme.now = Millis(NOW + 50_000)
    flow.start()
    assert call.idle_deadline(flow.session, 0) == before + 50_000


# Subflows


@pytest.mark.parametrize(
    ("inner", "outcome", "end"),
    [
        ((node("i", "say", text="{{who}}"),), "done", "default"),
        ((node("i", "dial", target="sip", id="sip:1@x.example"),), "busy", "error"),
        ((node("i", "dial", target="sip", id="sip:1@x.example"),), "answered", "default"),
    ],
)
def test_a_subflow_comes_back_with_its_end(
    inner: tuple[dict[str, Any], ...], outcome: str, end: str
) -> None:
    acme = Acme()
    acme.add("call_flow", "flow_2", name="x", is_published=1, **graph(*inner))
    flow = through(
        node("s", "subflow", flowId="flow_2", vars={"who": "{{caller_cid}}"}),
        ONE,
        TWO,
        "s > one",
        "s -error> two",
        acme=acme,
    )
    flow.start()
    assert [frame.flow_id for frame in flow.facts[-1].frames] == [FLOW, "flow_2"]
    command = flow.step(outcome)
    assert isinstance(command, Play)
    assert command.tts is not None
    assert command.tts.text == ("One" if end == "default" else "Two")
    assert ("s", end) in flow.path
    assert len(flow.facts[-1].frames) == 1


def test_a_subflow_that_is_not_published_is_an_error() -> None:
    acme = Acme()
    acme.add("call_flow", "flow_2", name="x", **graph(ONE))
    flow = through(node("s", "subflow", flowId="flow_2"), TWO, "s -error> two", acme=acme)
    assert isinstance(flow.start(), Play)
    assert flow.path[0] == ("s", "error")


# Properties


def _full(one: dict[str, Any], two: dict[str, Any]) -> Acme:
    """An account with everything that a graph may name, whose flows are stored as they are."""
    acme = Acme()
    acme.add("voicemail", "vm_1")
    acme.add_media("media_1")
    acme.add_user("1001", voicemail_id="vm_1")
    acme.add("queue", "q_1", name="Support")
    acme.add("ring_group", "rg_1", name="Sales", members=[{"user_id": "us_1001"}])
    acme.add("conference", "conf_1", name="Weekly")
    for id, drawn in ((FLOW, one), ("flow_2", two)):
        acme.configure([created("call_flow", id, name=id, is_published=1, **drawn)])
    return acme


ANSWERS = st.tuples(
    st.sampled_from(
        [
            *("done", "digit:1", "digit:2", "digit:12", "timeout", "answered", "no_answer"),
            *("busy", "failed", "recorded", "silence", "ok", "error", "poll", "hangup", "", "x"),
        ]
    ),
    st.dictionaries(st.sampled_from(["digits", "body", "reason"]), st.text(max_size=5), max_size=2),
    st.none() | st.integers(-1, 8),
)


@property_of(examples=150)
@given(graphs(), graphs(), st.lists(ANSWERS, max_size=12))
def test_no_graph_and_no_engine_makes_a_step_fail_or_hang(
    one: dict[str, Any], two: dict[str, Any], answers: list[tuple[str, dict[str, str], int | None]]
) -> None:
    """Also graphs that could not be saved. Every step is answered the same the second time."""
    flow = InFlow(_full(one, two))
    flow.start()
    for outcome, data, seq in answers:
        try:
            flow.step(outcome, seq, **data)
        except (Gone, Conflict):
            continue
        told = flow.told[-1]
        if told.facts:
            (fact,) = told.facts
            assert fact.seq == told.seq
            assert len(fact.path) <= 2 * interpreter.MAX_NODES + 3
            assert len(fact.frames) <= interpreter.MAX_DEPTH
            again = session.step(flow.session, flow.context, Answer(outcome, data), told.seq - 1)
            assert (again.seq, again.command, again.facts) == (told.seq, fact.command, [])


@property_of(examples=60)
@given(graphs(), st.lists(ANSWERS, max_size=8), st.integers(-(10**9), 10**9))
def test_a_step_looks_at_nothing_but_its_arguments(
    one: dict[str, Any], answers: list[tuple[str, dict[str, str], int | None]], by: int
) -> None:
    """Without a schedule no moment is special."""

    def played(start: int) -> list[Any]:
        acme = _full(one, one)
        acme.now = Millis(start)
        flow = InFlow(acme)
        flow.start()
        for outcome, data, _ in answers:
            try:
                flow.step(outcome, None, **data)
            except Gone:
                break
        return [fact.model_dump(exclude={"at"}) for fact in flow.facts]

    assert played(NOW) == played(NOW) == played(NOW + by)


def test_a_frame_of_a_graph_that_was_lost_gives_up() -> None:
    flow = through(*CHOICE)
    nowhere = (Frame(flow_id="flow_9", flow_version=7, node_id="a"),)
    stepped = interpreter.advance(flow.context, nowhere, {}, Answer("done"), 2)
    assert isinstance(stepped.command, Play)
    assert stepped.path[-1].kind == "error"
