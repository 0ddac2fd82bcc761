"""What a voice is, and what it may answer instead of speaking."""

from typing import Protocol

MAX_TEXT = 4_000
"""Characters of one utterance."""


class NotSpoken(Exception):
    """The voice does not speak this; it names the language. It is never said in another one."""

    def __init__(self, language: str, why: str = "this voice does not speak it") -> None:
        super().__init__(f"{language}: {why}")


class SpeechFailed(Exception):
    """It did not work this time, or nothing sensible came of it."""


class Voice(Protocol):
    def languages(self) -> frozenset[str] | None:
        """Those that it speaks, as ``pt-BR``; None when only asking tells."""

    async def speak(self, text: str, language: str, voice: str) -> bytes:
        """A WAV file of 8 kHz, mono, 16 bit. `voice`: ``male``, ``female``, or a name that the
        engine knows. Raises NotSpoken or SpeechFailed."""
