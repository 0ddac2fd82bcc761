"""Voices that answer at once, to test what is done with what they say."""

import asyncio
from array import array
from dataclasses import dataclass, field

from gateways.speech import sound
from gateways.speech.voice import NotSpoken, SpeechFailed


def hum(seconds: float = 0.5) -> bytes:
    samples = array("h", [4000 if n // 20 % 2 else -4000 for n in range(int(8000 * seconds))])
    return sound.wav_file(samples.tobytes())


@dataclass
class Hum:
    """Hums every text in ``en-US`` and ``pl-PL``, each after `pause` seconds; fails at "broken"."""

    pause: float = 0.0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def languages(self) -> frozenset[str]:
        return frozenset({"en-US", "pl-PL"})

    async def speak(self, text: str, language: str, voice: str) -> bytes:
        self.asked.append((text, language, voice))
        if language not in self.languages():
            raise NotSpoken(language)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.pause)
        self.at_once -= 1
        if "broken" in text:
            raise SpeechFailed("it is broken")
        return hum()
