"""Call limits on the way of a call: refused and named, or admitted and said; emergency never."""

from typing import Any

import pytest

from domain import capacity, resources
from domain.errors import Conflict, Invalid
from events.base import CallId, Millis
from events.call import Reject
from events.capacity import ChannelsTaken, Count, LimitExceeded, ReleaseReason
from tests.domain.acme import DID, DID_NUMBER, Acme, _ask
from tests.domain.rows import AUTHOR, account, create, created
from tests.support.given import ACCOUNT, NOW

ABROAD = "+4930123456"


def _acme(**limit: Any) -> Acme:
    acme = Acme(wholesale=("carrier.example",))
    acme.add_user("1001")
    acme.add_user("1002")
    acme.add_did("user", "us_1002")
    known = {"scope_kind": "account", "period_sec": 60, "max_count": 2}
    acme.add("call_limit", "lim_1", **{**known, **limit})
    return acme


def _dialled(acme: Acme, calls: int, user: str = "1001") -> list[str]:
    """The actions that so many calls get, each ended at once."""
    found = list[str]()
    for number in range(calls):
        call_id = f"{user}-{acme.now}-{number}"
        found.append(acme.dial(ABROAD, user, call_id=call_id).directive.action)
        acme.apply([*capacity.release(acme.capacity, ACCOUNT, CallId(call_id), ENDED, acme.now)])
    return found


ENDED = ReleaseReason.ENDED


def test_a_hard_limit_refuses_what_is_beyond_and_names_itself() -> None:
    acme = _acme()
    assert _dialled(acme, 2) == ["outbound"] * 2
    acme.now = Millis(NOW + 20_000)
    refused = acme.dial(ABROAD, call_id="third")
    assert refused.directive == Reject(code=503, reason="Call Rate Limit Reached", retry_after=40)
    assert ("limit:account_rate", "exhausted", f"lim_1 {ACCOUNT} 2/2 in 60 s") in refused.path
    acme.now = Millis(NOW + 60_000)
    assert _dialled(acme, 3) == ["outbound", "outbound", "reject"]


def test_a_refused_call_takes_nothing_of_anything() -> None:
    acme = _acme(max_count=0)
    acme.add("call_limit", "lim_2", scope_kind="user", period_sec=60, max_count=1)
    assert isinstance(acme.dial(ABROAD).directive, Reject)
    assert acme.capacity == capacity.Capacity()


def test_a_soft_limit_admits_and_says_so() -> None:
    acme = _acme(hard=0)
    _dialled(acme, 2)
    routed, facts = acme.decide(_ask(ABROAD, from_="1001", device_id="dev_1001_1"))
    assert routed is not None
    assert ("limit:account_rate", "exceeded", f"lim_1 {ACCOUNT} 2/2 in 60 s") in routed.path
    assert facts[-1] == LimitExceeded(
        account_id=ACCOUNT,
        at=NOW,
        call_id=CallId("call-1"),
        limit_id="lim_1",
        scope_kind="account",
        scope_id=ACCOUNT,
        used=2,
        max_count=2,
        period_sec=60,
    )
    taken = [fact for fact in facts if isinstance(fact, ChannelsTaken)]
    assert [fact.counts for fact in taken] == [(Count("lim_1", ACCOUNT, 60),)]


def test_the_same_question_again_counts_once() -> None:
    acme = _acme()
    for _ in range(5):
        acme.dial(ABROAD)
    assert [len(starts.at) for starts in acme.capacity.windows.values()] == [1]


def test_a_second_hop_is_no_second_start() -> None:
    acme = _acme(max_count=1)
    acme.dial(ABROAD)
    assert acme.dial("1002").directive.action == "proxy"
    assert acme.dial(ABROAD, call_id="other").directive.action == "reject"


@pytest.mark.parametrize("hard", [0, 1])
def test_an_emergency_call_is_never_counted_nor_refused(hard: int) -> None:
    acme = _acme(max_count=0, hard=hard)
    routed = acme.dial("911")
    assert routed.directive.action == "outbound"
    assert acme.capacity.windows == {}


def test_each_user_has_a_window_of_its_own() -> None:
    acme = _acme(scope_kind="user", direction="out", max_count=1)
    assert _dialled(acme, 2) == ["outbound", "reject"]
    assert _dialled(acme, 2, "1002") == ["outbound", "reject"]


def test_a_user_is_counted_as_the_called_one_too() -> None:
    acme = _acme(scope_kind="user", scope_id="us_1002", direction="in", max_count=1)
    actions = [acme.ring_in(call_id=str(number)).directive.action for number in range(2)]
    assert actions == ["proxy", "reject"]
    assert acme.dial("1002", call_id="internal").directive.action == "proxy"


def test_a_number_is_counted_in_any_form() -> None:
    acme = _acme(scope_kind="number", scope_id="+1 (415) 555-1234", direction="in", max_count=1)
    answers = [acme.ring_in(call_id=str(n)).directive.action for n in range(2)]
    assert answers == ["proxy", "reject"]
    assert acme.ring_in(call_id="x", from_="+14155550000").directive.action == "proxy"


def test_all_matching_limits_are_kept_to_at_once() -> None:
    acme = _acme(max_count=5)
    acme.add("call_limit", "lim_2", scope_kind="did", scope_id=DID, period_sec=3600, max_count=3)
    actions = [acme.ring_in(call_id=str(number)).directive.action for number in range(5)]
    assert actions == ["proxy"] * 3 + ["reject"] * 2
    assert {w.limit_id: len(s.at) for w, s in acme.capacity.windows.items()} == {
        "lim_1": 3,
        "lim_2": 3,
    }


def test_a_limit_that_is_deleted_counts_no_more() -> None:
    acme = _acme(max_count=0)
    acme.lose("call_limit", "lim_1")
    assert _dialled(acme, 1) == ["outbound"]


# The row


@pytest.mark.parametrize(
    ("members", "pointers"),
    [
        ({"scope_kind": "user", "scope_id": "us_9"}, ("/scope_id",)),
        ({"scope_kind": "account", "scope_id": "acc_other"}, ("/scope_id",)),
        ({"scope_kind": "number", "scope_id": "no number"}, ("/scope_id",)),
        ({"scope_kind": "trunk"}, ("/scope_kind",)),
        ({"period_sec": 0}, ("/period_sec",)),
        ({"max_count": -1, "hard": 2}, ("/max_count", "/hard")),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], pointers: tuple[str, ...]) -> None:
    known = {"scope_kind": "account", "period_sec": 60, "max_count": 2}
    account().when(create("call_limit", "lim_1", **{**known, **members})).then_refused(
        Invalid, *pointers
    )


def test_who_has_a_limit_of_his_own_is_kept_even_by_force() -> None:
    user = created("sip_user", "us_1", username="1001")
    limit = created(
        "call_limit", "lim_1", scope_kind="user", scope_id="us_1", period_sec=60, max_count=2
    )
    for force in (False, True):
        decision = account(user, limit).when(
            lambda state, force=force: resources.delete(  # type: ignore[misc]
                state.directory, AUTHOR, "sip_user", "us_1", None, force
            )
        )
        assert "lim_1" in decision.then_refused(Conflict).detail


def test_a_number_of_ours_is_a_did_not_a_number() -> None:
    acme = _acme(scope_kind="number", scope_id=DID_NUMBER, max_count=0)
    assert acme.ring_in().directive.action == "proxy"
