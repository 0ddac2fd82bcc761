"""A call that somebody gives to somebody else: blind, or after a word with the target (spec 05)."""

from dataclasses import replace
from typing import Any

import pytest

from domain.acd.agents import Membership
from domain.acd.floor import Bucket, State
from domain.errors import Conflict, Gone, Invalid, NotFound
from domain.flow import session, transfer, validation
from domain.flow.node import Answer
from domain.flow.session import Told
from domain.flow.transfer import Refused
from events.base import AccountId, CallId
from events.call import FlowStepped, TransferRefused
from events.flow import Dial, Enqueue, FlowCommand, Hangup, JoinConference, Noop, Play
from tests.domain.flows import InFlow, graph, node, rings
from tests.domain.test_flow_queue import MUSIC
from tests.domain.transferring import ALL, BACK, COMPLETED, CONSULTED, Talk

OUTSIDE = "+1 202 555 0188"


def rung(command: FlowCommand) -> list[str]:
    """Names of the devices that a dial rings."""
    return [address.removeprefix("sip:").partition("@")[0] for address, _, _ in rings(command)]


def parties(command: FlowCommand) -> tuple[str, ...]:
    assert isinstance(command, JoinConference), command
    return command.flags


# Blind


def test_the_caller_is_dialled_through_and_the_agent_is_free_in_the_same_step() -> None:
    talk = Talk()
    bob = talk.user("bob")
    command = talk.blind("user", bob)
    assert rung(command) == ["bob"]
    assert isinstance(command, Dial)
    assert (command.moh_stream, command.mode, command.poll_ms) == (MUSIC, None, 100)
    assert talk.center.state(talk.dana) is State.WRAP_UP
    told = talk.flow.told[-1]
    assert [type(fact).__name__ for fact in told.floor] == ["ConversationEnded"]
    (fact,) = told.facts
    assert (fact.reported, fact.seq) == ("transfer", 2)
    assert fact.data == {"user_id": "us_dana", "kind": "user", "id": "us_bob", "mode": "blind"}


def test_the_engine_hears_of_it_with_its_next_poll() -> None:
    talk = Talk()
    command = talk.blind("user", talk.user("bob"))
    assert talk.flow.step("poll", 1) == command
    assert (talk.flow.told[-1].seq, talk.flow.told[-1].all_facts) == (2, [])
    assert talk.flow.step("poll", 2) == Noop(retry_ms=100)


def test_after_the_conversation_with_the_target_the_call_is_over() -> None:
    talk = Talk()
    talk.blind("user", talk.user("bob"))
    assert isinstance(talk.flow.step("answered", 2), Hangup)


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "failed"])
def test_who_is_not_taken_comes_back_to_the_agent(outcome: str) -> None:
    talk = Talk()
    talk.blind("user", talk.user("bob", voicemail_id=talk.rows.add("voicemail", "vm_1")))
    command = talk.flow.step(outcome, 2)
    assert rung(command) == ["dana"]
    assert isinstance(command, Dial)
    assert command.moh_stream == MUSIC
    assert talk.state == "recalling"
    assert talk.center.bucket(talk.dana) is Bucket.EXTCALL, "nobody else is given to her"
    assert isinstance(talk.flow.step("answered", 3), Hangup)
    assert talk.center.bucket(talk.dana) is Bucket.WRAPUP


def test_an_agent_who_does_not_take_him_back_has_a_mailbox_or_not() -> None:
    talk = Talk()
    talk.rows.add("voicemail", "vm_1")
    talk.blind("user", talk.user("bob"))
    talk.flow.step("no_answer")
    talk.rows.change("sip_user", talk.dana, voicemail_id="vm_1")
    assert isinstance(talk.flow.step("no_answer"), Play)
    assert talk.flow.path[-1] == ("1", ""), "the mailbox's node"


