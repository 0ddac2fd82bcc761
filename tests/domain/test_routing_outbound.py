"""Calls to the outside: which carrier, with which number, and when there is none."""

from collections import Counter
from typing import Any

import pytest

from domain.routing import RETRY_AFTER
from events.call import Carrier, Direction, Reject, SendOut
from events.capacity import Dimension, Hold
from tests.domain.acme import Acme, rejection, steps
from tests.support.given import ACCOUNT

NUMBER = "4930123456"


def _acme(trunks: int = 1, **settings: Any) -> Acme:
    acme = Acme(**settings)
    acme.add_user("1001")
    for number in range(1, trunks + 1):
        acme.add_trunk(f"tr_{number}")
    return acme


def _route(acme: Acme, id: str, *trunks: str, **members: Any) -> None:
    acme.add("outbound_route", id, trunk_ids=trunks, **members)


def _sent(acme: Acme, to: str = "+" + NUMBER, **asked: Any) -> SendOut:
    directive = acme.dial(to, **asked).directive
    assert isinstance(directive, SendOut)
    return directive


def _gateways(out: SendOut) -> list[str | None]:
    return [gateway.trunk_id for gateway in out.gateways]


# Which carrier


def test_without_routes_every_trunk_that_sends_calls_is_tried_in_order() -> None:
    acme = _acme(trunks=3)
    acme.change("sip_trunk", "tr_1", direction="inbound")
    assert _gateways(_sent(acme)) == ["tr_2", "tr_3"]


def test_a_carrier_is_told_all_that_it_needs() -> None:
    acme = _acme(trunks=0)
    acme.add_trunk(
        "tr_1",
        proxy="sbc.carrier.example:5061",
        transport="tls",
        realm="carrier.example",
        auth_username="acme",
        auth_secret_ref="secret_1",
        from_user="acme",
        from_domain="acme.example",
    )
    assert _sent(acme) == SendOut(
        trunk_id="tr_1",
        gateways=(
            Carrier(
                uri=f"sip:{NUMBER}@sbc.carrier.example:5061",
                trunk_id="tr_1",
                transport="tls",
                realm="carrier.example",
                auth_username="acme",
                auth_secret_ref="secret_1",
                from_user="acme",
                from_domain="acme.example",
            ),
        ),
        number=NUMBER,
        caller_id="1001",
        max_duration_sec=14_400,
    )


@pytest.mark.parametrize(
    ("dialled", "trunk"),
    [("+4930123456", "tr_1"), ("+12025550123", "tr_2"), ("+33123456789", "tr_3")],
)
def test_a_route_matches_by_prefix_or_by_pattern_of_the_whole_number(
    dialled: str, trunk: str
) -> None:
    acme = _acme(trunks=3)
    _route(acme, "route_1", "tr_1", match_prefix="49")
    _route(acme, "route_2", "tr_2", match_regex="1[2-9][0-9]{9}")
    _route(acme, "route_3", "tr_3", priority=9)
    _route(acme, "route_4", "tr_3", match_regex="493")
    assert _sent(acme, dialled).trunk_id == trunk


def test_priority_comes_before_cost_and_cost_before_the_length_of_the_prefix() -> None:
    acme = _acme(trunks=4)
    _route(acme, "route_1", "tr_1", priority=2, match_prefix="4930", cost_micros_per_min=1)
    _route(acme, "route_2", "tr_2", priority=1, match_prefix="4", cost_micros_per_min=900)
    _route(acme, "route_3", "tr_3", priority=1, match_prefix="4", cost_micros_per_min=800)
    _route(acme, "route_4", "tr_4", priority=1, match_prefix="49", cost_micros_per_min=900)
    assert _gateways(_sent(acme)) == ["tr_3", "tr_4", "tr_2", "tr_1"]


def test_the_trunks_of_a_route_are_its_failover_order() -> None:
    acme = _acme(trunks=3)
    _route(acme, "route_1", "tr_3", "tr_1")
    assert _gateways(_sent(acme)) == ["tr_3", "tr_1"]


