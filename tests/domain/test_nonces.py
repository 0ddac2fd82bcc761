"""Nonces: whose they are, until when they are good, and that each use is a new one."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import digest
from domain.digest import Nonce, NonceLedger
from tests.support.given import property_of

SECRET = "a secret of 32 characters or more"
BORN = 1_795_000_000
WINDOW = 256
"""How far behind the highest counter a late request may lie."""


def _made(now: int = BORN) -> tuple[str, Nonce]:
    text = digest.make_nonce(SECRET, now)
    nonce = digest.read_nonce(SECRET, text)
    assert nonce is not None
    return text, nonce


def test_a_nonce_says_when_it_was_born_and_when_it_ends() -> None:
    text = digest.make_nonce(SECRET, BORN, lifetime_sec=60)
    assert digest.read_nonce(SECRET, text) == Nonce(expires=BORN + 60, born=BORN)


def test_a_nonce_of_another_secret_is_not_ours() -> None:
    assert digest.read_nonce("another secret", digest.make_nonce(SECRET, BORN)) is None


@property_of(examples=50)
@given(place=st.integers(0, 23), bit=st.integers(0, 7))
def test_a_nonce_changed_in_any_bit_is_not_ours(place: int, bit: int) -> None:
    raw = bytearray(b64decode(digest.make_nonce(SECRET, BORN)))
    raw[place] ^= 1 << bit
    assert digest.read_nonce(SECRET, b64encode(raw).decode()) is None


@pytest.mark.parametrize("text", ["", "x", "é", "no base64!", "AAAA", "A" * 32, "A" * 4_000])
def test_what_is_no_nonce_is_not_ours(text: str) -> None:
    assert digest.read_nonce(SECRET, text) is None


def test_a_nonce_is_good_until_the_second_in_which_it_expires() -> None:
    text, nonce = _made()
    assert NonceLedger(since_sec=BORN).use(text, nonce, 1, nonce.expires - 1)
    assert not NonceLedger(since_sec=BORN).use(text, nonce, 1, nonce.expires)


def test_a_nonce_older_than_the_ledger_is_stale() -> None:
    """It was perhaps used with whoever kept the ledger before."""
    text, nonce = _made()
    assert not NonceLedger(since_sec=BORN + 1).use(text, nonce, 1, BORN + 2)


def test_the_same_counter_is_a_replay() -> None:
    text, nonce = _made()
    ledger = NonceLedger(since_sec=0)
    assert ledger.use(text, nonce, 7, BORN)
    assert not ledger.use(text, nonce, 7, BORN)


def test_two_nonces_count_by_themselves() -> None:
    ledger = NonceLedger(since_sec=0)
    for text, nonce in (_made(BORN), _made(BORN + 1)):
        assert ledger.use(text, nonce, 1, BORN + 2)


def test_a_request_may_be_overtaken_by_those_of_a_window() -> None:
    text, nonce = _made()
    ledger = NonceLedger(since_sec=0)
    assert ledger.use(text, nonce, 100, BORN)
    assert ledger.use(text, nonce, 100 - WINDOW + 1, BORN)
    assert not ledger.use(text, nonce, 100 - WINDOW, BORN)


def test_a_ledger_forgets_what_has_expired_and_only_that() -> None:
    text, nonce = _made()
    later_text, later = _made(nonce.expires - 1)
    ledger, fresh = NonceLedger(since_sec=0), NonceLedger(since_sec=0)
    assert ledger.use(text, nonce, 1, BORN)
    assert ledger.use(later_text, later, 1, later.born)
    assert ledger.use(later_text, later, 2, nonce.expires + 60)
    assert fresh.use(later_text, later, 1, nonce.expires + 60)
    assert fresh.use(later_text, later, 2, nonce.expires + 60)
    assert ledger == fresh


@property_of(examples=60)
@given(
    uses=st.lists(
        st.tuples(st.sampled_from([BORN, BORN + 1]), st.integers(1, 200)),
        max_size=80,
    )
)
def test_a_counter_is_accepted_once_and_in_any_order_within_the_window(
    uses: list[tuple[int, int]],
) -> None:
    ledger = NonceLedger(since_sec=0)
    accepted: dict[int, set[int]] = {}
    for born, counter in uses:
        text, nonce = _made(born)
        before = accepted.setdefault(born, set())
        is_new = counter not in before and counter > max(before, default=0) - WINDOW
        assert ledger.use(text, nonce, counter, BORN + 2) is is_new
        if is_new:
            before.add(counter)
