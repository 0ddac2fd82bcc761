"""A program of its own that speaks: espeak-ng, which is under the GPL and is loaded here only.

Reads a JSON line per utterance, ``{text, voice, rate}``, from its input and answers with a JSON
line and that many bytes of PCM (8 kHz, mono, 16 bit):

    {"bytes": 12800, "phonemes": "hɛlˈoʊ"}      followed by 12800 bytes
    {"bytes": 0, "error": "…"}                   it did not work

It ends with its input. Text is written as it stands; there is no markup.
"""

import ctypes
import json
import os
import sys
from array import array
from typing import Any

import espeakng_loader

from gateways.speech import sound

NICENESS = 5
"""Where processors are short, calls go first."""
SYNCHRONOUS = 2
"""Sound comes through a callback, and the call returns when there is no more."""
NO_EXIT = 0x8000
UTF8 = 1
IPA = 0x02
RATE = 1
"""The parameter: words per minute."""

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Engine:
    """The library. One utterance at a time."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        data = espeakng_loader.get_data_path().encode()
        self.rate: int = self._library.espeak_Initialize(SYNCHRONOUS, 0, data, NO_EXIT)
        if self.rate <= 0:
            raise RuntimeError("espeak-ng does not start")
        self._pcm = bytearray()
        self._heard = _Callback(self._on_sound)  # kept: the library calls it
        self._library.espeak_SetSynthCallback(self._heard)

    def _on_sound(self, samples: object, count: int, events: int) -> int:
        if samples and count:
            self._pcm += ctypes.string_at(samples, 2 * count)  # type: ignore[arg-type]
        return 0

    def use(self, voice: str, words_per_minute: int) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"there is no voice {voice}")
        self._library.espeak_SetParameter(RATE, words_per_minute, 0)

    def speak(self, text: str) -> sound.Samples:
        self._pcm.clear()
        encoded = text.encode() + b"\0"
        failed = self._library.espeak_Synth(encoded, len(encoded), 0, 0, 0, UTF8, None, None)
        if failed:
            raise ValueError(f"espeak-ng failed with {failed}")
        return array("h", bytes(self._pcm))

    def phonemes(self, text: str) -> str:
        """What is said, in IPA; ``(en)`` where it changes to another language's sounds."""
        encoded = ctypes.create_string_buffer(text.encode())
        rest = ctypes.c_void_p(ctypes.addressof(encoded))
        clauses: list[str] = []
        while rest.value:
            found = self._library.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA)
            clauses.append((found or b"").decode())
        return " ".join(clauses)


def main() -> None:
    os.nice(NICENESS)
    engine, out = Engine(), sys.stdout.buffer
    for line in sys.stdin.buffer:
        pcm, header = answer(engine, json.loads(line))
        out.write(json.dumps({"bytes": len(pcm), **header}).encode() + b"\n" + pcm)
        out.flush()


def answer(engine: Engine, asked: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    try:
        engine.use(asked["voice"], asked["rate"])
        phonemes = engine.phonemes(asked["text"])
        samples = sound.telephone(engine.speak(asked["text"]), engine.rate)
    except ValueError as error:
        return b"", {"error": str(error)}
    return samples.tobytes(), {"phonemes": phonemes}


if __name__ == "__main__":
    main()
