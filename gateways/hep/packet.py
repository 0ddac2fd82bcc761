"""A HEP v3 packet: chunks of vendor 0, as Kamailio's siptrace and heplify send them.

Source: HEP/EEP network protocol specification, revision 36: `HEP3`, the length of the whole, then
chunks of vendor, type and length with six bytes before their data; all big-endian. Chunks that are
not known are skipped. Whatever the bytes are, `parse` answers or raises BadPacket.
"""

import struct
import zlib
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

MAGIC = b"HEP3"
HEADER = 6
"""Bytes after which the length of a packet is known."""
MAX_PAYLOAD = 65_535
"""Bytes of a payload, of a compressed one after it was inflated."""
SIP = 1
"""Protocol type of a packet that carries SIP."""

_SOURCE_4, _DESTINATION_4, _SOURCE_6, _DESTINATION_6 = 3, 4, 5, 6
_TRANSPORT, _SOURCE_PORT, _DESTINATION_PORT = 2, 7, 8
_SECONDS, _MICROS, _KIND, _AGENT, _KEY, _PAYLOAD, _DEFLATED, _CORRELATION = (
    *(9, 10, 11, 12, 14, 15),
    *(16, 17),
)
_SIZES = {
    _TRANSPORT: 1,
    _SOURCE_4: 4,
    _DESTINATION_4: 4,
    _SOURCE_6: 16,
    _DESTINATION_6: 16,
    _SOURCE_PORT: 2,
    _DESTINATION_PORT: 2,
    _SECONDS: 4,
    _MICROS: 4,
    _KIND: 1,
    _AGENT: 4,
}
"""Chunk type → bytes of its data, where that is fixed."""


class BadPacket(Exception):
    """These bytes are no HEP v3."""


class Packet(NamedTuple):
    kind: int
    """What the payload is; `SIP`."""
    transport: int
    """IP protocol: 17 UDP, 6 TCP."""
    source: str
    destination: str
    source_port: int
    destination_port: int
    ts_us: int
    """Epoch microseconds, by the agent's clock."""
    agent_id: int
    key: bytes
    payload: bytes
    correlation_id: str


def length_of(header: bytes) -> int:
    """How long the packet is that begins so; `header`: its first `HEADER` bytes."""
    if header[:4] != MAGIC:
        raise BadPacket("does not begin with HEP3")
    (length,) = struct.unpack_from("!H", header, 4)
    if length < HEADER:
        raise BadPacket("is shorter than its header")
    return int(length)


def parse(data: bytes) -> Packet:
    if len(data) < HEADER or length_of(data) != len(data):
        raise BadPacket("is not as long as it says")
    chunks = _chunks(data)
    source, destination = _addresses(chunks)
    return Packet(
        kind=_number(chunks, _KIND),
        transport=_number(chunks, _TRANSPORT),
        source=source,
        destination=destination,
        source_port=_number(chunks, _SOURCE_PORT),
        destination_port=_number(chunks, _DESTINATION_PORT),
        ts_us=_number(chunks, _SECONDS) * 1_000_000 + min(_number(chunks, _MICROS), 999_999),
        agent_id=_number(chunks, _AGENT),
        key=chunks.get(_KEY, b""),
        payload=_payload(chunks),
        correlation_id=chunks.get(_CORRELATION, b"").decode("utf-8", "replace"),
    )


def _chunks(data: bytes) -> dict[int, bytes]:
    """Type → data; of a chunk that comes twice the first."""
    found: dict[int, bytes] = {}
    place = HEADER
    while place < len(data):
        if place + 6 > len(data):
            raise BadPacket("ends within a chunk")
        vendor, kind, length = struct.unpack_from("!HHH", data, place)
        if length < 6 or place + length > len(data):
            raise BadPacket("has a chunk of an impossible length")
        if vendor == 0:
            found.setdefault(kind, data[place + 6 : place + length])
        place += length
    for kind, size in _SIZES.items():
        if kind in found and len(found[kind]) != size:
            raise BadPacket(f"has a chunk {kind} that is not {size} bytes long")
    return found


def _number(chunks: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(chunks.get(kind, b""), "big")


def _addresses(chunks: dict[int, bytes]) -> tuple[str, str]:
    if _SOURCE_4 in chunks and _DESTINATION_4 in chunks:
        return str(IPv4Address(chunks[_SOURCE_4])), str(IPv4Address(chunks[_DESTINATION_4]))
    if _SOURCE_6 in chunks and _DESTINATION_6 in chunks:
        return str(IPv6Address(chunks[_SOURCE_6])), str(IPv6Address(chunks[_DESTINATION_6]))
    return "", ""


def _payload(chunks: dict[int, bytes]) -> bytes:
    if _DEFLATED not in chunks:
        return chunks.get(_PAYLOAD, b"")
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # zlib or gzip, as it says itself
    try:
        found = inflating.decompress(chunks[_DEFLATED], MAX_PAYLOAD)
    except zlib.error as error:
        raise BadPacket(f"cannot be inflated: {error}") from None
    if not inflating.eof:
        raise BadPacket("is larger than a message may be, or cut, when it is inflated")
    return found
