"""enqueue: a call in a flow meets the contact center; what its engine is told."""

from typing import Any

import pytest

from domain.acd.floor import State, Status
from domain.call import Report, report_dialog
from domain.errors import Gone
from events.acd import CallerQueued, Departure
from events.base import Millis
from events.call import DialogEvent
from events.flow import Dial, Enqueue, FlowCommand, Hangup, Noop, Play, Request
from tests.domain.center import SECOND, Center
from tests.domain.flows import InFlow, node
from tests.support.given import ACCOUNT

MUSIC = f"moh-{ACCOUNT}"


class Hotline:
    """A center whose number leads into a queue, and its calls."""

    def __init__(self, *parts: dict[str, Any] | str, **queue: Any) -> None:
        self.center = Center()
        self.center.queue("q_1", **{"name": "Support", **queue})
        self.parts = parts or (node("q", "enqueue", queueId="q_1"),)
        self.rows = self.center.rows

    def agent(self, name: str, **members: Any) -> str:
        """An agent with a telephone, ready for calls."""
        id = self.center.agent(name, "q_1", **members)
        self.rows.add(
            "sip_device", f"dev_{name}", user_id=id, auth_username=name, realm="acme.example"
        )
        self.center.make_available(id, "q_1")
        return id

    def call(self, call_id: str = "c1") -> InFlow:
        self._tell_the_time()
        parts = () if "did_1" in self.rows.rows.directory.rows else self.parts
        return InFlow(self.rows, *parts, call_id=call_id)

    def enter(self, call_id: str = "c1") -> tuple[InFlow, FlowCommand]:
        flow = self.call(call_id)
        return flow, flow.start()

    def wait(self, seconds: float) -> None:
        self.center.wait(seconds)
        self._tell_the_time()

    def _tell_the_time(self) -> None:
        self.rows.now = self.center.now


def said(command: FlowCommand) -> str | None:
    """The text that is spoken to a waiting caller."""
    assert isinstance(command, Enqueue), command
    return command.announce.tts.text if command.announce and command.announce.tts else None


def rung(command: FlowCommand) -> list[str]:
    assert isinstance(command, Dial), command
    return [str(leg.aor) for leg in command.legs]


# Coming in


def test_a_caller_is_given_to_a_free_agent_at_once() -> None:
    hotline = Hotline()
    agent = hotline.agent("dana")
    _, command = hotline.enter()
    assert isinstance(command, Dial)
    (leg,) = command.legs
    lease = hotline.center.offer(agent)
    assert (leg.aor, leg.timeout_ms, leg.lease_id, leg.epoch) == (
        "sip:dana@acme.example",
        20_000,
        lease.lease_id,
        lease.epoch,
    )
    assert leg.confirm_url == f"/agent/confirm/{ACCOUNT}/{lease.lease_id}/{lease.epoch}"
    assert leg.claim_url is None
    assert command.moh_stream == MUSIC, "the caller hears music until somebody answers"


def test_a_caller_for_whom_nobody_is_free_hears_music() -> None:
    hotline = Hotline()
    hotline.agent("dana")
    hotline.enter("c0")
    _, command = hotline.enter("c1")
    assert command == Enqueue(
        queue_id="q_1", position=2, ewt_sec=180, moh_stream=MUSIC, poll_ms=100
    ), "for whom somebody rings still waits"


def test_where_nobody_is_logged_in_the_caller_does_not_wait() -> None:
    hotline = Hotline(node("q", "enqueue", queueId="q_1"), node("h", "hangup"), "q -no_agents> h")
    _, command = hotline.enter()
    assert isinstance(command, Hangup)
    assert hotline.center.floor.callers == {}


def test_an_engine_that_asks_again_gets_the_same_and_nothing_happens() -> None:
    hotline = Hotline()
    hotline.agent("dana")
    flow, command = hotline.enter()
    epoch = hotline.center.floor.epoch
    assert flow.start() == command
    assert (flow.told[-1].facts, flow.told[-1].floor) == ([], [])
    assert hotline.center.floor.epoch == epoch