def test_trunks_with_weights_share_the_calls_by_them_and_a_call_always_draws_the_same() -> None:
    drawn: list[list[str | None]] = []
    again: list[list[str | None]] = []
    for orders in (drawn, again):
        acme = _acme(trunks=3)
        _route(acme, "route_1", "tr_1", "tr_2", "tr_3", weights={"tr_1": 6, "tr_2": 3})
        orders += [_gateways(_sent(acme, call_id=f"call-{number}")) for number in range(600)]
    first = Counter(order[0] for order in drawn)
    assert all(sorted(order, key=str) == ["tr_1", "tr_2", "tr_3"] for order in drawn)
    assert 300 <= first["tr_1"] <= 420  # six tenths of 600
    assert 30 <= first["tr_3"] <= 90
    assert again == drawn


def test_a_route_is_there_while_its_schedule_is_open() -> None:
    acme = _acme(trunks=2)
    rule = {"kind": "weekly", "dow": 0, "is_closed": 1}
    acme.add("time_schedule", "sch_1", name="Never", rules=(rule,))
    _route(acme, "route_1", "tr_1", schedule_id="sch_1")
    _route(acme, "route_2", "tr_2", priority=9)
    assert _gateways(_sent(acme)) == ["tr_2"]
    assert _gateways(_sent(acme, to="911"))[0] == "tr_1"


@pytest.mark.parametrize(
    ("policy", "shown"),
    [("user", "1"), ("account", "2"), ("trunk", "3"), ("keep", "1001")],
)
def test_a_route_says_whose_number_is_shown(policy: str, shown: str) -> None:
    acme = _acme(trunks=1, default_cid_number="+12025550102")
    acme.change("sip_user", "us_1001", out_cid_number="+12025550101")
    acme.change("sip_trunk", "tr_1", cid_number="+12025550103")
    _route(acme, "route_1", "tr_1", cid_policy=policy)
    assert _sent(acme).caller_id == (shown if policy == "keep" else f"1202555010{shown}")


def test_each_carrier_gets_the_number_as_its_route_wants_it() -> None:
    acme = _acme(trunks=2)
    _route(acme, "route_1", "tr_1", priority=1, match_prefix="49", strip_digits=2, prepend="0")
    _route(acme, "route_2", "tr_2", priority=2, prepend="+")
    out = _sent(acme)
    assert [gateway.uri for gateway in out.gateways] == [
        "sip:030123456@1.example",
        "sip:+4930123456@2.example",
    ]
    assert out.number == "030123456"


@pytest.mark.parametrize(
    "off",
    [{"status": "disabled"}, {"direction": "inbound"}, {"proxy": None}],
    ids=["disabled", "inbound", "without proxy"],
)
def test_a_trunk_that_cannot_send_is_passed_over(off: dict[str, Any]) -> None:
    acme = _acme(trunks=2)
    _route(acme, "route_1", "tr_1", "tr_2")
    acme.change("sip_trunk", "tr_1", **off)
    assert _gateways(_sent(acme)) == ["tr_2"]


def test_a_disabled_route_is_passed_over() -> None:
    acme = _acme(trunks=2)
    _route(acme, "route_1", "tr_1", status="disabled")
    _route(acme, "route_2", "tr_2", priority=9)
    assert _gateways(_sent(acme)) == ["tr_2"]


def test_a_full_trunk_is_skipped_and_the_path_says_so() -> None:
    acme = _acme(trunks=2)
    acme.change("sip_trunk", "tr_1", max_channels=1)
    acme.occupy(Hold(Dimension.TRUNK, "tr_1"))
    routed = acme.dial("+" + NUMBER)
    assert isinstance(routed.directive, SendOut)
    assert _gateways(routed.directive) == ["tr_2"]
    assert ("carrier", "full", "tr_1 1/1") in routed.path


