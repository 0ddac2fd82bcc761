"""SIP messages as text: what is told from them, and that no secret is kept."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sip import MAX_TEXT, kept, read

INVITE = (
    b"INVITE sip:1002@example.com SIP/2.0\r\n"
    b"v: SIP/2.0/UDP a;branch=z9hG4bK2 , SIP/2.0/UDP b;branch=z9hG4bK1\r\n"
    b'f: "A: b" <sip:1001@example.com;x=y>;tag=one\r\n'
    b"To: <sip:1002@example.com>\r\n"
    b"i: call-1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"X-Edge-Call-Id: call-0\r\n"
    b"%b"
    b"\r\n%b"
)


def invite(head: bytes = b"", body: bytes = b"") -> bytes:
    return INVITE % (head, body)


def text_of(payload: bytes) -> str:
    found = kept(payload)
    assert found is not None
    return found.text


def test_a_request_is_read() -> None:
    found = read(text_of(invite()))
    assert (found.method, found.status, found.target) == ("INVITE", 0, "sip:1002@example.com")
    assert (found.call_id, found.cseq, found.edge_call_id) == ("call-1", 7, "call-0")
    assert (found.from_tag, found.to_tag) == ("one", "")
    assert found.branches == ("z9hG4bK2", "z9hG4bK1")
    assert found.title == "INVITE"


def test_an_answer_is_read() -> None:
    found = read("SIP/2.0 486 Busy Here\nCall-ID: a\nCSeq: 2 INVITE\nTo: <sip:b>;tag=two\n\n")
    assert (found.method, found.status, found.reason) == ("INVITE", 486, "Busy Here")
    assert (found.to_tag, found.title) == ("two", "486 Busy Here")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\nCall-ID: a\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nFrom: a\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nCall-ID: " + b"x" * 256 + b"\r\n\r\n",
    ],
)
def test_what_is_no_sip_or_has_no_call_id_is_not_kept(payload: bytes) -> None:
    assert kept(payload) is None


@pytest.mark.parametrize(
    "line",
    [
        b'Authorization: Digest username="1001", response="SECRET"',
        b'authorization:Digest response="SECRET"',
        b"PROXY-AUTHORIZATION : Digest\r\n username=a,\r\n\tresponse=SECRET",
        b"Authorization:\r\n Basic SECRET",
        b"Authorization: SECRET",
        b"Authori\0zation: Digest SECRET",
        b"X-Authorization: SECRET",
        b'Authentication-Info: rspauth="SECRET"',
        b"Authorization SECRET",
        b"Contact: <sip:1001:SECRET@example.com>",
        b"Contact: <SIPS:1001;x=1:SECRET@example.com>",
        b"Contact: <sip:1001:SECRET" + b"x" * 300 + b"@example.com>",
        b"Refer-To: <sip:a@b?Authorization=Digest%20SECRET&X=y>",
    ],
)
def test_no_credential_is_kept(line: bytes) -> None:
    found = text_of(invite(line + b"\r\nUser-Agent: phone\r\n"))
    assert "SECRET" not in found
    assert "(redacted)" in found
    assert "User-Agent: phone" in found


def test_of_bodies_sdp_is_kept_without_its_keys() -> None:
    sdp = b"v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES inline:SECRET\r\nk=clear:SECRET\r\n"
    found = text_of(invite(b"Content-Type: application/sdp\r\n", sdp))
    assert "m=audio 4000" in found
    assert "SECRET" not in found


def test_pressed_digits_are_not_kept() -> None:
    body = b"Signal=5\r\nDuration=160\r\n"
    found = text_of(invite(b"c: application/dtmf-relay\r\n", body))
    assert "Signal" not in found
    assert "of application/dtmf-relay, not kept" in found


def test_what_controls_a_terminal_is_not_kept() -> None:
    found = text_of(b"SIP/2.0 180 \x1b[2J\xc2\x9b2J\x7f\r\nCall-ID: a\r\nSubject: a\tb\r\n\r\n")
    assert found == "SIP/2.0 180 �[2J�2J�\nCall-ID: a\nSubject: a\tb\n"


def test_a_long_message_is_cut() -> None:
    found = kept(invite(b"Subject: " + b"x" * MAX_TEXT + b"\r\n"))
    assert found is not None
    assert (len(found.text), found.is_cut) == (MAX_TEXT, True)


@pytest.mark.parametrize("part", [b"sip::", b"sip:a", b"sip:a:b@", b"?x", b"&authorization"])
def test_a_line_without_end_is_soon_done_with(part: bytes) -> None:
    began = time.process_time()
    kept(invite(b"Subject: " + part * (65_536 // len(part)) + b"\r\n"))
    assert time.process_time() - began < 1


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(invite)))
def test_whatever_comes_is_kept_or_not(payload: bytes) -> None:
    found = kept(payload)
    if found is not None:
        assert "\0" not in found.text
        assert len(found.text) <= MAX_TEXT
        read(found.text)


@given(st.text(max_size=300))
def test_whatever_was_kept_can_be_read(text: str) -> None:
    read(text)


@given(
    st.text(string.ascii_letters, min_size=12, max_size=12),
    st.lists(st.sampled_from(["\r\n ", "\n\t", " ", ",", ";", "\t", '"', "é", "=", ":"])),
    st.sampled_from(["Authorization", "proxy-authorization", "PROXY-AUTHORIZATION"]),
)
def test_a_secret_of_any_shape_is_not_kept(secret: str, around: list[str], name: str) -> None:
    value = "".join(around) + secret
    found = kept(invite(f"{name}: Digest {value}\r\n".encode()))
    assert found is None or secret not in found.text