def test_a_user_who_forwards_everything_forwards_this_call_too() -> None:
    talk = Talk()
    talk.rows.add("voicemail", "vm_1")
    bob = talk.user("bob", fwd_always_kind="voicemail", fwd_always_id="vm_1")
    assert isinstance(talk.blind("user", bob), Play)
    assert talk.state == "forwarded"
    assert talk.center.state(talk.dana) is State.WRAP_UP


def test_a_user_who_does_not_want_to_be_disturbed_is_busy() -> None:
    talk = Talk()
    assert rung(talk.blind("user", talk.user("bob", dnd=1))) == ["dana"]
    assert talk.flow.path[0] == ("target", "busy")


@pytest.mark.parametrize(("outcome", "member"), [("busy", "busy"), ("no_answer", "noanswer")])
def test_where_a_user_sends_such_calls_they_go(outcome: str, member: str) -> None:
    talk = Talk()
    talk.rows.add("voicemail", "vm_1")
    away = {f"fwd_{member}_kind": "voicemail", f"fwd_{member}_id": "vm_1"}
    talk.blind("user", talk.user("bob", **away))
    assert isinstance(talk.flow.step(outcome), Play)


def test_an_agent_who_gets_a_call_is_offered_nobody_meanwhile() -> None:
    talk = Talk(wrap_up_sec=0)
    talk.center.pause(talk.dana)
    assert rung(talk.blind("agent", "erik")) == ["erik"]
    assert talk.center.bucket(talk.erik) is Bucket.EXTCALL
    _, command = talk.hotline.enter("c2")
    assert isinstance(command, Enqueue)
    talk.hang_up()
    assert talk.center.offer(talk.erik).call_id == "c2"


def test_an_agent_is_himself_wherever_he_forwards_his_calls() -> None:
    talk = Talk()
    bob = talk.user("bob")
    talk.rows.change("sip_user", talk.erik, fwd_always_kind="user", fwd_always_id=bob)
    assert rung(talk.blind("agent", talk.erik)) == ["erik"]


def test_an_agent_who_did_not_answer_is_offered_the_next_caller() -> None:
    talk = Talk()
    talk.blind("agent", talk.erik)
    assert rung(talk.flow.step("no_answer")) == ["dana"]
    assert talk.center.bucket(talk.erik) is Bucket.READY
    assert talk.center.bucket(talk.dana) is Bucket.EXTCALL


def _busy_elsewhere(talk: Talk) -> None:
    talk.hotline.enter("c2")
    talk.center.answer(talk.erik)


def _done_elsewhere(talk: Talk) -> None:
    _busy_elsewhere(talk)
    talk.center.end("c2")


@pytest.mark.parametrize(
    ("happen", "why"),
    [
        (lambda talk: talk.center.log_out(talk.erik), "is not logged in"),
        (lambda talk: talk.center.pause(talk.erik), "is on a break"),
        (lambda talk: talk.center.qualify(talk.erik, False), "is unreachable"),
        (lambda talk: talk.center.begin_call("c9", talk.erik), "is in a call"),
        (lambda talk: talk.hotline.enter("c2"), "rings for another caller"),
        (_busy_elsewhere, "is in a call"),
        (_done_elsewhere, "writes his notes"),
        (lambda talk: talk.rows.change("sip_user", talk.erik, dnd=1), "is dnd"),
    ],
)
@pytest.mark.parametrize("mode", ["blind", "attended"])
def test_an_agent_who_is_not_free_is_not_given_a_call(happen: Any, why: str, mode: str) -> None:
    talk = Talk()
    happen(talk)
    with pytest.raises(Conflict, match=f"us_erik {why}"):
        talk.ask("agent", talk.erik, mode=mode)
    assert talk.center.state(talk.dana) is State.IN_CALL