def test_when_all_trunks_are_full_the_call_may_be_tried_again_in_a_moment() -> None:
    acme = _acme(trunks=2)
    for trunk in ("tr_1", "tr_2"):
        acme.change("sip_trunk", trunk, max_channels=0)
    directive = acme.dial("+" + NUMBER).directive
    assert directive == Reject(code=503, reason="No Trunk Available", retry_after=RETRY_AFTER)


def test_what_no_route_matches_goes_to_the_carriers_of_the_platform() -> None:
    acme = _acme(wholesale=("a.carrier.example", "b.carrier.example:5080"))
    _route(acme, "route_1", "tr_1", match_prefix="1")
    out = _sent(acme)
    assert out.trunk_id is None
    assert [gateway.uri for gateway in out.gateways] == [
        f"sip:{NUMBER}@a.carrier.example",
        f"sip:{NUMBER}@b.carrier.example:5080",
    ]


def test_without_any_carrier_there_is_no_route() -> None:
    acme = _acme()
    _route(acme, "route_1", "tr_1", match_prefix="1")
    routed = acme.dial("+" + NUMBER)
    assert rejection(routed.directive) == (404, "No Route To Destination")
    assert ("carrier", "none") in steps(routed)


# With which number


@pytest.mark.parametrize(
    "dialled", ["+4930123456", "011 4930123456", "sip:+4930123456@acme.example", "tel:+4930123456"]
)
def test_a_number_is_dialled_in_any_form(dialled: str) -> None:
    routed = _acme().dial(dialled)
    assert isinstance(routed.directive, SendOut)
    assert (routed.direction, routed.to_number) == (Direction.OUTBOUND, NUMBER)


def test_a_national_number_is_one_of_the_accounts_country() -> None:
    acme = _acme(country="DE")
    assert _sent(acme, "030 123456").number == NUMBER


def test_the_number_shown_is_the_users_then_the_accounts_then_the_trunks() -> None:
    acme = _acme()
    assert _sent(acme, call_id="1").caller_id == "1001"
    acme.change("sip_trunk", "tr_1", cid_number="+12025550101")
    assert _sent(acme, call_id="2").caller_id == "12025550101"
    acme.change("account", ACCOUNT, default_cid_number="+12025550102")
    assert _sent(acme, call_id="3").caller_id == "12025550102"
    acme.change("sip_user", "us_1001", out_cid_number="+12025550103")
    assert _sent(acme, call_id="4").caller_id == "12025550103"


# Emergency


def test_an_emergency_call_passes_every_limit() -> None:
    acme = _acme(max_out=0)
    acme.change("sip_user", "us_1001", max_simultaneous=0)
    acme.change("sip_trunk", "tr_1", max_channels=0)
    routed = acme.dial("911")
    assert isinstance(routed.directive, SendOut)
    assert (routed.directive.number, routed.directive.trunk_id) == ("911", "tr_1")
    assert ("admission", "emergency") in steps(routed)
    assert acme.capacity.holders == {}


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_an_emergency_call_of_a_suspended_account_goes_out(status: str) -> None:
    assert _sent(_acme(status=status), "911").number == "911"
    assert rejection(_acme(status=status).dial("+" + NUMBER).directive)[0] == 403


def test_an_emergency_call_needs_no_route_that_matches() -> None:
    acme = _acme(trunks=2)
    _route(acme, "route_1", "tr_2", match_prefix="49")
    assert _gateways(_sent(acme, "911")) == ["tr_1", "tr_2"]


def test_an_emergency_number_wins_over_an_extension_of_that_name() -> None:
    acme = _acme()
    acme.add("extension", "ext_1", digits="911", dest_kind="hangup")
    assert _sent(acme, "911").number == "911"


def test_the_emergency_numbers_are_those_of_the_accounts_country() -> None:
    assert _sent(_acme(country="DE"), "110").number == "110"
    assert rejection(_acme(country="US").dial("110").directive)[0] == 404