def test_a_recorded_queue_with_whisper_and_confirmation_says_so() -> None:
    hotline = Hotline(recording=1, confirm_accept=1, strategy="ring_all")
    hotline.agent("dana")
    _, command = hotline.enter("c/1")
    assert isinstance(command, Dial)
    (leg,) = command.legs
    assert command.record == 1
    assert leg.accept_url == "system/en-US/male/confirm-accept.wav"
    assert leg.claim_url == f"/agent/claim/{ACCOUNT}/us_dana/c%2F1"


# Polling


def test_a_poll_that_finds_nothing_writes_nothing() -> None:
    hotline = Hotline()
    hotline.agent("dana")
    hotline.enter("c0")
    flow, _ = hotline.enter("c1")
    assert flow.step("poll", 1) == Noop(retry_ms=100)
    assert (flow.told[-1].seq, flow.told[-1].facts, flow.told[-1].floor) == (1, [], [])


def test_a_poll_brings_the_agent_who_became_free() -> None:
    hotline = Hotline(wrap_up_sec=0)
    dana = hotline.agent("dana")
    first, _ = hotline.enter("c0")
    flow, _ = hotline.enter("c1")
    hotline.center.answer(dana)
    first.step("answered")
    command = flow.step("poll", 1)
    assert rung(command) == ["sip:dana@acme.example"]
    assert flow.told[-1].seq == 2
    assert flow.step("poll", 1) == command, "the answer was lost on the way"
    assert flow.step("poll", 2) == Noop(retry_ms=100), "it rings already"


def test_who_polls_in_another_node_is_told_to_go_on() -> None:
    hotline = Hotline(node("p", "say", text="Hello"))
    flow, command = hotline.enter()
    assert isinstance(command, Play)
    assert flow.step("poll", 1) == Noop(retry_ms=100)
    assert flow.told[-1].facts == []


# Ringing


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "rejected", "failed"])
def test_who_does_not_answer_makes_way_for_the_next(outcome: str) -> None:
    hotline = Hotline()
    hotline.agent("a")
    hotline.agent("b")
    flow, command = hotline.enter()
    (first,) = rung(command)
    (second,) = rung(flow.step(outcome))
    assert {first, second} == {"sip:a@acme.example", "sip:b@acme.example"}


def test_when_nobody_else_is_free_the_same_one_rings_until_he_is_sent_on_a_break() -> None:
    hotline = Hotline(max_no_answer=2)
    dana = hotline.agent("dana")
    flow, _ = hotline.enter()
    assert isinstance(flow.step("no_answer"), Dial)
    command = flow.step("no_answer")
    assert isinstance(command, Enqueue), "he is on a break now"
    assert hotline.center.of(dana).status is Status.ON_BREAK
    assert flow.step("poll") == Noop(retry_ms=100)


def test_one_of_several_who_declines_leaves_the_others_ringing() -> None:
    hotline = Hotline(strategy="ring_all")
    a, b = hotline.agent("a"), hotline.agent("b")
    flow, command = hotline.enter()
    assert sorted(rung(command)) == ["sip:a@acme.example", "sip:b@acme.example"]
    lease = hotline.center.offer(a)
    hotline.center.pause(a)
    assert flow.step("busy", lease=lease.lease_id) == Noop(retry_ms=100)
    assert hotline.center.state(b) is State.OFFERING
    assert hotline.center.state(a) is State.WAITING


def test_ring_progressively_gives_the_next_agent_with_a_poll() -> None:
    hotline = Hotline(strategy="ring_progressively", agent_ring_timeout_sec=20)
    hotline.agent("a")
    hotline.agent("b")
    flow, command = hotline.enter()
    assert len(rung(command)) == 1
    hotline.wait(5)
    command = flow.step("poll")
    assert isinstance(command, Dial)
    assert [leg.timeout_ms for leg in command.legs] == [20_000]
    assert len(hotline.center.rung()) == 2


def test_a_reservation_that_ran_out_brings_the_music_back() -> None:
    hotline = Hotline(max_no_answer=1)
    hotline.agent("dana")
    flow, _ = hotline.enter()
    hotline.wait(20)
    assert isinstance(flow.step("poll"), Enqueue)
    assert isinstance(flow.step("no_answer"), Enqueue), "the engine's own timeout comes late"