def test_back_into_a_queue_a_caller_is_before_all_others() -> None:
    talk = Talk()
    talk.center.pause(talk.erik)
    talk.hotline.enter("c2")
    talk.center.queue("q_2", priority=9)
    command = talk.blind("queue", "q_1")
    assert isinstance(command, Enqueue)
    assert (command.position, talk.state) == (1, "queued")
    assert talk.center.state(talk.dana) is State.WRAP_UP
    talk.center.make_available(talk.erik)
    assert talk.center.offer(talk.erik).call_id == "c1"
    assert rung(talk.flow.step("poll", 2)) == ["erik"]
    talk.center.answer(talk.erik)
    assert isinstance(talk.flow.step("answered"), Hangup)
    assert talk.center.state(talk.erik) is State.WRAP_UP


@pytest.mark.parametrize("why", ["closed", "sent elsewhere", "full", "nobody"])
def test_who_is_not_let_into_the_queue_comes_back(why: str) -> None:
    talk = Talk()
    talk.center.queue("q_2")
    talk.rows.add("voicemail", "vm_1")
    if why != "nobody":
        talk.center.join_queues(talk.erik, Membership("q_2"))
    if why == "full":
        talk.rows.change("queue", "q_2", max_queued=0)
    if why in ("closed", "sent elsewhere"):
        talk.rows.add("time_schedule", "sch_1", name="Never", rules=[_closed()])
        talk.rows.change("queue", "q_2", schedule_id="sch_1")
    if why == "sent elsewhere":
        talk.rows.change("queue", "q_2", closed_dest_kind="voicemail", closed_dest_id="vm_1")
    assert rung(talk.blind("queue", "q_2")) == ["dana"]
    assert talk.flow.path[0] == ("target", "no_agents")
    assert "c1" not in talk.center.floor.callers
    assert talk.center.bucket(talk.dana) is Bucket.EXTCALL


def _closed() -> dict[str, Any]:
    dates = {"start_date": "2000-01-01", "end_date": "2099-01-01"}
    return {"kind": "date_range", "is_closed": 1, **dates}


def test_a_number_is_what_a_telephone_of_the_account_would_reach() -> None:
    talk = Talk()
    talk.user("1001")
    assert rung(talk.blind("number", "1001")) == ["1001"]
    talk = Talk()
    bob = talk.user("bob")
    talk.rows.add("extension", "ext_1", digits="77", dest_kind="user", dest_id=bob)
    assert rung(talk.blind("number", "77")) == ["bob"]
    assert talk.flow.facts[-1].data["kind"] == "extension"


def _with_a_way_out(**user: Any) -> Talk:
    talk = Talk()
    talk.rows.add_trunk("tr_out")
    talk.rows.change("sip_user", talk.dana, **user)
    return talk


@pytest.mark.parametrize("kind", ["pstn", "number"])
def test_into_the_public_network_only_with_permission(kind: str) -> None:
    talk = _with_a_way_out()
    refused = talk.ask(kind, OUTSIDE)
    assert isinstance(refused, Refused)
    assert "allow_pstn_blind_transfer" in refused.reason
    (fact,) = refused.facts
    assert isinstance(fact, TransferRefused)
    assert (fact.from_user_id, fact.target_id) == (talk.dana, "12025550188")
    again = talk.ask(kind, OUTSIDE)
    assert isinstance(again, Refused)
    assert (again.reason, again.facts) == (refused.reason, [])
    assert talk.center.state(talk.dana) is State.IN_CALL
    talk.rows.change("sip_user", talk.dana, allow_pstn_blind_transfer=1)
    command = talk.blind(kind, OUTSIDE)
    assert rings(command) == [("sip:12025550188@out.example", 0, 25)]
    assert isinstance(command, Dial)
    assert (command.strategy, command.moh_stream) == ("failover", MUSIC)


def test_a_number_abroad_is_not_read_as_one_at_home() -> None:
    talk = _with_a_way_out(allow_pstn_blind_transfer=1)
    assert rings(talk.blind("pstn", "+442079460000")) == [("sip:442079460000@out.example", 0, 25)]


