"""The defence of a node group: an offence is a fact once a minute."""

import pytest

from domain import bans
from domain.bans import BanList
from domain.offences import QUIET, RECORDED, REMEMBERED, Offence
from events.bans import AccessRefused, AuthFailed
from events.base import PLATFORM, Millis
from tests.support.given import BANS, NOW, given

IP = "203.0.113.9"


def _failed(ip: str = IP, username: str = "1001", at: Millis = NOW) -> AuthFailed:
    return AuthFailed(
        account_id=PLATFORM,
        at=at,
        ip=ip,
        username=username,
        realm="acme.example",
        reason="bad_response",
    )


def _refused(path: str = "/route", at: Millis = NOW) -> AccessRefused:
    return AccessRefused(account_id=PLATFORM, at=at, ip=IP, path=path, status=403)


def _fail(
    state: BanList, ip: str = IP, username: str = "1001", now: Millis = NOW
) -> list[bans.BansFact]:
    return bans.fail_auth(state, ip, username, "acme.example", "bad_response", now)


def test_a_failed_login_is_a_fact() -> None:
    given(BANS).when(_fail).then(_failed())


def test_a_refused_caller_is_a_fact() -> None:
    refuse = given(BANS).when(lambda state: bans.refuse_access(state, IP, "/route", 403, NOW))
    refuse.then(_refused())


def test_the_same_offence_is_silent_for_a_minute() -> None:
    before = given(BANS, _failed())
    last, next = Millis(NOW + QUIET - 1), Millis(NOW + QUIET)
    before.when(lambda state: _fail(state, now=last)).then_nothing()
    before.when(lambda state: _fail(state, now=next)).then(_failed(at=next))


def test_a_silent_offence_does_not_prolong_the_silence() -> None:
    before = given(BANS, _failed(), _failed(at=Millis(NOW + QUIET)))
    again = Millis(NOW + 2 * QUIET)
    before.when(lambda state: _fail(state, now=again)).then(_failed(at=again))


@pytest.mark.parametrize(
    ("ip", "username"), [("203.0.113.10", "1001"), (IP, "1002")], ids=["address", "user"]
)
def test_another_offence_is_another_fact(ip: str, username: str) -> None:
    other = given(BANS, _failed()).when(lambda state: _fail(state, ip, username))
    other.then(_failed(ip, username))


def test_a_refused_path_is_not_a_failed_login() -> None:
    state = given(BANS, _failed()).state
    assert bans.refuse_access(state, IP, "/route", 403, NOW) == [_refused()]


def test_beyond_its_memory_the_oldest_offence_is_forgotten() -> None:
    state = BanList()
    for number in range(REMEMBERED):
        bans.evolve(state, _refused(f"/{number}"))
    bans.evolve(state, _refused("/0", at=Millis(NOW + QUIET)))
    bans.evolve(state, _refused("/new"))
    assert len(state.last) == REMEMBERED
    assert Offence(IP, "/1") not in state.last
    assert bans.refuse_access(state, IP, "/0", 403, Millis(NOW + QUIET)) == []


def test_a_flood_of_different_offences_is_recorded_up_to_a_point_and_then_again() -> None:
    state, recorded = BanList(), 0
    for number in range(2 * RECORDED):
        for fact in _fail(state, username=f"guess-{number}", now=Millis(NOW + number % 100)):
            bans.evolve(state, fact)
            recorded += 1
    assert recorded == RECORDED
    assert _fail(state, username="one more", now=Millis(NOW + QUIET + 100)) != []