def test_the_outcome_of_one_call_releases_no_other_one() -> None:
    hotline = Hotline()
    a, _ = hotline.agent("a"), hotline.agent("b")
    hotline.enter("c0")
    flow, _ = hotline.enter("c1")
    lease = next(x for x in hotline.center.floor.leases.values() if x.call_id == "c0")
    flow.step("no_answer", lease=lease.lease_id)
    assert lease.lease_id in hotline.center.floor.leases
    assert a


def test_an_outcome_with_an_older_epoch_changes_nothing() -> None:
    hotline = Hotline()
    agent = hotline.agent("dana")
    flow, _ = hotline.enter()
    lease = hotline.center.offer(agent)
    flow.step("no_answer", lease=lease.lease_id, epoch=str(lease.epoch - 1))
    assert hotline.center.offer(agent) == lease


# Talking


def test_after_the_conversation_the_flow_goes_on_and_the_agent_writes_his_notes() -> None:
    hotline = Hotline(
        node("q", "enqueue", queueId="q_1"),
        node("bye", "say", text="Thanks"),
        "q -answered> bye",
        wrap_up_sec=10,
    )
    dana = hotline.agent("dana")
    flow, _ = hotline.enter()
    hotline.center.answer(dana)
    assert flow.step("poll") == Noop(retry_ms=100)
    hotline.wait(60)
    assert isinstance(flow.step("answered"), Play)
    assert hotline.center.state(dana) is State.WRAP_UP


def test_a_conversation_after_which_nothing_is_drawn_ends_the_call() -> None:
    hotline = Hotline()
    dana = hotline.agent("dana")
    flow, _ = hotline.enter()
    hotline.center.answer(dana)
    assert isinstance(flow.step("answered"), Hangup)
    with pytest.raises(Gone):
        flow.step("poll")


def test_who_hangs_up_while_talking_frees_the_agent() -> None:
    hotline = Hotline()
    dana = hotline.agent("dana")
    flow, _ = hotline.enter()
    hotline.center.answer(dana)
    assert isinstance(flow.step("hangup"), Hangup)
    assert hotline.center.state(dana) is State.WRAP_UP


@pytest.mark.parametrize("late", ["no_answer", "busy", "failed", "timeout"])
def test_the_end_of_another_leg_after_the_answer_ends_no_conversation(late: str) -> None:
    hotline = Hotline(strategy="ring_all")
    a, b = hotline.agent("a"), hotline.agent("b")
    flow, _ = hotline.enter()
    lost = hotline.center.offer(a)
    hotline.center.answer(b)
    assert flow.step(late, lease=lost.lease_id) == Noop(retry_ms=100)
    assert hotline.center.state(b) is State.IN_CALL


@pytest.mark.parametrize("seconds", [1, 300])
def test_a_caller_whose_engine_comes_back_waits_again(seconds: int) -> None:
    """However long ago he was given up."""
    hotline = Hotline()
    hotline.center.pause(hotline.agent("dana"))
    flow, _ = hotline.enter()
    hotline.center.leave("c1", Departure.ABANDONED)
    hotline.wait(seconds)
    hotline.center.call("c2")
    hotline.center.leave("c2", Departure.ABANDONED)  # old departures are forgotten
    assert isinstance(flow.step("poll"), Enqueue)
    assert "c1" in hotline.center.floor.callers


# Leaving


def test_who_has_waited_too_long_goes_where_the_queue_says() -> None:
    hotline = Hotline(max_wait_sec=30)
    hotline.rows.add("voicemail", "vm_1")
    hotline.rows.change("queue", "q_1", timeout_dest_kind="voicemail", timeout_dest_id="vm_1")
    dana = hotline.agent("dana")
    flow, _ = hotline.enter()
    hotline.center.pause(dana)
    flow.step("no_answer")
    hotline.wait(30)
    command = flow.step("poll")
    assert command == Play(urls=("system/en-US/male/vm-greeting.wav",))
    assert flow.path[0] == ("q", "timeout")


