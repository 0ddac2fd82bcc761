"""Console users and their sessions: what opens one, what ends it, what ends all of a user."""

from collections.abc import Callable
from typing import Any

import pytest

from domain import sessions
from domain.directory import Directory
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.sessions import LIFETIME, Session
from events.base import AccountId, Fact, Millis
from events.resources import Changed, ConsoleUser
from events.sessions import SessionEnded, SessionOpened
from tests.domain.rows import AUTHOR, account, change, claimed, create, created, delete
from tests.support.given import ACCOUNT, NOW, OTHER_ACCOUNT, Aggregate, given

SESSION = Aggregate(lambda: Session("ses_1"), sessions.evolve)
ADA = {"email": "ada@acme.example", "role": "admin", "password_ref": "sec_1"}
ABOUT: dict[str, Any] = {
    "account_id": ACCOUNT,
    "at": NOW,
    "session_id": "ses_1",
    "user_id": "cu_1",
}
OPENED = SessionOpened(**ABOUT, epoch=0, expires_at=Millis(NOW + LIFETIME), src_ip="203.0.113.9")
ENDED = SessionEnded(**ABOUT, by="key_1")


def ada(**members: Any) -> tuple[Fact, Fact]:
    return claimed("email", ADA["email"], "cu_1"), created("console_user", "cu_1", **ADA, **members)


def rows(**members: Any) -> Directory:
    return account(*ada(**members)).state.directory


def _open(rows: Directory, epoch: int = 0) -> Callable[[Session], list[Fact]]:
    return lambda state: sessions.open(state, rows, AUTHOR, "cu_1", epoch, "203.0.113.9")


def _end(account_id: AccountId = ACCOUNT) -> Callable[[Session], list[Fact]]:
    return lambda state: sessions.end(state, AUTHOR._replace(account_id=account_id))


def test_a_session_is_opened_once_and_ended_once() -> None:
    given(SESSION).when(_open(rows())).then(OPENED).when(_end()).then(ENDED)


@pytest.mark.parametrize("members", [{"status": "disabled"}, {"session_epoch": 1}])
def test_who_has_changed_since_his_password_was_looked_up_stays_outside(
    members: dict[str, Any],
) -> None:
    given(SESSION).when(_open(rows(**members))).then_refused(Forbidden)


def test_nobody_opens_no_session() -> None:
    given(SESSION).when(_open(account().state.directory)).then_refused(Forbidden)


def test_only_its_own_account_ends_a_session() -> None:
    given(SESSION).when(_end()).then_refused(NotFound)
    given(SESSION, OPENED).when(_end(OTHER_ACCOUNT)).then_refused(NotFound)


@pytest.mark.parametrize(
    ("patch", "epoch"),
    [
        ({"role": "agent"}, 1),
        ({"password_ref": "sec_2"}, 1),
        ({"status": "disabled"}, 1),
        ({"totp": 1, "totp_ref": "sec_3"}, 1),
        ({"email": "ada@other.example"}, 1),
        ({"name": "Ada"}, 0),
        ({"session_epoch": 7, "name": "Ada"}, 0),
    ],
)
def test_no_session_outlives_a_change_of_who_somebody_is(patch: dict[str, Any], epoch: int) -> None:
    after = account(*ada()).when(change("console_user", "cu_1", **patch)).then_given()
    fact = after.facts[-1]
    assert isinstance(fact, Changed)
    assert isinstance(fact.body, ConsoleUser)
    assert fact.body.session_epoch == epoch


def test_a_role_that_comes_back_brings_no_session_back() -> None:
    demoted = account(*ada()).when(change("console_user", "cu_1", role="agent")).then_given()
    again = demoted.when(change("console_user", "cu_1", role="admin")).then_given()
    assert again.state.directory.rows["cu_1"].body.model_dump()["session_epoch"] == 2


def test_an_e_mail_is_one_persons_on_the_whole_platform_in_any_case() -> None:
    twin = {**ADA, "email": "ADA@Acme.Example"}
    made = account().when(create("console_user", "cu_1", **twin)).then_given()
    assert made.facts[-2:] == ada()
    made.when(create("console_user", "cu_2", **ADA)).then_refused(Conflict, "/email")
    gone = made.when(delete("console_user", "cu_1")).then_given()
    gone.when(create("console_user", "cu_2", **twin)).then_given()


@pytest.mark.parametrize(
    ("member", "value"), [("email", "no address"), ("role", "king"), ("status", "gone")]
)
def test_a_bad_member_of_a_console_user_is_named(member: str, value: str) -> None:
    wish = create("console_user", "cu_1", **{**ADA, member: value})
    account().when(wish).then_refused(Invalid, f"/{member}")
