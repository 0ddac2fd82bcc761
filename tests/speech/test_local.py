"""The voice that comes along: real words in every language, and programs that may die."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import wave
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from domain.prompts import LANGUAGES, position_text, wait_text
from gateways.speech import local, sound
from gateways.speech.local import LocalVoice
from gateways.speech.reading import is_spelled
from gateways.speech.voice import NotSpoken, SpeechFailed
from tests.support.system import eventually

T = TypeVar("T")


def spoken(work: Callable[[LocalVoice], Awaitable[T]], programs: int = 1) -> T:
    async def run() -> T:
        async with LocalVoice(programs) as voice:
            return await work(voice)

    return asyncio.run(run())


def texts_of(code: str) -> list[str]:
    found = list(LANGUAGES[code].prompts.values())
    for number in (1, 2, 12, 344):
        found += [position_text(code, number) or "", wait_text(code, number) or ""]
    return found


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_of_every_language_is_said_in_words(code: str) -> None:
    async def all_of(voice: LocalVoice) -> None:
        for text in texts_of(code):
            pcm, phonemes = await voice.say(text, code, "female")
            assert not is_spelled(phonemes, text), (text, phonemes)
            samples = array("h", pcm)
            assert sound.is_plausible(text, len(samples) // 8), text
            assert sound.peak(samples) <= sound.CEILING
            assert sound.FAINTEST <= sound.rms(samples) <= 1.01 * sound.LOUDNESS

    spoken(all_of)


@pytest.mark.parametrize(
    ("code", "text", "phonemes"),
    [
        ("en-US", "Please hold", "pliːz hoʊld"),
        ("fr-FR", "Au revoir", "o ʁəvwaʁ"),
        ("ru-RU", "звонок", "zvʌnok"),
        ("he-IL", "שָׁלוֹם", "ʃalom"),
        ("he-IL", "תּוֹדָה שֶׁהִתְקַשַּׁרְתֶּם", "todah ʃehitkaʃartem"),
        ("ar-XA", "مُتَّصِلُون", "mutːas̪i.luːn"),
        ("hi-IN", "नमस्ते", "nəmʌsteː"),
        ("ja-JP", "おまちください", "o̞mätɕikɯᵝdäsäi"),
        ("ko-KR", "전화", "tɕʌnhwɐ"),
        ("cmn-CN", "再见", "tsai5 tɕiɛ5n"),
    ],
)
def test_words_sound_as_they_should(code: str, text: str, phonemes: str) -> None:
    said = spoken(lambda voice: voice.say(text, code, "male"))[1]
    assert said.translate(str.maketrans("", "", "ˈˌ")) == phonemes


@pytest.mark.parametrize("code", ["en-US", "pl-PL", "hi-IN", "cmn-CN"])
def test_a_man_and_a_woman_are_heard(code: str) -> None:
    text = LANGUAGES[code].prompts["all-busy"]
    pitches = {
        gender: pitch(spoken(lambda voice: voice.speak(text, code, gender)))  # noqa: B023
        for gender in ("male", "female")
    }
    assert 70 < pitches["male"] < 150
    assert 1.3 * pitches["male"] < pitches["female"] < 320


def pitch(file: bytes) -> float:
    """The middle of the pitches (Hz) of the loud parts, by autocorrelation."""
    with wave.open(io.BytesIO(file)) as read:
        samples = array("h", read.readframes(read.getnframes()))
    found = []
    for at in range(0, len(samples) - 400, 400):
        part = samples[at : at + 400]
        if sound.rms(part) > sound.LOUDNESS:
            powers = {lag: _same(part, lag) for lag in range(20, 115)}
            highest = max(powers.values())
            found.append(8000 / min(lag for lag, power in powers.items() if power > 0.9 * highest))
    return sorted(found)[len(found) // 2]


def _same(part: sound.Samples, lag: int) -> float:
    return sum(a * b for a, b in zip(part, part[lag:], strict=False)) / (len(part) - lag)


@pytest.mark.parametrize(("code", "text"), [("sv-SE", "hej"), ("en-US", "请稍候")])
def test_what_it_does_not_speak_is_said_in_no_other_language(code: str, text: str) -> None:
    with pytest.raises(NotSpoken, match=code):
        spoken(lambda voice: voice.speak(text, code, "male"))


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(SpeechFailed, match="longer than"):
        spoken(lambda voice: voice.speak("a" * 4_001, "en-US", "male"))


def test_texts_are_no_markup() -> None:
    async def both(voice: LocalVoice) -> tuple[str, str]:
        marked = await voice.say('<audio src="/etc/passwd"/> [[h@loU]] hello', "en-US", "male")
        return marked[1], (await voice.say("hello", "en-US", "male"))[1]

    marked, plain = spoken(both)
    assert len(marked) > 3 * len(plain)


def test_a_program_that_died_is_replaced() -> None:
    async def killed(voice: LocalVoice) -> tuple[bytes, bytes]:
        before = await voice.speak("hello", "en-US", "male")
        os.kill(_pid_of(voice), signal.SIGKILL)
        return before, await voice.speak("hello", "en-US", "male")

    before, after = spoken(killed)
    assert before == after


def test_a_program_that_hangs_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stopped(voice: LocalVoice) -> bytes:
        await voice.speak("hello", "en-US", "male")
        monkeypatch.setattr(local, "PATIENCE", 0.5)
        os.kill(hanging := _pid_of(voice), signal.SIGSTOP)
        with pytest.raises(SpeechFailed, match="does not answer"):
            await voice.speak("hello", "en-US", "male")
        with pytest.raises(ProcessLookupError):
            os.kill(hanging, 0)
        monkeypatch.setattr(local, "PATIENCE", 10.0)
        return await voice.speak("hello", "en-US", "male")

    assert spoken(stopped)


def test_one_that_is_not_waited_for_does_not_answer_the_next() -> None:
    async def given_up(voice: LocalVoice) -> tuple[bytes, bytes]:
        alone = await voice.speak("two", "en-US", "male")
        leaving = asyncio.create_task(voice.speak("one hundred " * 40, "en-US", "male"))
        await asyncio.sleep(0.02)
        leaving.cancel()
        return alone, await voice.speak("two", "en-US", "male")

    alone, after = spoken(given_up)
    assert alone == after


def test_many_at_once_each_hear_their_own() -> None:
    async def many(voice: LocalVoice) -> tuple[list[str], list[str]]:
        texts = [f"You are number {n}." for n in range(30)]
        together = await asyncio.gather(*(voice.say(t, "en-US", "male") for t in texts))
        single = [await voice.say(text, "en-US", "male") for text in texts]
        return [said for _, said in together], [said for _, said in single]

    together, single = spoken(many, programs=2)
    assert together == single
    assert len(set(single)) == 30


def test_nothing_runs_that_is_not_needed_and_nothing_stays() -> None:
    async def pids(voice: LocalVoice) -> int:
        assert voice._all[0]._process is None
        await voice.speak("hello", "en-US", "male")
        return _pid_of(voice)

    pid = spoken(pids)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_ends_with_the_process_that_asks_it() -> None:
    script = (
        "import asyncio, os\n"
        "from gateways.speech.local import LocalVoice\n"
        "async def main():\n"
        "    voice = LocalVoice(1)\n"
        "    await voice.speak('hello', 'en-US', 'male')\n"
        "    print(voice._all[0]._process.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert eventually(lambda: not Path(f"/proc/{int(done.stdout)}/stat").exists(), 10)


def _pid_of(voice: LocalVoice) -> int:
    process = voice._all[0]._process
    assert process is not None
    return process.pid
