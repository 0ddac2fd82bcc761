"""Calls from outside: the number, its target, what happens when the target is not there."""

import pytest

from domain.routing import MAX_TARGETS
from events.call import Direction, ProxyToUser, RunFlow, SendOut
from tests.domain.acme import CALLER, DID, DID_NUMBER, Acme, rejection, steps


def _flow(acme: Acme) -> RunFlow:
    directive = acme.ring_in().directive
    assert isinstance(directive, RunFlow)
    return directive


def test_a_number_runs_the_published_version_of_its_flow() -> None:
    acme = Acme()
    acme.add_did("flow", acme.add_flow("flow_1", version=3), dest_xform={"lang": "de"})
    routed = acme.ring_in()
    assert routed.directive == RunFlow(
        flow_id="flow_1",
        flow_version=3,
        vars={"caller_cid": CALLER, "called_did": DID_NUMBER, "lang": "de"},
    )
    assert (routed.direction, routed.did_id) == (Direction.INBOUND, DID)
    assert (routed.from_number, routed.to_number) == (CALLER, DID_NUMBER)
    assert steps(routed)[:3] == [
        ("identify", "unknown"),
        ("classify", "inbound"),
        ("target", "flow"),
    ]


@pytest.mark.parametrize(
    "to",
    [
        DID_NUMBER,
        "+12025550123",
        "2025550123",
        "(202)555-0123",
        "sip:+12025550123@edge.example;user=phone",
        "tel:+1-202-555-0123",
    ],
)
def test_a_number_is_found_in_any_form(to: str) -> None:
    acme = Acme()
    acme.add_did("hangup")
    assert acme.ring_in(to).did_id == DID


@pytest.mark.parametrize(
    ("from_", "number"),
    [
        ("+4930123456", "4930123456"),
        ("sip:+4930123456@carrier.example", "4930123456"),
        ("4155551234", CALLER),
        ("anonymous", "anonymous"),
    ],
)
def test_the_caller_is_known_by_its_e164_number_where_it_has_one(from_: str, number: str) -> None:
    acme = Acme()
    acme.add_did("flow", acme.add_flow("flow_1"))
    assert acme.ring_in(from_=from_).from_number == number


@pytest.mark.parametrize("kind", ["queue", "voicemail"])
def test_a_queue_and_a_mailbox_become_a_flow_of_one_node(kind: str) -> None:
    acme = Acme()
    acme.add_did(kind, acme.add(kind, "target_1", name="Support"))
    flow = _flow(acme)
    assert (flow.flow_id, flow.flow_version) == (f"{kind}:target_1", 0)
    assert flow.vars["caller_cid"] == CALLER


def test_a_user_is_rung() -> None:
    acme = Acme()
    acme.add_did("user", acme.add_user("1001"))
    directive = acme.ring_in().directive
    assert isinstance(directive, ProxyToUser)
    assert (directive.user_id, directive.caller_id) == ("us_1001", CALLER)


def test_an_extension_leads_on_to_its_own_target_and_adds_its_variables() -> None:
    acme = Acme()
    acme.add_flow("flow_1")
    acme.add(
        "extension",
        "ext_1",
        digits="200",
        dest_kind="flow",
        dest_id="flow_1",
        dest_xform={"lang": "fr", "desk": "7"},
    )
    acme.add_did("extension", "ext_1", dest_xform={"lang": "de"})
    assert _flow(acme).vars == {
        "caller_cid": CALLER,
        "called_did": DID_NUMBER,
        "lang": "fr",
        "desk": "7",
    }


def test_a_trunk_takes_the_call_with_the_number_that_was_dialled() -> None:
    acme = Acme()
    acme.add_did("trunk", acme.add_trunk("tr_pbx", role="pbx"))
    directive = acme.ring_in().directive
    assert isinstance(directive, SendOut)
    assert directive.trunk_id == "tr_pbx"
    assert [gateway.uri for gateway in directive.gateways] == [f"sip:{DID_NUMBER}@pbx.example"]


