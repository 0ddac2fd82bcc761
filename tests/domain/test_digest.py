"""Digest answers: the vectors of the RFCs, and what proves nothing."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import digest
from domain.digest import Algorithm, Answer, Credential
from tests.support.given import property_of

RFC_2069 = Answer(
    username="Mufasa",
    realm="testrealm@host.com",
    nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
    uri="/dir/index.html",
    method="GET",
    response="1949323746fe6a43ef61f9606e7febea",
)
"""RFC 2069 section 2.4 with the response that its errata give: no qop."""
RFC_2617 = replace(
    RFC_2069,
    qop="auth",
    nc="00000001",
    cnonce="0a4f113b",
    response="6629fae49393a05397450978507c4ef1",
)
"""RFC 2617 section 3.5."""
RFC_7616_MD5 = Answer(
    username="Mufasa",
    realm="http-auth@example.org",
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    uri="/dir/index.html",
    method="GET",
    response="8ca523f5e9506fed4657c9700eebdbec",
    qop="auth",
    nc="00000001",
    cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
)
RFC_7616_SHA256 = replace(
    RFC_7616_MD5,
    algorithm=Algorithm.SHA256,
    response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
)
"""RFC 7616 section 3.9.1."""
VECTORS = {
    "RFC 2069": (RFC_2069, "CircleOfLife"),
    "RFC 2617": (RFC_2617, "Circle Of Life"),
    "RFC 7616 MD5": (RFC_7616_MD5, "Circle of Life"),
    "RFC 7616 SHA-256": (RFC_7616_SHA256, "Circle of Life"),
}


def _credential(answer: Answer, password: str) -> Credential:
    return digest.credential(answer.username, answer.realm, password)


def _signed(answer: Answer, ha1: str) -> Answer:
    return replace(answer, response=digest.expected_response(ha1, answer))


@pytest.mark.parametrize(("answer", "password"), VECTORS.values(), ids=VECTORS)
def test_the_example_of_the_rfc_proves_its_password(answer: Answer, password: str) -> None:
    assert digest.proves(_credential(answer, password), answer)


@pytest.mark.parametrize(("answer", "password"), VECTORS.values(), ids=VECTORS)
def test_another_password_is_not_proved(answer: Answer, password: str) -> None:
    assert not digest.proves(_credential(answer, password + "!"), answer)


@pytest.mark.parametrize(
    "answer",
    [
        replace(RFC_2617, uri="sip:other@acme.example"),
        replace(RFC_2617, method="REGISTER"),
        replace(RFC_2617, nonce="another"),
        replace(RFC_2617, nc="00000002"),
        replace(RFC_2617, cnonce="another"),
        replace(RFC_2617, response=""),
    ],
)
def test_an_answer_is_good_for_nothing_else(answer: Answer) -> None:
    assert not digest.proves(_credential(RFC_2617, "Circle Of Life"), answer)


def test_upper_case_hex_is_as_good() -> None:
    known = _credential(RFC_2617, "Circle Of Life")
    assert digest.proves(known, replace(RFC_2617, response=RFC_2617.response.upper()))


@pytest.mark.parametrize("response", ["é" * 32, "\ud800", ""])
def test_a_response_that_is_no_hex_proves_nothing(response: str) -> None:
    known = _credential(RFC_2617, "Circle Of Life")
    assert not digest.proves(known, replace(RFC_2617, response=response))


def test_a_phone_may_send_the_domain_with_its_name() -> None:
    known = digest.credential("1001", "acme.example", "secret")
    asked = Answer("1001@acme.example", "acme.example", "n", "sip:acme.example", "REGISTER", "")
    ha1 = digest.hash_hex(Algorithm.MD5, "1001@acme.example:acme.example:secret")
    assert digest.proves(known, _signed(asked, ha1))
    plain = digest.hash_hex(Algorithm.MD5, "1001:acme.example:secret")
    assert not digest.proves(known, _signed(asked, plain))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_nobody_proves_to_be_an_unknown_user(algorithm: Algorithm) -> None:
    """Not even who knows the hash that stands in for the missing one."""
    asked = replace(RFC_2617, algorithm=algorithm)
    for stand_in in ("0" * 32, "0" * 64):
        assert not digest.proves(None, _signed(asked, stand_in))


def test_a_hash_that_a_device_does_not_have_proves_nothing() -> None:
    md5_only = Credential(ha1="a" * 32)
    sha256 = replace(RFC_2617, algorithm=Algorithm.SHA256)
    with_domain = replace(RFC_2617, username="Mufasa@host.com")
    for stand_in in ("0" * 32, "0" * 64):
        assert not digest.proves(md5_only, _signed(sha256, stand_in))
        assert not digest.proves(md5_only, _signed(with_domain, stand_in))


def _calls_during(work: Callable[[], object]) -> list[str]:
    """The names of all functions, ours and C, that `work` calls."""
    seen: list[str] = []

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_name)
        elif event == "c_call":
            seen.append(arg.__name__)

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.parametrize("answer", [RFC_2069, RFC_2617, RFC_7616_SHA256])
def test_an_unknown_user_costs_the_same_work_as_a_wrong_password(answer: Answer) -> None:
    wrong = _credential(answer, "wrong")
    work = _calls_during(lambda: digest.proves(wrong, answer))
    assert work.count("compare_digest") == 1
    assert _calls_during(lambda: digest.proves(None, answer)) == work


@property_of(examples=30)
@given(password=st.text(max_size=20), username=st.sampled_from(["1001", "1001@acme.example"]))
def test_any_password_proves_itself(password: str, username: str) -> None:
    known = digest.credential("1001", "acme.example", password)
    asked = Answer(username, "acme.example", "n", "sip:acme.example", "INVITE", "")
    ha1 = digest.hash_hex(Algorithm.MD5, f"{username}:acme.example:{password}")
    assert digest.proves(known, _signed(asked, ha1))


@pytest.mark.parametrize(
    ("nc", "counter"),
    [
        ("00000001", 1),
        ("0000000a", 10),
        ("FFFFFFFF", 2**32 - 1),
        ("00000000", None),
        ("100000000", None),
        ("-1", None),
        ("one", None),
        ("", None),
        (None, None),
    ],
)
def test_the_nonce_counter_is_read_as_hex(nc: str | None, counter: int | None) -> None:
    assert digest.counter_of(replace(RFC_2617, nc=nc)) == counter


def test_a_counter_without_client_nonce_is_bad() -> None:
    assert digest.counter_of(replace(RFC_2617, cnonce=None)) is None


def test_without_qop_a_nonce_counts_once() -> None:
    assert digest.counter_of(RFC_2069) == 1
