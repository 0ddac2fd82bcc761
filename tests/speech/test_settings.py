"""Which voice is set."""

import asyncio
from pathlib import Path

import pytest

from deploy import parts
from deploy.settings import SECRETS, BadSettings, load
from gateways.speech.local import LocalVoice
from gateways.speech.remote import HttpVoice


@pytest.mark.parametrize(("url", "kind"), [("", LocalVoice), ("http://127.0.0.1:9/", HttpVoice)])
def test_the_voice_that_is_set(url: str, kind: type) -> None:
    async def made() -> object:
        settings, _ = load({"CALLPLANE_TTS_URL": url}, Path("/nonexistent"))
        async with parts.speaking(settings) as voice:
            return voice

    assert isinstance(asyncio.run(made()), kind)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TTS_URL", "voice.example.com"),
        ("TTS_URL", "file:///etc/passwd"),
        ("TTS_HEADER", "secret"),
        ("TTS_HEADER", "X-Key: a\r\nHost: b"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        load({f"CALLPLANE_{name}": value}, Path("/nonexistent"))


def test_what_opens_it_is_never_printed() -> None:
    assert "tts_header" in SECRETS