def test_a_number_may_hang_up() -> None:
    acme = Acme()
    acme.add_did("hangup")
    assert rejection(acme.ring_in().directive) == (603, "Decline")


@pytest.mark.parametrize("to", ["+12025550199", "1001", "911", "alice", "*97"])
def test_a_caller_from_outside_reaches_nothing_but_numbers(to: str) -> None:
    acme = Acme()
    acme.add_user("1001")
    routed = acme.ring_in(to)
    assert rejection(routed.directive) == (404, "Not Found")
    assert routed.direction is Direction.UNKNOWN
    assert ("classify", "no_such_number") in steps(routed)


def test_a_disabled_number_is_not_there() -> None:
    acme = Acme()
    acme.add_did("hangup", status="disabled")
    assert rejection(acme.ring_in().directive) == (404, "Not Found")


def test_a_number_without_target_goes_to_the_default_of_the_account() -> None:
    acme = Acme()
    acme.use_default(acme.add_flow("flow_1"))
    acme.add_did()
    assert _flow(acme).flow_id == "flow_1"


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("flow", "call_flow"),
        ("user", "sip_user"),
        ("queue", "queue"),
        ("voicemail", "voicemail"),
        ("extension", "extension"),
        ("trunk", "sip_trunk"),
        ("forward", "forward"),
    ],
)
def test_a_deleted_target_falls_to_the_default_and_the_path_says_so(target: str, kind: str) -> None:
    acme = Acme()
    acme.use_default(acme.add_flow("flow_1"))
    acme.add_flow("flow_2")
    acme.add_user("1001", devices=0)
    acme.add("queue", "queue_1", name="Support")
    acme.add("voicemail", "voicemail_1")
    acme.add("extension", "extension_1", digits="200", dest_kind="hangup")
    acme.add_trunk("tr_1")
    acme.add("forward", "forward_1", name="Desk", to="sip:desk@night.example")
    id = {"flow": "flow_2", "user": "us_1001", "trunk": "tr_1"}.get(target, f"{target}_1")
    acme.add_did(target, id)
    acme.lose(kind, id)
    routed = acme.ring_in()
    assert isinstance(routed.directive, RunFlow)
    assert routed.directive.flow_id == "flow_1"
    assert ("target", "missing", f"{target} {id}") in routed.path
    assert ("target", "default", "flow") in routed.path


def test_an_unpublished_flow_falls_to_the_default_and_the_path_says_so() -> None:
    acme = Acme()
    acme.use_default(acme.add_flow("flow_1"))
    acme.add_did("flow", acme.add_flow("flow_2", is_published=0))
    routed = acme.ring_in()
    assert isinstance(routed.directive, RunFlow)
    assert routed.directive.flow_id == "flow_1"
    assert [step for step in routed.path if step.policy == "target"] == [
        ("target", "missing", "flow flow_2"),
        ("target", "default", "flow"),
        ("target", "flow", "flow_1 v1"),
    ]


def test_without_target_and_default_the_number_is_not_found() -> None:
    acme = Acme()
    acme.add_did()
    routed = acme.ring_in()
    assert rejection(routed.directive) == (404, "Not Found")
    assert ("target", "no_default") in steps(routed)


def test_a_disabled_extension_is_not_found() -> None:
    acme = Acme()
    extension = {"digits": "200", "dest_kind": "hangup", "status": "disabled"}
    acme.add_did("extension", acme.add("extension", "ext_1", **extension))
    assert rejection(acme.ring_in().directive) == (404, "Not Found")


def test_a_loop_of_targets_is_rejected_as_loop() -> None:
    acme = Acme()
    acme.add("extension", "ext_1", digits="201")
    acme.add("extension", "ext_2", digits="202", dest_kind="extension", dest_id="ext_1")
    acme.change("extension", "ext_1", dest_kind="extension", dest_id="ext_2")
    acme.add_did("extension", "ext_1")
    routed = acme.ring_in()
    assert rejection(routed.directive) == (482, "Loop Detected")
    assert ("target", "loop") in steps(routed)