def test_for_help_nobody_needs_a_permission() -> None:
    talk = _with_a_way_out()
    assert rings(talk.blind("pstn", "911")) == [("sip:911@out.example", 0, 25)]


def test_a_number_that_cannot_be_reached_brings_the_caller_back() -> None:
    talk = Talk()
    talk.rows.change("sip_user", talk.dana, allow_pstn_blind_transfer=1)
    assert rung(talk.blind("pstn", OUTSIDE)) == ["dana"]
    assert talk.flow.notes[0] == "12025550188 cannot be reached: carrier none "


# Attended


def test_a_consultation_that_succeeds() -> None:
    talk = Talk()
    command = talk.consult()
    assert rung(command) == ["erik"]
    assert isinstance(command, Dial)
    assert (command.mode, command.poll_ms, talk.state) == ("consult", 100, "ringing")
    assert talk.center.state(talk.dana) is State.IN_CALL
    assert talk.center.bucket(talk.erik) is Bucket.EXTCALL
    assert talk.flow.step("poll", 1) == command
    assert parties(talk.flow.step("answered", 2)) == CONSULTED
    assert talk.state == "consulting"
    told = talk.complete()
    assert parties(told.command) == COMPLETED
    assert talk.state == "completed"
    assert talk.center.state(talk.dana) is State.WRAP_UP
    assert talk.center.bucket(talk.erik) is Bucket.EXTCALL
    assert talk.flow.step("poll", 3) == told.command
    assert isinstance(talk.flow.step("done", 4), Hangup)
    assert talk.center.bucket(talk.erik) is Bucket.READY


def test_a_consultation_that_is_called_off() -> None:
    talk = Talk()
    talk.consult()
    talk.flow.step("answered")
    assert parties(talk.cancel().command) == BACK
    assert talk.state == "cancelled"
    assert talk.center.state(talk.dana) is State.IN_CALL
    assert talk.center.bucket(talk.erik) is Bucket.READY
    assert talk.flow.step("poll") == Noop(retry_ms=100)
    assert isinstance(talk.flow.step("done"), Hangup)
    assert talk.center.state(talk.dana) is State.WRAP_UP


def test_the_three_of_them() -> None:
    talk = Talk()
    talk.consult()
    talk.flow.step("answered")
    assert parties(talk.join_all().command) == ALL
    assert talk.state == "three_way"
    assert talk.center.state(talk.dana) is State.IN_CALL


@pytest.mark.parametrize("way", ["complete", "agent leaves"])
def test_from_three_to_caller_and_target(way: str) -> None:
    talk = _three()
    if way == "complete":
        talk.complete()
    else:
        talk.flow.step("done", party="agent")
    assert parties(talk.flow.told[-1].command) == COMPLETED
    assert talk.center.state(talk.dana) is State.WRAP_UP


@pytest.mark.parametrize("way", ["cancel", "target leaves"])
def test_from_three_to_caller_and_agent(way: str) -> None:
    talk = _three()
    if way == "cancel":
        talk.cancel()
    else:
        talk.flow.step("done", party="target")
    assert parties(talk.flow.told[-1].command) == BACK
    assert talk.center.bucket(talk.erik) is Bucket.READY


def test_a_conference_that_is_over_ends_the_call() -> None:
    talk = _three()
    assert isinstance(talk.flow.step("done"), Hangup)
    assert talk.center.state(talk.dana) is State.WRAP_UP
    assert talk.center.bucket(talk.erik) is Bucket.READY


def _three() -> Talk:
    talk = Talk()
    talk.consult()
    talk.flow.step("answered")
    talk.join_all()
    return talk


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "failed", "who knows"])
def test_a_target_who_does_not_answer_leaves_the_agent_with_the_caller(outcome: str) -> None:
    talk = Talk()
    talk.consult()
    assert parties(talk.flow.step(outcome)) == BACK
    assert talk.center.state(talk.dana) is State.IN_CALL
    assert talk.center.bucket(talk.erik) is Bucket.READY


