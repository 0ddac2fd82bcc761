"""Who may use a device's name: the digest, then the rows, then the nonce."""

from dataclasses import replace

import pytest

from domain import authentication, digest
from domain.authentication import Identity
from domain.digest import Algorithm, Answer, AuthRefusal, Credential, NonceLedger
from domain.directory import Directory
from tests.domain.acme import REALM, Acme
from tests.support.given import ACCOUNT

SECRET = "a secret of 32 characters or more"
BORN = 1_795_000_000
KNOWN = digest.credential("1001", REALM, "secret")


def _acme() -> Acme:
    acme = Acme()
    acme.add_user("1001", display_name="Ann")
    return acme


def _answer(
    password: str = "secret",
    username: str = "1001",
    realm: str = REALM,
    nonce: str | None = None,
    nc: str = "00000001",
) -> Answer:
    asked = Answer(
        username=username,
        realm=realm,
        nonce=digest.make_nonce(SECRET, BORN) if nonce is None else nonce,
        uri="sip:acme.example",
        method="REGISTER",
        response="",
        qop="auth",
        nc=nc,
        cnonce="0a4f113b",
    )
    ha1 = digest.hash_hex(Algorithm.MD5, f"{username}:{realm}:{password}")
    return replace(asked, response=digest.expected_response(ha1, asked))


def _verify(
    acme: Acme,
    answer: Answer,
    *,
    known: Credential | None = KNOWN,
    ledger: NonceLedger | None = None,
    nonce_verified: bool = False,
    now: int = BORN + 1,
) -> Identity | AuthRefusal:
    directory = acme.rows.directory
    kept = ledger or NonceLedger(since_sec=0)
    return authentication.verify(directory, known, answer, kept, SECRET, nonce_verified, now)


def test_a_good_digest_says_who_it_is() -> None:
    assert _verify(_acme(), _answer()) == Identity(
        device_id="dev_1001_1",
        user_id="us_1001",
        username="1001",
        display_name="Ann",
        cid="1001",
    )


def test_a_phone_may_send_its_domain_with_the_name() -> None:
    assert isinstance(_verify(_acme(), _answer(username=f"1001@{REALM}")), Identity)


def test_the_caller_id_is_the_users_then_the_accounts_then_the_name() -> None:
    acme, cids = _acme(), []
    for kind, id, number in (
        ("account", ACCOUNT, {}),
        ("account", ACCOUNT, {"default_cid_number": "+12025550102"}),
        ("sip_user", "us_1001", {"out_cid_number": "+12025550103"}),
    ):
        acme.change(kind, id, **number)
        who = _verify(acme, _answer())
        assert isinstance(who, Identity)
        cids.append(who.cid)
    assert cids == ["1001", "12025550102", "12025550103"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (_answer(password="guess"), AuthRefusal.BAD_RESPONSE),
        (_answer(username="9999"), AuthRefusal.UNKNOWN_USER),
        (_answer(realm="other.example"), AuthRefusal.UNKNOWN_USER),
        (_answer(username="1001@other.example"), AuthRefusal.BAD_RESPONSE),
        (_answer(nonce=digest.make_nonce("another secret", BORN)), AuthRefusal.STALE),
        (_answer(nonce="made up"), AuthRefusal.STALE),
        (_answer(nc="zero"), AuthRefusal.STALE),
    ],
    ids=[
        "wrong password",
        "unknown name",
        "unknown realm",
        "domain of somebody else",
        "foreign nonce",
        "no nonce",
        "no counter",
    ],
)
def test_a_refusal_says_why(answer: Answer, reason: AuthRefusal) -> None:
    assert _verify(_acme(), answer) is reason


def test_a_device_without_password_is_refused() -> None:
    assert _verify(_acme(), _answer(), known=None) is AuthRefusal.BAD_RESPONSE


@pytest.mark.parametrize(("kind", "id"), [("sip_user", "us_1001"), ("sip_device", "dev_1001_1")])
def test_a_disabled_user_or_device_is_refused(kind: str, id: str) -> None:
    acme = _acme()
    acme.change(kind, id, status="disabled")
    assert _verify(acme, _answer()) is AuthRefusal.DISABLED


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_a_suspended_account_has_no_devices(status: str) -> None:
    acme = _acme()
    acme.change("account", ACCOUNT, status=status)
    assert _verify(acme, _answer()) is AuthRefusal.SUSPENDED


@pytest.mark.parametrize("kind", ["sip_user", "sip_device"])
def test_who_does_not_know_the_password_learns_nothing_of_the_account(kind: str) -> None:
    acme = _acme()
    acme.change(kind, "us_1001" if kind == "sip_user" else "dev_1001_1", status="disabled")
    acme.change("account", ACCOUNT, status="suspended")
    assert _verify(acme, _answer(password="guess")) is AuthRefusal.BAD_RESPONSE


def test_an_expired_nonce_is_stale() -> None:
    assert _verify(_acme(), _answer(), now=BORN + 300) is AuthRefusal.STALE


def test_an_answer_is_good_once() -> None:
    acme, ledger = _acme(), NonceLedger(since_sec=0)
    assert isinstance(_verify(acme, _answer(), ledger=ledger), Identity)
    assert _verify(acme, _answer(), ledger=ledger) is AuthRefusal.STALE
    assert isinstance(_verify(acme, _answer(nc="00000002"), ledger=ledger), Identity)


def test_a_wrong_guess_does_not_use_up_the_nonce() -> None:
    acme, ledger = _acme(), NonceLedger(since_sec=0)
    _verify(acme, _answer(password="guess"), ledger=ledger)
    assert isinstance(_verify(acme, _answer(), ledger=ledger), Identity)


def test_an_edge_that_has_checked_the_nonce_is_believed() -> None:
    foreign = _answer(nonce="made by the edge")
    assert isinstance(_verify(_acme(), foreign, nonce_verified=True), Identity)
    guess = _answer(password="guess", nonce="made by the edge")
    assert _verify(_acme(), guess, nonce_verified=True) is AuthRefusal.BAD_RESPONSE


def test_nobody_is_found_in_an_empty_directory() -> None:
    assert authentication.find_device(Directory(), _answer()) is None
