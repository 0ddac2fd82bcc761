"""User rules, in order: disabled, forward always, do not disturb, busy, devices, none reachable."""

from typing import Any

import pytest

from events.call import Fork, ProxyToUser, RunFlow
from events.capacity import Dimension, Hold
from tests.domain.acme import CALLER, Acme, rejection, steps

LINE = Hold(Dimension.USER, "us_1001")


def _acme(devices: int = 1, **user: Any) -> Acme:
    """Calls to the number of the company ring user 1001."""
    acme = Acme()
    acme.add("queue", "q_1", name="Support")
    acme.add("voicemail", "vm_1")
    acme.add_did("user", acme.add_user("1001", devices, **user))
    return acme


def _to(prefix: str) -> dict[str, Any]:
    return {f"{prefix}_kind": "queue", f"{prefix}_id": "q_1"}


def _flow_id(acme: Acme) -> str:
    directive = acme.ring_in().directive
    assert isinstance(directive, RunFlow)
    return directive.flow_id


def _ringing(acme: Acme) -> ProxyToUser:
    directive = acme.ring_in().directive
    assert isinstance(directive, ProxyToUser)
    return directive


# What stands before ringing


def test_forward_always_wins_over_everything_a_user_has() -> None:
    acme = _acme(dnd=1, max_simultaneous=0, voicemail_id="vm_1", **_to("fwd_always"))
    routed = acme.ring_in()
    assert isinstance(routed.directive, RunFlow)
    assert routed.directive.flow_id == "queue:q_1"
    assert ("user", "forward_always") in steps(routed)


def test_a_disabled_user_is_not_even_forwarded() -> None:
    acme = _acme(status="disabled", **_to("fwd_always"))
    assert rejection(acme.ring_in().directive) == (480, "Temporarily Unavailable")


def test_a_disabled_user_still_has_a_mailbox() -> None:
    assert _flow_id(_acme(status="disabled", voicemail_id="vm_1")) == "voicemail:vm_1"


@pytest.mark.parametrize("why", ["dnd", "busy"])
def test_who_does_not_want_calls_or_has_enough_is_busy(why: str) -> None:
    acme = _acme(dnd=int(why == "dnd"), max_simultaneous=1)
    acme.occupy(LINE)
    routed = acme.ring_in()
    assert rejection(routed.directive) == (486, "Busy Here")
    assert ("user", why) in steps(routed)


@pytest.mark.parametrize("why", ["dnd", "busy"])
def test_busy_is_forwarded_rather_than_recorded(why: str) -> None:
    acme = _acme(dnd=int(why == "dnd"), max_simultaneous=1, voicemail_id="vm_1", **_to("fwd_busy"))
    acme.occupy(LINE)
    assert _flow_id(acme) == "queue:q_1"


@pytest.mark.parametrize("why", ["dnd", "busy"])
def test_busy_without_forward_goes_to_the_mailbox(why: str) -> None:
    acme = _acme(dnd=int(why == "dnd"), max_simultaneous=1, voicemail_id="vm_1")
    acme.occupy(LINE)
    assert _flow_id(acme) == "voicemail:vm_1"


def test_a_user_is_rung_up_to_its_number_of_calls() -> None:
    acme = _acme(max_simultaneous=2)
    acme.occupy(LINE)
    assert isinstance(acme.ring_in(call_id="second").directive, ProxyToUser)
    assert rejection(acme.ring_in(call_id="third").directive) == (486, "Busy Here")


def test_a_user_without_reachable_device_is_unavailable() -> None:
    acme = _acme()
    acme.unplug("dev_1001_1")
    routed = acme.ring_in()
    assert rejection(routed.directive) == (480, "Temporarily Unavailable")
    assert ("user", "unreachable") in steps(routed)


def test_unreachable_is_forwarded_as_no_answer_rather_than_recorded() -> None:
    assert _flow_id(_acme(0, voicemail_id="vm_1", **_to("fwd_noanswer"))) == "queue:q_1"
    assert _flow_id(_acme(0, voicemail_id="vm_1", **_to("fwd_busy"))) == "voicemail:vm_1"


def test_users_that_forward_to_each_other_are_a_loop() -> None:
    acme = _acme()
    forward: dict[str, Any] = {"fwd_always_kind": "user", "fwd_always_id": "us_1001"}
    acme.add_user("1002", **forward)
    acme.change("sip_user", "us_1001", fwd_always_kind="user", fwd_always_id="us_1002")
    assert rejection(acme.ring_in().directive) == (482, "Loop Detected")