@pytest.mark.parametrize(("length", "code"), [(MAX_TARGETS, 603), (MAX_TARGETS + 1, 482)])
def test_a_decision_passes_ten_targets_at_most(length: int, code: int) -> None:
    """A chain of extensions with a hang-up at its end."""
    acme = Acme()
    kind, target = "hangup", None
    for number in range(length - 1):
        target = acme.add(
            "extension", f"ext_{number}", digits=str(200 + number), dest_kind=kind, dest_id=target
        )
        kind = "extension"
    acme.add_did(kind, target)
    assert rejection(acme.ring_in().directive)[0] == code


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_the_calls_of_a_suspended_account_are_rejected(status: str) -> None:
    acme = Acme(status=status)
    acme.add_did("hangup")
    routed = acme.ring_in()
    assert rejection(routed.directive) == (403, "Account Suspended")
    assert ("account", status) in steps(routed)


@pytest.mark.parametrize(
    "from_", ["", "anonymous", "Anonymous", "sip:anonymous@anonymous.invalid", "Restricted"]
)
def test_a_number_may_refuse_anonymous_callers(from_: str) -> None:
    acme = Acme()
    acme.add_did("flow", acme.add_flow("flow_1"), allow_anonymous=0)
    assert rejection(acme.ring_in(from_=from_).directive) == (603, "Anonymity Disallowed")
    assert isinstance(acme.ring_in(call_id="another").directive, RunFlow)


def test_anonymous_callers_are_welcome_unless_refused() -> None:
    acme = Acme()
    acme.add_did("flow", acme.add_flow("flow_1"))
    assert isinstance(acme.ring_in(from_="anonymous").directive, RunFlow)


@pytest.mark.parametrize(
    ("src_ip", "trunk"),
    [
        ("192.0.2.10", "tr_v4"),
        ("192.0.3.10", None),
        ("198.51.100.7", "tr_host"),
        ("198.51.100.8", None),
        ("2001:db8::1:2", "tr_v6"),
        ("2001:DB8:0:0::5", "tr_v6"),
        ("2001:db9::1", None),
        ("not an address", None),
        (None, None),
    ],
)
def test_a_trunk_is_known_by_its_source_address(src_ip: str | None, trunk: str | None) -> None:
    acme = Acme()
    acme.add_trunk("tr_v4", inbound_ips=["192.0.2.0/24", "203.0.113.0/25"])
    acme.add_trunk("tr_host", inbound_ips=["198.51.100.7"])
    acme.add_trunk("tr_v6", inbound_ips=["2001:db8::/32"])
    acme.add_did("hangup")
    assert acme.ring_in(src_ip=src_ip).trunk_id == trunk


def test_a_trunk_that_the_edge_names_needs_no_address() -> None:
    acme = Acme()
    acme.add_did("hangup")
    acme.add_trunk("tr_1")
    assert acme.ring_in(trunk_id="tr_1", src_ip="192.0.2.1").trunk_id == "tr_1"
    assert acme.ring_in(call_id="another", trunk_id="tr_9").trunk_id is None


def test_a_disabled_trunk_is_not_where_a_call_comes_from() -> None:
    acme = Acme()
    acme.add_did("flow", acme.add_flow("flow_1"))
    acme.add_trunk("tr_1", inbound_ips=["192.0.2.0/24"], status="disabled")
    assert acme.ring_in(src_ip="192.0.2.1").trunk_id is None
    assert acme.ring_in(call_id="another", trunk_id="tr_1").trunk_id is None


@pytest.mark.parametrize("member", [{"status": "disabled"}, {"direction": "inbound"}])
def test_a_trunk_that_takes_no_calls_is_no_target(member: dict[str, str]) -> None:
    acme = Acme()
    acme.add_did("trunk", acme.add_trunk("tr_1", **member))
    routed = acme.ring_in()
    assert rejection(routed.directive) == (404, "Not Found")
    assert ("target", "missing", "trunk tr_1") in routed.path
