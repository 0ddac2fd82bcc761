"""A capture agent: SIP messages as HEP v3, and the messages of a call through a proxy."""

import socket
import struct
import zlib
from ipaddress import ip_address

from gateways.hep.packet import MAGIC

CALLER, EDGE, CALLEE = ("127.0.0.22", 5062), ("127.0.0.20", 5060), ("127.0.0.21", 5064)
Place = tuple[str, int]


def chunk(kind: int, data: bytes, vendor: int = 0) -> bytes:
    return struct.pack("!HHH", vendor, kind, 6 + len(data)) + data


def framed(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return MAGIC + struct.pack("!H", 6 + len(body)) + body


def packet(
    payload: bytes,
    source: Place = CALLER,
    destination: Place = EDGE,
    *,
    ts_us: int = 1_767_225_600_000_000,
    agent: int = 1,
    key: bytes = b"",
    correlation: str = "",
    kind: int = 1,
    is_deflated: bool = False,
) -> bytes:
    """What siptrace makes of a message."""
    here, there = ip_address(source[0]), ip_address(destination[0])
    addresses = (3, 4) if here.version == 4 else (5, 6)
    found = [
        chunk(1, bytes([2 if here.version == 4 else 10])),
        chunk(2, bytes([17])),
        chunk(addresses[0], here.packed),
        chunk(addresses[1], there.packed),
        chunk(7, struct.pack("!H", source[1])),
        chunk(8, struct.pack("!H", destination[1])),
        chunk(9, struct.pack("!I", ts_us // 1_000_000)),
        chunk(10, struct.pack("!I", ts_us % 1_000_000)),
        chunk(11, bytes([kind])),
        chunk(12, struct.pack("!I", agent)),
        chunk(7, b"something of a vendor's own", vendor=3),
    ]
    if key:
        found.append(chunk(14, key))
    if correlation:
        found.append(chunk(17, correlation.encode()))
    found.append(chunk(16, zlib.compress(payload)) if is_deflated else chunk(15, payload))
    return framed(*found)


def send(port: int, *packets: bytes) -> None:
    """Over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        for one in packets:
            agent.sendto(one, ("127.0.0.1", port))


def sip(
    start: str,
    call_id: str,
    *,
    cseq: str = "1 INVITE",
    vias: tuple[str, ...] = ("a",),
    to_tag: str = "",
    from_tag: str = "f",
    extra: tuple[str, ...] = (),
    body: str = "",
) -> bytes:
    """`vias`: branches, the last hop first. `start` without its version."""
    first = f"SIP/2.0 {start}" if start[0].isdigit() else f"{start} SIP/2.0"
    lines = [
        first,
        *(f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{via}" for via in vias),
        f"From: <sip:1001@example.com>;tag={from_tag}",
        f"To: <sip:1002@example.com>{';tag=' + to_tag if to_tag else ''}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq}",
        *extra,
    ]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def send_over_tcp(port: int, *packets: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as agent:
        agent.sendall(b"".join(packets))


URI = "sip:1002@example.com"


def conversation(call_id: str) -> list[tuple[bytes, Place, Place]]:
    """Message, from where, to where: a call through an edge, from the INVITE to the BYE's answer,
    in the order of what follows from what."""
    up, down, back = (CALLER, EDGE), (EDGE, CALLEE), (CALLEE, EDGE)
    home = (EDGE, CALLER)
    two = ("b", "a")

    def one(start: str, way: tuple[Place, Place], **more: object) -> tuple[bytes, Place, Place]:
        return sip(start, call_id, **more), *way  # type: ignore[arg-type]

    return [
        one(f"INVITE {URI}", up),
        one("100 Trying", home),
        one(f"INVITE {URI}", down, vias=two),
        one("180 Ringing", back, vias=two, to_tag="t"),
        one("180 Ringing", home, to_tag="t"),
        one("200 OK", back, vias=two, to_tag="t"),
        one("200 OK", home, to_tag="t"),
        one(f"ACK {URI}", up, cseq="1 ACK", vias=("c",), to_tag="t"),
        one(f"ACK {URI}", down, cseq="1 ACK", vias=("d", "c"), to_tag="t"),
        one(f"BYE {URI}", up, cseq="2 BYE", vias=("e",), to_tag="t"),
        one(f"BYE {URI}", down, cseq="2 BYE", vias=("g", "e"), to_tag="t"),
        one("200 OK", back, cseq="2 BYE", vias=("g", "e"), to_tag="t"),
        one("200 OK", home, cseq="2 BYE", vias=("e",), to_tag="t"),
    ]
