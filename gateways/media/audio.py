"""What kind of audio comes in, and how long it is: looked at on its way into the store.

Of WAV (RIFF/WAVE, the edges' format) the header is read; of others only how they begin.
"""

import hashlib
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple

from domain.errors import Invalid
from gateways.problems import UnsupportedMediaType

HEAD_BYTES = 64 * 1024
"""Where the header of a WAV file has to end."""
MAGIC = (
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\xff\xf2", "mp3"),
    (b"\xff\xfa", "mp3"),
)
HEADERLESS = {
    "audio/basic": "ulaw",
    "audio/x-alaw-basic": "alaw",
    "audio/g722": "g722",
    "audio/x-gsm": "gsm",
}
"""Telephony formats that nothing in the file tells: the content type has to say so."""
_ENCODINGS = {1: "PCM", 3: "float", 6: "A-law", 7: "µ-law", 0x31: "GSM 6.10"}
_EXTENSIBLE = 0xFFFE
_UNKNOWN_LENGTH = (0, 0xFFFFFFFF)
"""What stands in a header that was written before its end was known."""


class Wav(NamedTuple):
    channels: int
    rate: int
    """Samples per second."""
    bits: int
    bytes_per_sec: int
    begins: int
    """Where the samples begin, in bytes."""
    data_bytes: int | None
    """As the header says; None when it does not know."""


class Recording:
    """Audio that is being received. Size, hash and length are known when all has gone by."""

    def __init__(self, head: bytes, rest: AsyncIterator[bytes]) -> None:
        self.head = head
        self._rest = rest
        self._hash = hashlib.sha256()
        self.size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.head:
            yield self._counted(self.head)
        async for chunk in self._rest:
            yield self._counted(chunk)

    def _counted(self, chunk: bytes) -> bytes:
        self._hash.update(chunk)
        self.size += len(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def duration_ms(self) -> int | None:
        """None where the length of such a file is not known."""
        try:
            wav = wav_of(self.head)
        except Invalid:
            return None
        there = max(0, self.size - wav.begins)
        samples = there if wav.data_bytes is None else min(there, wav.data_bytes)
        return samples * 1000 // wav.bytes_per_sec


async def listen(chunks: AsyncIterator[bytes]) -> Recording:
    """Read as much as is needed to tell what it is."""
    head = bytearray()
    while len(head) < HEAD_BYTES and (chunk := await anext(chunks, b"")):
        head += chunk
    return Recording(bytes(head), chunks)


def format_of(head: bytes, media_type: str) -> str:
    """Which audio format a file is that begins so. Invalid for a WAV file that is broken,
    UnsupportedMediaType for what is no audio."""
    if head.startswith(b"RIFF"):
        wav_of(head)
        return "wav"
    for magic, format in MAGIC:
        if head.startswith(magic):
            return format
    if head[4:8] == b"ftyp":
        return "m4a"
    if head and media_type in HEADERLESS:
        return HEADERLESS[media_type]
    raise UnsupportedMediaType("that is not audio: it is neither WAV, MP3, Ogg, FLAC nor MPEG-4")


def wav_of(head: bytes) -> Wav:
    """The header of a WAV file (RFC 2361; Multimedia Programming Interface 1.0), or Invalid."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise Invalid("that is not a WAV file")
    form: tuple[int, int, int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"fmt " and at + 16 <= len(head):
            form = struct.unpack_from("<HHIIHH", head, at)
            if form[0] == _EXTENSIBLE and at + 26 <= len(head):
                form = (struct.unpack_from("<H", head, at + 24)[0], *form[1:])
        if name == b"data":
            return _checked(form, at, length)
        at += length + length % 2
    raise Invalid("the WAV file has no samples where they should begin")


def _checked(form: tuple[int, int, int, int, int, int] | None, at: int, length: int) -> Wav:
    if form is None:
        raise Invalid("the WAV file does not say how its samples are to be read")
    encoding, channels, rate, bytes_per_sec, block, bits = form
    if encoding not in _ENCODINGS:
        raise Invalid(f"the WAV file has an encoding that is not known ({encoding})")
    if encoding == 1:
        bytes_per_sec = rate * block
    if not (1 <= channels <= 8 and 1_000 <= rate <= 384_000 and block and bytes_per_sec):
        raise Invalid(f"the WAV file says {channels} channels at {rate} Hz")
    return Wav(
        channels,
        rate,
        bits,
        bytes_per_sec,
        at,
        None if length in _UNKNOWN_LENGTH else length,
    )