def test_who_hangs_up_is_gone_and_who_rings_for_him_is_let_go() -> None:
    hotline = Hotline()
    dana = hotline.agent("dana")
    flow, _ = hotline.enter()
    assert isinstance(flow.step("hangup"), Hangup)
    assert hotline.center.state(dana) is State.WAITING
    assert hotline.center.of(dana).misses == 0


PROGRAM = node("w", "webhook", url="https://example.com/lost", method="POST", timeoutMs=500)


def test_after_somebody_gave_up_a_program_may_be_told() -> None:
    hotline = Hotline(
        node("q", "enqueue", queueId="q_1"),
        PROGRAM,
        node("bye", "say", text="Bye"),
        "q -abandoned> w",
        "w -ok> bye",
    )
    dana = hotline.agent("dana")
    hotline.center.pause(dana)
    flow, _ = hotline.enter()
    assert isinstance(flow.step("hangup"), Request)
    assert isinstance(flow.step("ok"), Hangup), "nobody is there to hear it"
    with pytest.raises(Gone):
        flow.step("ok")


def test_that_also_holds_when_the_end_of_the_call_was_reported_first() -> None:
    hotline = Hotline(node("q", "enqueue", queueId="q_1"), PROGRAM, "q -abandoned> w")
    hotline.center.pause(hotline.agent("dana"))
    flow, _ = hotline.enter()
    hotline.center.end("c1")
    report = Report(DialogEvent.END, hotline.center.now)
    ended = report_dialog(flow.session, ACCOUNT, report, hotline.center.now)
    hotline.rows.apply([*ended])
    with pytest.raises(Gone):
        flow.step("poll")
    assert isinstance(flow.step("hangup"), Request)


def test_a_flow_that_goes_on_elsewhere_leaves_the_queue() -> None:
    hotline = Hotline(node("q", "enqueue", queueId="q_1"))
    hotline.center.pause(hotline.agent("dana"))
    flow, _ = hotline.enter()
    hotline.rows.add("voicemail", "vm_1")
    hotline.rows.ring_in(to="+12025550123", call_id="c1", from_="+14155550000")
    flow.start("voicemail:vm_1")
    assert hotline.center.floor.callers == {}
    (departed,) = hotline.center.floor.departed.values()
    assert departed.departure is Departure.ROUTED


# Positions


def test_a_position_is_told_when_it_is_time_and_when_it_has_changed() -> None:
    hotline = Hotline(announce_position=1, announce_first_sec=15, announce_interval_sec=30)
    dana = hotline.agent("dana")
    hotline.center.pause(dana)
    first, _ = hotline.enter("c0")
    flow, command = hotline.enter("c1")
    assert said(command) is None
    hotline.wait(14)
    assert flow.step("poll") == Noop(retry_ms=100)
    assert flow.told[-1].look_at == hotline.center.now + SECOND
    hotline.wait(1)
    assert said(flow.step("poll")) == "There is one caller ahead of you."
    assert flow.step("poll") == Noop(retry_ms=100)
    hotline.wait(30)
    assert flow.step("poll") == Noop(retry_ms=100), "it is the same"
    first.step("hangup")
    assert said(flow.step("poll")) == "You are the next caller."


def test_an_interval_of_zero_tells_it_once() -> None:
    hotline = Hotline(announce_position=1, announce_first_sec=5, announce_interval_sec=0)
    hotline.center.pause(hotline.agent("dana"))
    flow, _ = hotline.enter()
    hotline.wait(5)
    assert said(flow.step("poll")) == "You are the next caller."
    hotline.wait(500)
    assert flow.step("poll") == Noop(retry_ms=100)
    assert flow.told[-1].look_at is None


# Digits


def _with_option(action: str, **members: Any) -> Hotline:
    hotline = Hotline(max_wait_sec=60)
    hotline.rows.add("voicemail", "vm_1")
    hotline.rows.add(
        "in_queue_option", "opt_1", queue_id="q_1", digit="2", action=action, **members
    )
    hotline.center.pause(hotline.agent("dana"))
    return hotline


