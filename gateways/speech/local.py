"""The voice that comes along: espeak-ng, in programs of its own (`gateways/speech/espeak.py`).

Guarantees: what it says is bounded in time; a program that dies, hangs or answers nonsense is
replaced, and the utterance tried once more; none is started before there is something to say.
"""

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import gateways
from gateways.speech import sound
from gateways.speech.reading import as_read, is_spelled
from gateways.speech.voice import MAX_TEXT, NotSpoken, SpeechFailed

log = logging.getLogger("callplane.speech")

VOICES = {
    "en-US": "en-us",
    "es-ES": "es",
    "fr-FR": "fr",
    "de-DE": "de",
    "it-IT": "it",
    "pt-BR": "pt-br",
    "nl-NL": "nl",
    "pl-PL": "pl",
    "ru-RU": "ru",
    "tr-TR": "tr",
    "ar-XA": "ar",
    "he-IL": "he",
    "hi-IN": "hi",
    "ja-JP": "ja",
    "ko-KR": "ko",
    "cmn-CN": "cmn",
}
VARIANTS = {"male": "m3", "female": "f3"}
"""A voice of another name is taken for the first."""
WORDS_PER_MINUTE = 150
PROGRAMS = 2
PATIENCE = 5.0
PATIENCE_PER_CHARACTER = 0.01
"""Seconds that an utterance may take; a character takes less than a millisecond."""
MAX_HEADER = 1024 * 1024
_ROOT = Path(gateways.__file__).parent.parent
_BROKEN = (OSError, EOFError, TimeoutError, ValueError)


class LocalVoice:
    """A context manager."""

    def __init__(self, programs: int = PROGRAMS) -> None:
        self._all = [_Program() for _ in range(programs)]
        self._idle: asyncio.LifoQueue[_Program] = asyncio.LifoQueue()
        for program in self._all:
            self._idle.put_nowait(program)

    async def __aenter__(self) -> "LocalVoice":
        return self

    async def __aexit__(self, *_: object) -> None:
        for program in self._all:
            await program.end()

    def languages(self) -> frozenset[str]:
        return frozenset(VOICES)

    async def speak(self, text: str, language: str, voice: str) -> bytes:
        pcm, phonemes = await self.say(text, language, voice)
        if is_spelled(phonemes, text):
            raise NotSpoken(language, "its voice cannot read this and would spell it")
        wav = sound.wav_file(pcm)
        if not sound.is_plausible(text, sound.duration_ms(wav)):
            raise SpeechFailed(f"{language}: {sound.duration_ms(wav)} ms cannot be the whole text")
        return wav

    async def say(self, text: str, language: str, voice: str) -> tuple[bytes, str]:
        """The sound, and what is said in IPA."""
        if language not in VOICES:
            raise NotSpoken(language)
        if len(text) > MAX_TEXT:
            raise SpeechFailed(f"the text is longer than {MAX_TEXT} characters")
        asked: dict[str, str | int] = {
            "text": as_read(text, language),
            "voice": f"{VOICES[language]}+{VARIANTS.get(voice, VARIANTS['male'])}",
            "rate": WORDS_PER_MINUTE,
        }
        async with self._borrowed() as program:
            return await _answered(program, asked)

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator["_Program"]:
        program = await self._idle.get()
        try:
            yield program
        finally:
            self._idle.put_nowait(program)


async def _answered(program: "_Program", asked: dict[str, str | int]) -> tuple[bytes, str]:
    patience = PATIENCE + PATIENCE_PER_CHARACTER * len(str(asked["text"]))
    for attempt in (1, 2):
        try:
            header, pcm = await program.ask(asked, patience)
            break
        except _BROKEN as error:
            log.warning("the voice failed (%s): %s", type(error).__name__, error)
            if attempt == 2 or isinstance(error, TimeoutError):
                raise SpeechFailed("the voice does not answer") from error
    if "error" in header:
        raise SpeechFailed(header["error"])
    return pcm, header["phonemes"]


class _Program:
    """One running espeak; started when it is asked and is not there."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def ask(
        self, asked: dict[str, str | int], patience: float
    ) -> tuple[dict[str, str], bytes]:
        """What it answers. After any failure it is ended: nobody knows what it will say next."""
        try:
            async with asyncio.timeout(patience):
                return await self._ask(asked)
        except BaseException:
            await self.end()
            raise

    async def _ask(self, asked: dict[str, str | int]) -> tuple[dict[str, str], bytes]:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await _started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        await process.stdin.drain()
        header = json.loads(await process.stdout.readline() or b"null")
        if header is None:
            raise EOFError("it has died")
        return header, await process.stdout.readexactly(header["bytes"])

    async def end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _started() -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-s", "-m", "gateways.speech.espeak"),
        stdin=PIPE,
        stdout=PIPE,
        limit=MAX_HEADER,
        env={"PYTHONPATH": str(_ROOT)},
        start_new_session=True,  # a Ctrl-C at the terminal is for those who run it
    )
