"""The system's prompts as files: each is rendered where it is missing, a few at a time."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from domain import prompts
from domain.errors import Fault, Invalid, Refusal
from domain.prompts.language import Prompt
from gateways.media.objects import ObjectStore
from gateways.speech import sound
from gateways.speech.voice import NotSpoken, SpeechFailed, Voice

AT_ONCE = 2
"""So that a flow that speaks meanwhile does not wait for long."""


class Result(NamedTuple):
    key: str
    status: str
    """generated, exists, not_spoken or failed."""
    detail: str | None = None
    duration_ms: int | None = None

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = {"key": self.key, "status": self.status}
        if self.detail is not None:
            found["detail"] = self.detail
        if self.duration_ms is not None:
            found["durationMs"] = self.duration_ms
        return found


class Wish(NamedTuple):
    languages: tuple[str, ...]
    genders: tuple[str, ...]
    force: bool


def wish(lang: str | None, gender: str | None, force: str | None) -> Wish:
    """What the members of a query ask for; all languages or genders where it names none."""
    faults = []
    if lang is not None and lang not in prompts.LANGUAGES:
        faults.append(Fault("/lang", f"is none of {', '.join(prompts.LANGUAGES)}"))
    if gender is not None and gender not in prompts.GENDERS:
        faults.append(Fault("/gender", f"is none of {', '.join(prompts.GENDERS)}"))
    if force not in (None, "0", "1"):
        faults.append(Fault("/force", "is neither 0 nor 1"))
    if faults:
        raise Invalid("there are no such prompts", faults)
    return Wish(
        tuple(prompts.LANGUAGES) if lang is None else (lang,),
        prompts.GENDERS if gender is None else (gender,),
        force == "1",
    )


async def generate(voice: Voice, store: ObjectStore, wish: Wish) -> dict[str, Any]:
    """`{ok, results, generated, skipped, failed}`; ok is 1 when nothing failed, and a language that
    the voice does not speak is a failure. Two at once do the same work twice, and no harm."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(language: str, gender: str, prompt: Prompt) -> Result:
        async with turns:
            return await _generated(voice, store, language, gender, prompt, wish.force)

    results = await asyncio.gather(
        *(
            one(language, gender, prompt)
            for language in wish.languages
            for gender in wish.genders
            for prompt in prompts.PROMPTS
        )
    )
    return _summed(results)


async def _generated(
    voice: Voice, store: ObjectStore, language: str, gender: str, prompt: Prompt, force: bool
) -> Result:
    key = prompts.key(language, gender, prompt)
    try:
        if not force and await store.head(key) is not None:
            return Result(key, "exists")
        wav = await voice.speak(prompts.LANGUAGES[language].prompts[prompt], language, gender)
        await store.put_bytes(key, wav)
    except NotSpoken as error:
        return Result(key, "not_spoken", str(error))
    except SpeechFailed as error:
        return Result(key, "failed", str(error))
    except Refusal as error:
        return Result(key, "failed", error.detail)
    return Result(key, "generated", None, sound.duration_ms(wav))


def _summed(results: Iterable[Result]) -> dict[str, Any]:
    results = list(results)
    counted = Counter(result.status for result in results)
    failed = counted["failed"] + counted["not_spoken"]
    return {
        "ok": int(not failed),
        "generated": counted["generated"],
        "skipped": counted["exists"],
        "failed": failed,
        "results": [result.shown() for result in results],
    }