def test_a_digit_leads_out_of_the_queue() -> None:
    hotline = _with_option("route", dest_kind="voicemail", dest_id="vm_1")
    flow, command = hotline.enter()
    assert isinstance(command, Enqueue)
    assert command.digits == "2"
    assert flow.step("digit:9") == Noop(retry_ms=100), "nothing stands behind it"
    assert isinstance(flow.step("digit:2"), Play)
    assert next(iter(hotline.center.floor.departed.values())).departure is Departure.ROUTED
    assert flow.variables["queue_option"] == "2"


def test_a_digit_that_was_pressed_a_moment_before_the_agent_answered_does_nothing() -> None:
    hotline = _with_option("hangup")
    flow, _ = hotline.enter()
    hotline.center.make_available("us_dana")
    flow.step("poll")
    hotline.center.answer("us_dana")
    for pressed in ("digit:2", "digit:9"):
        assert flow.step(pressed) == Noop(retry_ms=100)
    assert hotline.center.state("us_dana") is State.IN_CALL


@pytest.mark.parametrize("stays", [0, 1])
def test_a_digit_tells_a_program(stays: int) -> None:
    hotline = _with_option("webhook", webhook_url="https://example.com/x", stay_in_queue=stays)
    flow, _ = hotline.enter()
    command = flow.step("digit:2")
    assert isinstance(command, Request)
    assert '"digit":"2"' in (command.body or "")
    after = flow.step("ok")
    assert isinstance(after, Enqueue if stays else Play)
    assert bool(hotline.center.floor.callers) is bool(stays)


def test_a_digit_hangs_up() -> None:
    hotline = _with_option("hangup")
    flow, _ = hotline.enter()
    assert isinstance(flow.step("digit:2"), Hangup)
    assert hotline.center.floor.callers == {}


def test_who_wants_to_be_called_back_keeps_his_place() -> None:
    hotline = _with_option("callback")
    flow, _ = hotline.enter("c0")
    came = hotline.center.now
    hotline.wait(20)
    _, _ = hotline.enter("c1")
    hotline.wait(5)
    assert isinstance(flow.step("digit:2"), Play)
    assert isinstance(flow.step("done"), Hangup)
    queued = next(f for t in flow.told for f in t.floor if isinstance(f, CallerQueued) and f.since)
    assert (queued.since, queued.callback and queued.callback.number) == (came, "14155551234")
    hotline.center.end("c0")
    hotline.wait(10)
    hotline.center.make_available("us_dana")
    assert hotline.center.offer("us_dana").call_id == queued.call_id, "c1 came later"
    assert hotline.center.offer("us_dana").until == Millis(hotline.center.now + 20 * SECOND)


def test_a_callback_node_puts_the_caller_in_line() -> None:
    hotline = Hotline(
        node("c", "callback", queueId="q_1", numberVariable="wanted"), node("h", "hangup"), "c > h"
    )
    flow = hotline.call()
    assert isinstance(flow.start(wanted="+1 202 555 0188"), Hangup)
    assert flow.path[0] == ("c", "scheduled")
    (caller,) = hotline.center.floor.callers.values()
    assert caller.callback is not None
    assert caller.callback.number == "12025550188"


def test_a_flow_may_say_itself_whom_to_call_back() -> None:
    wish = node("c", "callback", queueId="q_1", number="+1{{area}}5550199")
    hotline = Hotline(wish, node("h", "hangup"), "c > h")
    flow = hotline.call()
    assert isinstance(flow.start(area="202"), Hangup)
    (caller,) = hotline.center.floor.callers.values()
    assert caller.callback is not None
    assert caller.callback.number == "12025550199"


def test_who_cannot_be_called_back_is_told_so() -> None:
    hotline = Hotline(
        node("c", "callback", queueId="q_1", numberVariable="wanted"), node("h", "hangup"), "c > h"
    )
    flow = hotline.call()
    flow.start(wanted="anonymous")
    assert flow.path[0] == ("c", "failed")
    assert hotline.center.floor.callers == {}