@pytest.mark.parametrize("party", ["", "target"])
def test_a_target_who_hangs_up_does_so_too(party: str) -> None:
    talk = Talk()
    talk.consult()
    talk.flow.step("answered")
    assert parties(talk.flow.step("done", party=party)) == BACK


def test_an_agent_who_hangs_up_leaves_the_caller_to_the_target() -> None:
    talk = Talk()
    talk.consult()
    talk.flow.step("answered")
    assert parties(talk.flow.step("done", party="agent")) == COMPLETED
    assert talk.center.state(talk.dana) is State.WRAP_UP


@pytest.mark.parametrize("answered", [True, False])
def test_a_caller_who_hangs_up_meanwhile_ends_it_all(answered: bool) -> None:
    talk = Talk()
    talk.consult()
    if answered:
        talk.flow.step("answered")
    assert isinstance(talk.flow.step("hangup"), Hangup)
    assert talk.center.state(talk.dana) is State.WRAP_UP
    assert talk.center.bucket(talk.erik) is Bucket.READY
    talk.hang_up()
    with pytest.raises(Gone):
        talk.complete()


def test_a_caller_who_hangs_up_before_the_engine_has_heard_of_the_transfer_is_gone() -> None:
    talk = Talk()
    talk.blind("agent", talk.erik)
    assert isinstance(talk.flow.step("hangup", 1), Hangup)
    assert talk.center.bucket(talk.erik) is Bucket.READY
    assert talk.state == "over"


@pytest.mark.parametrize("way", ["complete", "agent leaves"])
def test_completed_before_the_target_has_answered_it_is_a_blind_one_from_then_on(way: str) -> None:
    talk = Talk()
    talk.consult()
    if way == "complete":
        command = talk.complete().command
    else:
        command = talk.flow.step("done", party="agent")
    assert rung(command) == ["erik"]
    assert isinstance(command, Dial)
    assert (command.mode, talk.state) == (None, "dialling")
    assert talk.center.state(talk.dana) is State.WRAP_UP
    assert talk.center.bucket(talk.erik) is Bucket.EXTCALL
    assert rung(talk.flow.step("no_answer")) == ["dana"]


def test_what_may_not_be_done_blind_may_not_be_done_half_blind() -> None:
    talk = _with_a_way_out()
    assert rings(talk.consult("pstn", OUTSIDE))
    decided = talk.take(transfer.complete(talk.flow.session, talk.flow.context))
    assert isinstance(decided, Refused)
    assert talk.state == "ringing"
    assert rung(talk.flow.step("done", party="agent")) == ["dana"], "called back"


def test_after_a_word_with_the_target_the_public_network_is_open() -> None:
    talk = _with_a_way_out()
    talk.consult("pstn", OUTSIDE)
    talk.flow.step("answered")
    assert parties(talk.complete().command) == COMPLETED


@pytest.mark.parametrize(
    ("kind", "id", "why"),
    [
        ("user", "us_away", "unreachable"),
        ("user", "us_forwards", "forwards to voicemail vm_1"),
        ("number", "88", "is no telephone"),
        ("pstn", OUTSIDE, "carrier none"),
    ],
)
def test_who_cannot_be_rung_cannot_be_talked_with(kind: str, id: str, why: str) -> None:
    talk = Talk()
    talk.rows.add("voicemail", "vm_1")
    talk.rows.add("sip_user", "us_away", username="away")
    talk.user("forwards", fwd_always_kind="voicemail", fwd_always_id="vm_1")
    talk.rows.add("extension", "ext_8", digits="88", dest_kind="voicemail", dest_id="vm_1")
    with pytest.raises(Conflict, match=why):
        talk.consult(kind, id)
    assert talk.center.state(talk.dana) is State.IN_CALL


def test_a_queue_cannot_be_talked_with() -> None:
    with pytest.raises(Invalid) as refused:
        Talk().consult("queue", "q_1")
    assert refused.value.faults[0].pointer == "/mode"