# Ringing


def _fork(number: int, delay: int = 0) -> Fork:
    login = "1001" if number == 1 else f"1001-{number}"
    return Fork(
        aor=f"sip:{login}@acme.example",
        device_id=f"dev_1001_{number}",
        delay_sec=delay,
        timeout_sec=20,
    )


def test_all_devices_ring_at_once() -> None:
    proxy = _ringing(_acme(2, ring_timeout_sec=20))
    assert proxy == ProxyToUser(
        user_id="us_1001",
        aors=(_fork(1), _fork(2)),
        parallel=True,
        caller_id=CALLER,
        ring_timeout_sec=20,
    )


def test_devices_that_do_not_fork_stay_silent_when_all_ring() -> None:
    acme = _acme(2, ring_timeout_sec=20)
    acme.change("sip_device", "dev_1001_1", ring_on_fork=0)
    assert _ringing(acme).aors == (_fork(2),)


def test_devices_ring_one_after_the_other_in_their_order() -> None:
    acme = _acme(3, ring_strategy="sequential", ring_timeout_sec=20)
    acme.change("sip_device", "dev_1001_2", ring_order=2, ring_on_fork=0)
    acme.change("sip_device", "dev_1001_1", ring_order=1)
    proxy = _ringing(acme)
    assert proxy.aors == (_fork(3), _fork(1, delay=20), _fork(2, delay=40))
    assert not proxy.parallel


def test_only_the_first_reachable_device_rings() -> None:
    acme = _acme(3, ring_strategy="specific", ring_timeout_sec=20)
    acme.change("sip_device", "dev_1001_3", ring_order=1)
    acme.unplug("dev_1001_1")
    assert _ringing(acme).aors == (_fork(2),)


def test_devices_that_are_away_or_disabled_do_not_ring() -> None:
    acme = _acme(3, ring_timeout_sec=20)
    acme.unplug("dev_1001_1")
    acme.change("sip_device", "dev_1001_2", status="disabled")
    assert _ringing(acme).aors == (_fork(3),)


@pytest.mark.parametrize(
    ("user", "on_fail"),
    [
        ({}, (None, None)),
        ({"voicemail_id": "vm_1"}, ("voicemail", "vm_1")),
        ({"voicemail_id": "vm_1", **_to("fwd_noanswer")}, ("queue", "q_1")),
    ],
)
def test_who_does_not_answer_is_forwarded_or_recorded(
    user: dict[str, Any], on_fail: tuple[str | None, str | None]
) -> None:
    proxy = _ringing(_acme(**user))
    assert (proxy.on_fail_kind, proxy.on_fail_id) == on_fail


# From desk to desk


def test_a_user_is_dialled_by_name() -> None:
    acme = _acme()
    acme.add_user("1002")
    routed = acme.dial("sip:1001@acme.example", user="1002")
    assert isinstance(routed.directive, ProxyToUser)
    assert (routed.directive.user_id, routed.directive.caller_id) == ("us_1001", "1002")
    assert (routed.direction, routed.caller_user_id) == ("internal", "us_1002")
    assert (routed.from_number, routed.to_number) == ("1002", "1001")


def test_an_extension_is_dialled_before_a_user_of_that_name() -> None:
    acme = _acme()
    acme.add("extension", "ext_1", digits="1001", dest_kind="queue", dest_id="q_1")
    acme.add_user("1002")
    routed = acme.dial("1001", user="1002")
    assert isinstance(routed.directive, RunFlow)
    assert routed.directive.flow_id == "queue:q_1"


def test_a_device_is_known_by_its_login_and_domain() -> None:
    acme = _acme()
    acme.add_user("1002")
    routed = acme.ring_in(
        "1001", call_id="a", from_="whoever", auth_user="1002", from_domain="acme.example"
    )
    assert routed.caller_user_id == "us_1002"
    stranger = acme.ring_in("1001", call_id="b", auth_user="1002", from_domain="evil.example")
    assert stranger.caller_user_id is None


def test_what_is_neither_name_nor_number_is_not_found() -> None:
    acme = _acme()
    routed = acme.dial("nobody")
    assert rejection(routed.directive) == (404, "Not Found")
    assert ("classify", "no_number") in steps(routed)
