"""The same question gets the same answer; another one is a hop; nobody else gets any."""

from hypothesis import given
from hypothesis import strategies as st

from domain.call import MAX_HOPS, Report, report_dialog
from domain.routing import RouteRequest, digest_of
from events.base import CallId, Millis
from events.call import CallEnded, CallRouted, DialogEvent, Reject, RunFlow
from events.capacity import ChannelsTaken
from tests.domain.acme import DID_NUMBER, Acme, rejection
from tests.support.given import ACCOUNT, NOW, OTHER_ACCOUNT, property_of

CALL = CallId("call-1")
QUESTION = RouteRequest(CALL, from_="+14155551234", to="+" + DID_NUMBER, src_ip="192.0.2.10")


def _acme() -> Acme:
    acme = Acme(max_out=2)
    acme.add_user("1001")
    acme.add_user("1002", max_simultaneous=1)
    acme.add_trunk("tr_1", inbound_ips=["192.0.2.0/24"], max_channels=2)
    acme.add_did("flow", acme.add_flow("flow_1"))
    return acme


def _end(acme: Acme) -> None:
    report = Report(DialogEvent.END, Millis(NOW + 1_000))
    acme.apply([*report_dialog(acme.sessions[CALL], ACCOUNT, report, NOW)])


def test_the_decision_and_the_channels_are_facts_of_one_moment() -> None:
    routed, facts = _acme().decide(QUESTION)
    assert facts[0] == routed
    assert [type(fact) for fact in facts] == [CallRouted, ChannelsTaken]
    assert {fact.at for fact in facts} == {NOW}


def test_a_rejected_call_takes_no_channels_and_is_over() -> None:
    acme = _acme()
    acme.change("did", "did_1", status="disabled")
    _, facts = acme.decide(QUESTION)
    assert [type(fact) for fact in facts] == [CallRouted, CallEnded]


def test_a_call_that_was_over_before_it_was_routed_takes_no_channels() -> None:
    acme = _acme()
    acme.decide(QUESTION)
    _end(acme)
    routed, facts = acme.decide(QUESTION)
    assert routed is not None
    assert [type(fact) for fact in facts] == [CallRouted, CallEnded]


_TO = st.sampled_from(["1002", "911", "+" + DID_NUMBER, "+4930123456", "nobody", "+1202555019", ""])
_QUESTIONS = st.builds(
    RouteRequest,
    call_id=st.sampled_from([CALL, CallId("call-2"), CallId("call-3")]),
    from_=st.sampled_from(["+14155551234", "anonymous", "1001"]),
    to=_TO,
    from_domain=st.none() | st.just("acme.example"),
    src_ip=st.sampled_from([None, "192.0.2.10", "203.0.113.1"]),
    device_id=st.sampled_from([None, "dev_1001_1", "dev_1002_1", "dev_nobody"]),
    auth_user=st.sampled_from([None, "1001"]),
    trunk_id=st.sampled_from([None, "tr_1", "tr_9"]),
    node_id=st.sampled_from([None, "edge-1", "edge-2"]),
)


@property_of(examples=40)
@given(questions=st.lists(_QUESTIONS, min_size=1, max_size=8))
def test_a_question_asked_again_at_any_time_gets_its_first_answer_and_no_facts(
    questions: list[RouteRequest],
) -> None:
    acme = _acme()
    answers: list[tuple[RouteRequest, CallRouted]] = []
    for question in questions:
        routed, facts = acme.decide(question)
        acme.apply(facts)
        if routed is not None:
            answers.append((question, routed))
        for earlier, answer in answers:
            assert acme.decide(earlier) == (answer, [])


@property_of(examples=40)
@given(questions=st.lists(_QUESTIONS, min_size=1, max_size=8))
def test_a_call_has_one_first_hop_at_most_one_end_and_holds_channels_while_it_lives(
    questions: list[RouteRequest],
) -> None:
    acme = _acme()
    seen: dict[CallId, list[str]] = {}
    for question in questions:
        _, facts = acme.decide(question)
        acme.apply(facts)
        seen.setdefault(question.call_id, []).extend(type(fact).__name__ for fact in facts)
    for call_id, names in seen.items():
        session = acme.sessions[call_id]
        assert [hop.hop for hop in session.hops] == list(range(1, len(session.hops) + 1))
        assert names.count("CallEnded") + names.count("ChannelsTaken") == 1
        assert (call_id in acme.capacity.open) is (session.outcome is None)


def test_the_address_and_the_node_do_not_make_another_question() -> None:
    assert digest_of(QUESTION) == digest_of(QUESTION._replace(src_ip="x", node_id="y"))


def test_everything_else_makes_another_question() -> None:
    others = [
        QUESTION._replace(from_="x"),
        QUESTION._replace(to="x"),
        QUESTION._replace(from_domain="x"),
        QUESTION._replace(to_domain="x"),
        QUESTION._replace(device_id="x"),
        QUESTION._replace(auth_user="x"),
        QUESTION._replace(trunk_id="x"),
    ]
    assert len({digest_of(question) for question in [QUESTION, *others]}) == len(others) + 1


def test_a_call_that_is_over_gets_no_new_answer_but_keeps_its_old_one() -> None:
    acme = _acme()
    first = acme.route(QUESTION)
    _end(acme)
    assert acme.decide(QUESTION._replace(to="+12025550199")) == (None, [])
    assert acme.decide(QUESTION) == (first, [])


def test_the_call_of_another_account_gets_no_answer() -> None:
    acme = _acme()
    acme.route(QUESTION)
    assert acme.decide(QUESTION, OTHER_ACCOUNT) == (None, [])


def test_a_call_that_is_sent_on_and_on_is_a_loop() -> None:
    acme = _acme()
    hops = [acme.dial(f"+493012345{number}") for number in range(MAX_HOPS)]
    assert not any(isinstance(hop.directive, Reject) for hop in hops)
    assert rejection(acme.dial("+49301234599").directive) == (482, "Loop Detected")


def test_a_call_may_come_back_to_where_it_was() -> None:
    acme = _acme()
    first = acme.route(QUESTION)
    acme.dial("1002")
    assert acme.decide(QUESTION) == (first, [])
    assert isinstance(first.directive, RunFlow)


def test_nothing_is_here_without_an_account() -> None:
    acme = _acme()
    acme.rows.directory.account = None
    assert rejection(acme.route(QUESTION).directive) == (404, "Not Found")
