"""Where messages stand among facts: by what follows from what, whatever clocks and wires do."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain import sip as text_of
from events.base import AccountId, CallId, Fact, Millis, StreamName
from events.call import (
    CallAnswered,
    CallDialogStarted,
    CallEnded,
    CallRinging,
    CallRouted,
    Direction,
    Disposition,
    Outcome,
    ProxyToUser,
    Reject,
)
from projections.base import Positioned
from projections.causality import Captured, merged
from tests.support.hep import CALLEE, CALLER, EDGE, URI, Place, conversation, sip

CALL = CallId("call-1")
ABOUT = {"account_id": AccountId("acc_1"), "at": Millis(0), "call_id": CALL}
OUTCOME = Outcome(
    direction=Direction.INTERNAL, from_number="1001", to_number="1002", start_ts=Millis(0),
    ring_ts=None, answer_ts=None, end_ts=Millis(0), duration_sec=0, billsec=0,
    disposition=Disposition.ANSWERED, hangup_cause="normal_clearing",
)  # fmt: skip
PROXY = ProxyToUser(user_id="us", aors=(), parallel=True, caller_id="", ring_timeout_sec=9)


def routed(directive: ProxyToUser | Reject = PROXY) -> CallRouted:
    return CallRouted(
        **ABOUT, hop=1, request="", direction=Direction.INTERNAL, from_number="1001",
        to_number="1002", directive=directive, path=(),
    )  # fmt: skip


ROUTED, ENDED = routed(), CallEnded(**ABOUT, outcome=OUTCOME)
STARTED = CallDialogStarted(**ABOUT, ts=Millis(0))
RINGING, ANSWERED = CallRinging(**ABOUT, ts=Millis(0)), CallAnswered(**ABOUT, ts=Millis(0))
Message = tuple[bytes, Place, Place]


class Told:
    """What happens in a call, in the order in which it does: facts and messages."""

    def __init__(self, *happened: Fact | Message) -> None:
        self.happened = happened

    def facts(self) -> list[Positioned]:
        found = [one for one in self.happened if isinstance(one, Fact)]
        stream = StreamName(f"call-{CALL}")
        return [
            Positioned(10 * place, stream, place, type(one).__name__, one)
            for place, one in enumerate(found, 1)
        ]

    def messages(self, delays: Sequence[int] = (), clock: int = 0) -> list[Captured]:
        """Each comes in when so many more things have happened."""
        arrivals = []
        for place, one in enumerate(self.happened):
            if not isinstance(one, Fact):
                delay = delays[place % len(delays)] if delays else 0
                arrivals.append((place + delay, place, one))
        found = []
        for number, (when, _, (payload, here, there)) in enumerate(
            sorted(arrivals, key=lambda a: a[:2])
        ):
            stored = sum(isinstance(one, Fact) for one in self.happened[: when + 1])
            kept = text_of.kept(payload)
            assert kept is not None
            found.append(
                Captured(
                    number, 10 * stored, Millis(clock), 1, 17, f"{here[0]}:{here[1]}",
                    f"{there[0]}:{there[1]}", payload, kept.text,
                )
            )  # fmt: skip
        return found

    def order(self, delays: Sequence[int] = (), clock: int = 0) -> list[str]:
        return named(merged(CALL, self.facts(), self.messages(delays, clock)))

    def truth(self) -> list[str]:
        return [label(one) for one in self.happened]


def label(one: Fact | Message) -> str:
    if isinstance(one, Fact):
        return type(one).__name__
    kept = text_of.kept(one[0])
    assert kept is not None
    return _said(kept.text)


def _said(text: str) -> str:
    said = text_of.read(text)
    return f"{said.title}/{said.cseq} {said.method} {'>'.join(said.branches)}"


def named(found: Sequence[Positioned | Captured]) -> list[str]:
    return [
        type(one.fact).__name__ if isinstance(one, Positioned) else _said(one.text) for one in found
    ]


def answered_call() -> Told:
    m = conversation(CALL)
    return Told(
        m[0], m[1], ROUTED, STARTED, m[2], m[3], m[4], RINGING, m[5], m[6], ANSWERED,
        m[7], m[8], m[9], m[10], ENDED, m[11], m[12],
    )  # fmt: skip


FACTS = ["CallRouted", "CallDialogStarted", "CallRinging", "CallAnswered", "CallEnded"]


def test_what_comes_at_once_stands_where_it_happened() -> None:
    assert answered_call().order() == answered_call().truth()


DELAYS = st.lists(st.integers(0, 30), min_size=18, max_size=18)


@given(DELAYS, st.integers(-(10**9), 10**9))
def test_neither_clocks_nor_late_arrival_change_what_follows_from_what(
    delays: list[int], clock: int
) -> None:
    call = answered_call()
    order, truth = call.order(delays, clock), call.truth()
    assert sorted(order) == sorted(truth)
    assert [one for one in order if one in FACTS] == FACTS

    def at(name: str) -> list[int]:
        return [place for place, one in enumerate(order) if one.startswith(name)]

    (invite, sent_on), (ring, rung) = at("INVITE"), at("180")
    accepted, bye = at("200 OK/1 INVITE"), at("BYE")
    assert invite < order.index("CallRouted") < sent_on < ring < rung < order.index("CallRinging")
    assert order.index("CallRinging") < max(accepted) < order.index("CallAnswered")
    assert accepted == sorted(accepted)
    assert max(accepted) < min(at("ACK")) < max(at("ACK")) < min(bye)
    assert max(bye) < order.index("CallEnded")
    assert min(bye) < min(at("200 OK/2 BYE"))
    # the order of what proxies sent on, and of what was answered
    assert [order[place] for place in at("BYE")] == [one for one in truth if one.startswith("BYE")]


@given(DELAYS, st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_clocks_say_nothing(delays: list[int], one: int, other: int) -> None:
    assert answered_call().order(delays, one) == answered_call().order(delays, other)


def test_the_first_invite_is_only_asked_for_a_password() -> None:
    def up(cseq: int, via: str, start: str = f"INVITE {URI}", **more: str) -> Message:
        return sip(start, CALL, cseq=f"{cseq} {more.get('m', 'INVITE')}", vias=(via,)), CALLER, EDGE

    happened = (
        up(1, "a"), up(1, "a", "407 Proxy Authentication"), up(1, "a", f"ACK {URI}", m="ACK"),
        up(2, "b"), ROUTED, STARTED,
    )  # fmt: skip
    call = Told(*happened)
    assert call.order() == call.truth()
    for delays in ([30, 3, 12, 9, 0, 0], [0, 0, 0, 9, 0, 0]):
        assert call.order(delays) == call.truth()


def test_a_refusal_stands_behind_the_decision_that_refused() -> None:
    invite = (sip(f"INVITE {URI}", CALL), CALLER, EDGE)
    refused = (sip("486 Busy Here", CALL, to_tag="t"), EDGE, CALLER)
    ack = (sip(f"ACK {URI}", CALL, cseq="1 ACK", to_tag="t"), CALLER, EDGE)
    call = Told(invite, routed(Reject(code=486, reason="Busy")), ENDED, refused, ack)
    assert call.order() == call.truth()
    assert call.order([5]) == call.truth()


def test_a_caller_who_gives_up_is_heard_before_the_end() -> None:
    invite = (sip(f"INVITE {URI}", CALL), CALLER, EDGE)
    cancel = (sip(f"CANCEL {URI}", CALL, cseq="1 CANCEL"), CALLER, EDGE)
    gone = (sip("487 Request Terminated", CALL, to_tag="t"), EDGE, CALLER)
    call = Told(invite, ROUTED, STARTED, cancel, gone, ENDED)
    for delays in ((0,), (9,), (9, 0, 0, 9, 0, 0)):
        assert call.order(delays) == call.truth()


def test_a_message_that_came_again_stands_behind_itself() -> None:
    m = conversation(CALL)
    call = Told(m[0], m[0], ROUTED, m[2], m[3], m[3], m[3])
    for delays in ([0], [0, 0, 0, 9, 0, 0, 0]):
        assert call.order(delays) == call.truth()


def test_who_was_called_hangs_up_after_the_ack_too() -> None:
    m = conversation(CALL)
    bye = sip(f"BYE {URI}", CALL, cseq="1 BYE", vias=("x",), from_tag="t", to_tag="f")
    call = Told(m[0], ROUTED, m[2], m[5], m[6], m[7], m[8], (bye, CALLEE, EDGE), ENDED)
    for delays in ([0], [0, 0, 0, 0, 0, 9, 9, 0, 0]):
        assert call.order(delays) == call.truth()


def test_an_end_that_nobody_hung_up_for_waits_for_no_bye() -> None:
    lost = ENDED.model_copy(update={"outcome": OUTCOME.model_copy(update={"hangup_cause": "lost"})})
    m = conversation(CALL)
    call = Told(m[0], ROUTED, lost, m[9], m[12])
    assert call.order() == call.truth()


_REQUESTS = [f"{method} {URI}" for method in ("INVITE", "BYE", "ACK", "CANCEL")]
FACTS_OF_A_CALL = [ROUTED, RINGING, ANSWERED, ENDED]


def _any_message() -> st.SearchStrategy[bytes]:
    return st.builds(
        sip,
        st.sampled_from([*_REQUESTS, "180 Ringing", "200 OK", "487 Request Terminated"]),
        st.sampled_from([CALL, "leg"]),
        cseq=st.sampled_from(["1 INVITE", "2 INVITE", "1 ACK", "2 BYE", "1 CANCEL", "x", "9" * 11]),
        vias=st.lists(st.sampled_from("ab"), max_size=3).map(tuple),
        to_tag=st.sampled_from(["", "t"]),
        from_tag=st.sampled_from(["f", "t"]),
    )  # fmt: skip


@given(
    st.lists(st.one_of(_any_message(), st.sampled_from(FACTS_OF_A_CALL)), max_size=12),
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
)
def test_messages_that_contradict_themselves_lose_nothing(
    happened: list[bytes | Fact], delays: list[int]
) -> None:
    call = Told(*(one if isinstance(one, Fact) else (one, CALLER, EDGE) for one in happened))
    order = merged(CALL, call.facts(), call.messages(delays))
    assert len(order) == len(happened)
    facts = [one.position for one in order if isinstance(one, Positioned)]
    assert facts == sorted(facts)
