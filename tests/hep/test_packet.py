"""HEP v3 packets: what agents send is read, and nothing else does harm."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.hep.packet import MAX_PAYLOAD, BadPacket, length_of, parse
from tests.support.hep import chunk, framed, packet


def test_a_packet_says_who_spoke_to_whom_and_when() -> None:
    found = parse(packet(b"OPTIONS", correlation="call-1", agent=7, key=b"let me in"))
    assert (found.source, found.source_port) == ("127.0.0.22", 5062)
    assert (found.destination, found.destination_port) == ("127.0.0.20", 5060)
    assert (found.kind, found.transport, found.agent_id) == (1, 17, 7)
    assert found.ts_us == 1_767_225_600_000_000
    assert (found.payload, found.correlation_id, found.key) == (b"OPTIONS", "call-1", b"let me in")


def test_addresses_may_be_of_version_6() -> None:
    found = parse(packet(b"x", ("2001:db8::1", 5060), ("2001:db8::2", 5061)))
    assert (found.source, found.destination) == ("2001:db8::1", "2001:db8::2")


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_compressed_payload_is_inflated(is_gzip: bool) -> None:
    text = b"INVITE " * 100
    made = framed(chunk(16, gzip.compress(text))) if is_gzip else packet(text, is_deflated=True)
    assert parse(made).payload == text


def test_a_payload_that_inflates_without_end_is_refused() -> None:
    with pytest.raises(BadPacket, match="larger"):
        parse(packet(b"\0" * (MAX_PAYLOAD + 1), is_deflated=True))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HEP3",
        b"HEP2\0\6",
        b"HEP3\0\5",
        b"HEP3\0\7x",
        framed(b"\0\0\0\x0f\0\5"),
        framed(b"\0\0\0\x0f\0\7"),
        framed(b"\0\0\0"),
        framed(chunk(9, b"too long")),
        framed(chunk(16, b"not zlib")),
        packet(b"x") + b"y",
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(BadPacket):
        parse(data)


PIECES = st.one_of(
    st.binary(max_size=40),
    st.builds(chunk, st.integers(0, 20), st.binary(max_size=20), st.integers(0, 2)),
)


@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=8).map(lambda p: framed(*p))))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        found = parse(data)
    except BadPacket:
        return
    assert length_of(data[:6]) == len(data)
    assert len(found.payload) <= MAX_PAYLOAD


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 255))
def test_a_packet_that_was_damaged_does_no_harm(cut: int, place: int, value: int) -> None:
    whole = packet(b"INVITE sip:a SIP/2.0", is_deflated=True, key=b"key", correlation="c")
    damaged = bytearray(whole)
    damaged[place % len(whole)] = value
    for data in (bytes(damaged), whole[: cut % len(whole)]):
        try:
            parse(data)
        except BadPacket:
            continue