# Again, and out of order


@pytest.mark.parametrize("mode", ["attended", "blind"])
def test_the_same_wish_again_is_the_same_answer(mode: str) -> None:
    talk = Talk()
    command = talk.give("agent", "us_erik", "us_dana", mode)
    assert talk.give("agent", "erik", "dana", mode) == command
    assert talk.flow.told[-1].all_facts == []


def test_every_order_again_is_the_same_answer() -> None:
    talk = Talk()
    talk.consult()
    talk.flow.step("answered")
    for order in (talk.join_all, talk.cancel, talk.consult, talk.complete):
        first = order()
        again = order()
        assert getattr(again, "command", again) == getattr(first, "command", first)
        assert talk.flow.told[-1].all_facts == []


def test_completed_half_blind_again_is_the_same_answer() -> None:
    talk = Talk()
    talk.consult()
    first = talk.complete()
    again = talk.complete()
    assert (again.command, again.all_facts) == (first.command, [])


@pytest.mark.parametrize(
    ("before", "order", "why"),
    [
        ("talking", "complete", "nothing is transferred"),
        ("talking", "cancel", "nothing is transferred"),
        ("talking", "join_all", "nothing is transferred"),
        ("ringing", "join_all", "it is ringing"),
        ("completed", "cancel", "it is completed"),
        ("completed", "join_all", "it is completed"),
        ("blind", "complete", "it is dialling"),
        ("blind", "cancel", "it is dialling"),
        ("cancelled", "complete", "nothing is transferred"),
    ],
)
def test_what_cannot_be_done_now_is_refused_with_the_state(
    before: str, order: str, why: str
) -> None:
    talk = Talk()
    if before == "blind":
        talk.blind("user", talk.user("bob"))
    elif before != "talking":
        talk.consult()
    if before in ("completed", "cancelled"):
        talk.flow.step("answered")
        getattr(talk, before.replace("completed", "complete").replace("cancelled", "cancel"))()
    with pytest.raises(Conflict, match=why):
        getattr(talk, order)()


def test_a_call_that_is_being_transferred_is_not_transferred_once_more() -> None:
    talk = Talk()
    talk.consult()
    with pytest.raises(Conflict, match="being transferred: it is ringing"):
        talk.blind("user", talk.user("bob"))


def test_no_engine_can_give_orders() -> None:
    talk = Talk()
    talk.consult()
    with pytest.raises(Invalid):
        talk.flow.step("transfer_complete")


# Who may


@pytest.mark.parametrize("user", ["us_erik", "erik"])
def test_who_has_no_part_in_the_call_does_not_give_it_away(user: str) -> None:
    with pytest.raises(Conflict, match="no part"):
        Talk().blind("queue", "q_1", user)


def test_whom_the_flow_has_dialled_may_give_the_call_on() -> None:
    acme = Talk().rows
    bob, carl = acme.add_user("bob"), acme.add_user("carl")
    talk = _dialled(acme, node("d", "dial", target="user", id=bob))
    command = talk.flow.told[-1].command
    assert isinstance(command, Dial)
    assert command.poll_ms == 100
    assert rung(talk.blind("user", carl, bob)) == ["carl"]
    with pytest.raises(Conflict, match="no part"):
        talk.blind("user", "us_dana", bob)
    assert rung(talk.blind("user", "us_dana", carl)) == ["dana"]


def _dialled(acme: Any, *parts: Any) -> Talk:
    """A call of a flow of its own."""
    talk = Talk.__new__(Talk)
    talk.rows = acme
    acme.lose("did", "did_1")
    acme.lose("call_flow", "flow_1")
    talk.flow = InFlow(acme, *parts, call_id="c7")
    talk.flow.start()
    return talk


