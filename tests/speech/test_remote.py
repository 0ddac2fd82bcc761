"""A voice behind HTTP: what it is asked, and what is made of its answers."""

import asyncio
import io
import json
import struct
import wave
from collections.abc import Iterator

import pytest

from gateways.addresses import networks
from gateways.speech.remote import HttpVoice
from gateways.speech.voice import NotSpoken, SpeechFailed
from tests.support.sink import Sink, sink
from tests.support.voices import hum

LOOPBACK = networks("127.0.0.0/8")


@pytest.fixture
def server() -> Iterator[Sink]:
    with sink() as made:
        yield made


def spoken(server: Sink, allowed: str = "127.0.0.0/8") -> bytes:
    async def run() -> bytes:
        header = "Authorization: Bearer secret"
        async with HttpVoice(server.url("/say"), header, networks(allowed)) as voice:
            return await voice.speak("Hello", "en-US", "male")

    return asyncio.run(run())


def file(rate: int, channels: int = 1, width: int = 2) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as written:
        written.setframerate(rate)
        written.setnchannels(channels)
        written.setsampwidth(width)
        frame = {1: b"\x10", 2: struct.pack("<h", 3000)}[width]
        other = {1: b"\xf0", 2: struct.pack("<h", -3000)}[width]
        half = rate // 400
        periods = rate // (2 * half)
        written.writeframes((frame * channels * half + other * channels * half) * periods)
    return made.getvalue()


def test_what_it_is_asked(server: Sink) -> None:
    server.says = hum()
    spoken(server)
    asked = server.received[0]
    assert json.loads(asked.body) == {
        "text": "Hello",
        "language": "en-US",
        "voice": "male",
        "format": "wav",
        "sampleRate": 8000,
    }
    assert asked.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (24_000, 1), (48_000, 2)])
def test_its_sound_is_brought_to_the_form_of_the_edges(
    server: Sink, rate: int, channels: int
) -> None:
    server.says = file(rate, channels)
    with wave.open(io.BytesIO(spoken(server))) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (8000, 1, 2)
        assert read.getnframes() == pytest.approx(8000, abs=100)


@pytest.mark.parametrize("status", [404, 422])
def test_a_language_that_it_does_not_speak(server: Sink, status: int) -> None:
    server.answer = lambda received: (status, {})
    with pytest.raises(NotSpoken, match="en-US"):
        spoken(server)


@pytest.mark.parametrize("says", [b"", b"RIFF", b"<html>", hum()[:60], file(8000, 1, 1)])
def test_an_answer_that_is_no_speech(server: Sink, says: bytes) -> None:
    server.says = says
    with pytest.raises(SpeechFailed):
        spoken(server)


def test_a_voice_that_fails_or_sends_elsewhere(server: Sink) -> None:
    for status in (302, 500):
        server.answer = lambda received: (status, {"location": server.url("/other")})  # noqa: B023
        with pytest.raises(SpeechFailed, match=str(status)):
            spoken(server)
    assert {one.path for one in server.received} == {"/say"}


def test_a_private_address_has_to_be_allowed(server: Sink) -> None:
    server.says = hum()
    with pytest.raises(SpeechFailed):
        spoken(server, allowed="")
    assert server.received == []


def test_a_voice_that_is_not_there() -> None:
    with pytest.raises(SpeechFailed, match="does not answer"):
        spoken(Sink(port=9))
