"""What comes in is looked at: which format, how long, and is it audio at all?"""

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid, Refusal
from gateways.media import audio
from gateways.media.audio import Recording
from gateways.problems import UnsupportedMediaType
from tests.support.given import property_of
from tests.support.sound import wav

LIST = b"LIST" + struct.pack("<I", 3) + b"abc\0"


async def _chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _received(data: bytes, size: int = 1000) -> Recording:
    async def run() -> Recording:
        recording = await audio.listen(_chunks(data, size))
        assert b"".join([chunk async for chunk in recording.chunks()]) == data
        return recording

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("file", "milliseconds"),
    [
        (wav(1.5), 1500),
        (wav(2, rate=44_100, channels=2), 2000),
        (wav(1, bits=8, encoding=7), 1000),
        (wav(1, bits=8, encoding=6), 1000),
        (wav(0), 0),
        (wav(1, before=LIST), 1000),
        (wav(1, declared=0xFFFFFFFF), 1000),
        (wav(1, declared=0), 1000),
        (wav(1, declared=8000), 500),
        (wav(1, declared=99_000), 1000),
        (wav(60), 60_000),
    ],
)
@pytest.mark.parametrize("size", [17, 70_000])
def test_the_length_of_a_wav_file(file: bytes, milliseconds: int, size: int) -> None:
    recording = _received(file, size)
    assert audio.format_of(recording.head, "audio/wav") == "wav"
    assert recording.duration_ms() == milliseconds
    assert recording.size == len(file)
    assert recording.sha256 == hashlib.sha256(file).hexdigest()


@pytest.mark.parametrize(
    ("file", "media_type", "format"),
    [
        (b"ID3\x04" + b"\0" * 99, "audio/mpeg", "mp3"),
        (b"\xff\xfb\x90" + b"\0" * 99, "", "mp3"),
        (b"OggS" + b"\0" * 99, "application/octet-stream", "ogg"),
        (b"fLaC" + b"\0" * 99, "text/plain", "flac"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4", "m4a"),
        (b"\x7f" * 800, "audio/basic", "ulaw"),
        (b"\xd5" * 800, "audio/x-alaw-basic", "alaw"),
    ],
)
def test_other_formats_are_taken_without_a_length(
    file: bytes, media_type: str, format: str
) -> None:
    recording = _received(file)
    assert audio.format_of(recording.head, media_type) == format
    assert recording.duration_ms() is None


@pytest.mark.parametrize(
    "file",
    [
        *(b"RIFF", b"RIFF\0\0\0\0AVI LIST", wav(1)[:30], wav(1)[:40], wav(1, encoding=99)),
        *(wav(1, rate=0), wav(1, channels=0), wav(1, channels=99), b"RIFF\0\0\0\0WAVEdata\0\0\0\0"),
        b"RIFF\0\0\0\0WAVEjunk" + struct.pack("<I", 2**31) + b"\0" * 99,
    ],
)
def test_a_broken_wav_file_is_refused(file: bytes) -> None:
    with pytest.raises(Invalid):
        audio.format_of(file, "audio/wav")
    assert _received(file).duration_ms() is None


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        (b"", "audio/wav"),
        (b"", "audio/basic"),
        (b"<html>", "text/html"),
        (b"%PDF-1.7", "audio/wav"),
        (b"MZ", ""),
    ],
)
def test_what_is_no_audio_is_refused(file: bytes, media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        audio.format_of(file, media_type)


@property_of(500)
@given(st.binary(max_size=80), st.sampled_from([b"", b"RIFF", b"RIFF....WAVE", wav(0)[:36]]))
def test_whatever_comes_it_is_audio_or_refused(data: bytes, before: bytes) -> None:
    try:
        assert audio.format_of(before + data, "audio/wav")
    except Refusal:
        assert audio.Recording(before + data, _chunks(b"", 1)).duration_ms() in (None, 0)