def test_a_member_of_a_ring_group_may_consult_and_consult_again() -> None:
    acme = Talk().rows
    bob, carl = acme.add_user("bob"), acme.add_user("carl")
    members = [{"user_id": bob, "position": 1}, {"user_id": carl, "position": 2}]
    acme.add("ring_group", "rg_1", name="All", members=members)
    talk = _dialled(acme, node("g", "ringGroup", ringGroupId="rg_1"))
    for _ in range(2):
        assert rung(talk.consult("user", "us_dana", carl)) == ["dana"]
        assert parties(talk.cancel().command) == BACK
    assert isinstance(talk.flow.step("done"), Hangup)


def test_who_was_given_a_call_may_give_it_on_and_is_free() -> None:
    talk = Talk()
    talk.blind("agent", talk.erik)
    fay = talk.hotline.agent("fay")
    assert rung(talk.consult("agent", fay, talk.erik)) == ["fay"]
    assert talk.center.bucket(talk.erik) is Bucket.EXTCALL
    talk.flow.step("answered")
    talk.complete()
    assert talk.center.bucket(talk.erik) is Bucket.READY
    assert talk.center.bucket(fay) is Bucket.EXTCALL


@pytest.mark.parametrize(
    ("kind", "id", "user", "pointer"),
    [
        ("user", "nobody", "dana", "/target/id"),
        ("agent", "bob", "dana", "/target/id"),
        ("queue", "q_9", "dana", "/target/id"),
        ("number", "x", "dana", "/target/id"),
        ("pstn", "77", "dana", "/target/id"),
        ("user", "dana", "dana", "/target/id"),
        ("user", "erik", "nobody", "/fromUserId"),
    ],
)
def test_what_does_not_exist_is_named(kind: str, id: str, user: str, pointer: str) -> None:
    talk = Talk()
    talk.user("bob")
    with pytest.raises(Invalid) as refused:
        talk.ask(kind, id, user)
    assert refused.value.faults[0].pointer == pointer


def test_a_call_without_an_engine_cannot_be_commanded() -> None:
    talk = Talk()
    bob = talk.user("bob")
    talk.rows.dial("dana", user="bob", call_id="c8")
    talk.flow.call_id = CallId("c8")
    with pytest.raises(Conflict, match="no engine to command"):
        talk.ask("user", talk.erik, bob)


def test_a_call_that_was_sent_elsewhere_since_has_left_its_engine() -> None:
    talk = Talk()
    bob = talk.user("bob")
    talk.rows.dial("bob", user="bob", call_id="c1")
    with pytest.raises(Conflict, match="no engine to command"):
        talk.ask("user", bob)


def test_a_call_that_is_over_or_of_another_account_is_not_transferred() -> None:
    talk = Talk()
    own = talk.flow.context
    stranger = own.office._replace(account_id=AccountId("acc_other"))
    with pytest.raises(NotFound):
        transfer.cancel(talk.flow.session, replace(own, office=stranger))
    talk.hang_up()
    with pytest.raises(Gone):
        talk.blind("queue", "q_1")


def test_nobody_starts_the_flow_of_a_transfer() -> None:
    talk = Talk()
    with pytest.raises(NotFound):
        session.start(talk.flow.session, talk.flow.context, "transfer:us_dana:user:us_erik", {})


def test_what_was_told_once_is_told_again() -> None:
    talk = Talk()
    first = talk.blind("user", talk.user("bob"))
    told = session.step(talk.flow.session, talk.flow.context, Answer("answered"), 1)
    assert isinstance(told, Told)
    assert (told.command, told.all_facts) == (first, [])
    assert all(isinstance(fact, FlowStepped) for fact in talk.flow.facts)


@pytest.mark.parametrize("kind", ["handOver", "handOverToQueue", "consult"])
def test_nobody_draws_the_parts_of_a_transfer(kind: str) -> None:
    flow = graph(node("x", kind, target="user", id="us_dana", timeoutSec=9, fromUserId="us_dana"))
    assert [fault.pointer for fault in validation.faults(flow)] == ["/nodes/0/data/kind"]
