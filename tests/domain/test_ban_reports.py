"""Snapshots of nodes become facts where they differ; what is allowed is banned nowhere."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from commands import snapshots
from domain import bans
from domain.bans import OWN_BANS, BanList, BansFact
from domain.detection import Rule
from domain.errors import Invalid, NotFound
from domain.node_bans import Ban
from events.bans import (
    BanExpired,
    BanImposed,
    BanLifted,
    BanObserved,
    RangeAllowed,
    RangeDisallowed,
)
from events.base import PLATFORM, Millis
from tests.support.given import BANS, NOW, Given, given, property_of

IP, OTHER, V6 = "203.0.113.9", "198.51.100.7", "2001:db8::9"
RULE = Rule(threshold=3, period_sec=60, ban_sec=600)
NEVER = Millis(0)


def _ban(ip: str = IP, **members: Any) -> Ban:
    return Ban(**{"ip": ip, "reason": "guessing", "hits": 3, **members})


def _observed(ip: str = IP, node: str = "edge-1", ts: int = 0, **members: Any) -> BanObserved:
    known = {"reason": "guessing", "hits": 3, "first_seen": NOW}
    return BanObserved(
        account_id=PLATFORM,
        at=NOW,
        ip=ip,
        node_id=node,
        ts=Millis(NOW + ts),
        **{**known, **members},
    )


def _expired(ip: str = IP, node: str = "edge-1", ts: int = 0) -> BanExpired:
    return BanExpired(account_id=PLATFORM, at=NOW, ip=ip, node_id=node, ts=Millis(NOW + ts))


def _imposed(ip: str = IP, at: int = 0) -> BanImposed:
    until = Millis(NOW + at + RULE.ban_sec * 1000)
    return BanImposed(
        account_id=PLATFORM, at=Millis(NOW + at), ip=ip, rule="auth_ip", hits=3, expires_at=until
    )


def _lifted(ip: str = IP) -> BanLifted:
    return BanLifted(account_id=PLATFORM, at=NOW, ip=ip, by="key_1")


def _allowed(ip: str, until: int | None = None) -> RangeAllowed:
    end = None if until is None else Millis(NOW + until)
    return RangeAllowed(account_id=PLATFORM, at=NOW, ip=ip, by="key_1", expires_at=end)


def _report(*found: Ban, node: str = "edge-1", ts: int = 0, heard: Millis = NEVER) -> Any:
    return lambda state: bans.report(state, node, Millis(NOW + ts), found, heard, NOW)


def _impose(ip: str = IP, hits: int = 3, at: int = 0) -> Any:
    return lambda state: bans.impose(state, ip, "auth_ip", RULE, hits, "", Millis(NOW + at))


def _allow(ip: str, until: int | None = None, force: bool = False) -> Any:
    end = None if until is None else Millis(NOW + until)
    return lambda state: bans.allow(state, ip, None, end, force, "key_1", NOW)


def _orders(before: Given[BanList], *has: str, node: str = "edge-1", at: int = 0) -> Any:
    return bans.orders(before.state, node, has, Millis(NOW + at))


# Snapshots


def test_a_first_snapshot_is_a_fact_per_ban() -> None:
    decided = given(BANS).when(_report(_ban(), _ban(OTHER)))
    decided.then(_observed(), _observed(OTHER))


def test_an_unchanged_snapshot_is_no_fact() -> None:
    given(BANS, _observed()).when(_report(_ban(), ts=30_000)).then_nothing()


def test_what_is_not_in_the_snapshot_any_more_has_expired() -> None:
    before = given(BANS, _observed(), _observed(OTHER), _observed(node="edge-2"))
    before.when(_report(_ban(OTHER), ts=1)).then(_expired(ts=1))


def test_an_older_snapshot_changes_nothing() -> None:
    before = given(BANS, _observed(ts=100))
    before.when(_report(ts=99)).then_nothing()
    before.when(_report(ts=150, heard=Millis(NOW + 151))).then_nothing()
    before.when(_report(ts=151, heard=Millis(NOW + 151))).then(_expired(ts=151))


@pytest.mark.parametrize(
    "members",
    [{"reason": "scan"}, {"hits": 6}, {"jail": "sip"}, {"expires_at": Millis(NOW + 1)}],
    ids=str,
)
def test_a_ban_that_has_become_another_is_news(members: dict[str, Any]) -> None:
    before = given(BANS, _observed())
    before.when(_report(_ban(**members), ts=1)).then(_observed(ts=1, **members))


@pytest.mark.parametrize(
    ("old", "new"),
    [({}, {"hits": 5}), ({"expires_at": NOW}, {"expires_at": Millis(NOW + 30_000)})],
    ids=["some more hits", "an expiry that trembles"],
)
def test_what_changes_all_the_time_is_no_news(old: dict[str, Any], new: dict[str, Any]) -> None:
    given(BANS, _observed(**old)).when(_report(_ban(**new), ts=1)).then_nothing()


@property_of(examples=60)
@for_all(
    st.lists(
        st.tuples(
            st.sampled_from(["edge-1", "edge-2"]),
            st.integers(0, 20),
            st.sets(st.sampled_from([IP, OTHER, V6])),
        ),
        max_size=12,
    )
)
def test_what_is_known_of_a_node_is_its_latest_snapshot(
    reports: list[tuple[str, int, set[str]]],
) -> None:
    state, heard, latest = BanList(), dict[str, Millis](), dict[str, set[str]]()
    for node, ts, ips in reports:
        at = Millis(NOW + ts)
        found = [_ban(ip) for ip in ips]
        facts = bans.report(state, node, at, found, heard.get(node, NEVER), NOW)
        if at < heard.get(node, NEVER):
            assert facts == []
            continue
        heard[node], latest[node] = at, ips
        for fact in facts:
            bans.evolve(state, fact)
        assert bans.report(state, node, at, found, at, NOW) == []
    known = {node: set(one.bans) for node, one in state.nodes.items()}
    assert {node: ips for node, ips in known.items() if ips} == {
        node: ips for node, ips in latest.items() if ips
    }


# Our own bans


def test_a_rule_bans_after_so_many_hits_for_its_time() -> None:
    given(BANS).when(_impose(hits=2)).then_nothing()
    after = given(BANS).when(_impose()).then(_imposed())
    assert _orders(after).ban == {IP: ("auth_ip", NOW + 600_000)}
    assert _orders(after, at=600_000).ban == {}


def test_a_ban_that_is_over_is_imposed_again() -> None:
    before = given(BANS, _imposed())
    before.when(_impose(at=599_999)).then_nothing()
    before.when(_impose(at=600_000)).then(_imposed(at=600_000))


def test_a_node_is_told_only_what_it_does_not_have() -> None:
    before = given(BANS, _imposed(), _imposed(OTHER), _observed())
    assert list(_orders(before, IP).ban) == [OTHER]
    assert list(_orders(before, node="edge-2").ban) == [IP, OTHER]


def test_only_so_many_bans_are_in_force_at_once() -> None:
    state = BanList(own={f"2001:db8::{n:x}": ("auth_ip", Millis(NOW + 1)) for n in range(OWN_BANS)})
    assert bans.impose(state, IP, "auth_ip", RULE, 3, "", NOW) == []
    assert bans.impose(state, IP, "auth_ip", RULE, 3, "", Millis(NOW + 1)) != []


# Who is allowed


@pytest.mark.parametrize("range", [IP, "203.0.113.0/24"])
def test_allowing_lifts_what_is_banned_inside(range: str) -> None:
    before = given(BANS, _imposed(), _observed(), _observed(node="edge-2"), _observed(OTHER))
    after = before.when(_allow(range)).then(_allowed(range), _lifted())
    for node in ("edge-1", "edge-2"):
        assert _orders(after, IP, OTHER, node=node).unban == [IP]
    assert _orders(after).allow == [range]
    assert _orders(after).ban == {}


def test_a_node_is_told_again_until_it_has_done_it() -> None:
    before = given(BANS, _observed(), _allowed(IP), _lifted())
    gone = RangeDisallowed(account_id=PLATFORM, at=NOW, ip=IP, by="key_1")
    before = Given(BANS, (*before.facts, gone))
    still = before.when(_report(_ban(hits=50, first_seen=NOW), ts=1)).then_nothing()
    assert _orders(still, IP).unban == [IP]
    done = still.when(_report(ts=2)).then(_expired(ts=2))
    again = done.when(_report(_ban(), ts=3)).then(_observed(ts=3, first_seen=Millis(NOW + 3)))
    assert _orders(again, IP).unban == []


def test_a_ban_that_began_after_the_lifting_is_a_new_one() -> None:
    before = given(BANS, _observed(), _lifted())
    later = Millis(NOW + 5)
    after = before.when(_report(_ban(first_seen=later), ts=6)).then(
        _observed(ts=6, first_seen=later)
    )
    assert _orders(after, IP).unban == []


def test_an_allowed_address_is_not_banned_by_us_and_let_in_by_the_nodes() -> None:
    before = given(BANS, _allowed("203.0.113.0/24", until=60_000))
    before.when(_impose()).then_nothing()
    assert _orders(before, IP).unban == [IP]
    before.when(_impose(at=60_000)).then(_imposed(at=60_000))
    assert _orders(before, IP, at=60_000).unban == []


def test_a_very_wide_range_is_meant() -> None:
    given(BANS).when(_allow("0.0.0.0/0")).then_refused(Invalid, "/cidr")
    given(BANS).when(_allow("0.0.0.0/0", force=True)).then(_allowed("0.0.0.0/0"))


def test_who_is_taken_from_the_list_was_on_it() -> None:
    def disallow(state: BanList) -> list[BansFact]:
        return bans.disallow(state, IP, "key_1", NOW)

    gone = RangeDisallowed(account_id=PLATFORM, at=NOW, ip=IP, by="key_1")
    after = given(BANS, _allowed(IP)).when(disallow).then(gone)
    after.when(disallow).then_refused(NotFound)
    given(BANS, _allowed(IP, until=0)).when(disallow).then_refused(NotFound)
    assert _orders(after, IP).unban == []


def test_a_state_comes_back_from_its_snapshot() -> None:
    facts = (_imposed(), _observed(), _observed(V6, "edge-2"), _allowed(OTHER), _lifted())
    state = given(BANS, *facts).state
    bans.evolve(state, bans.refuse_access(state, IP, "/route", 401, NOW)[0])
    assert snapshots.load_bans(snapshots.dump_bans(state)) == state
