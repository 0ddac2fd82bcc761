"""The prompts are made where they are missing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Invalid
from domain.prompts import LANGUAGES
from gateways.media.objects import ObjectStore, open_objects
from gateways.speech import prompts
from gateways.speech.prompts import Wish
from tests.support.voices import Hum


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_objects("", tmp_path)


def made(store: ObjectStore, wish: Wish, voice: Hum | None = None) -> dict[str, Any]:
    return asyncio.run(prompts.generate(voice or Hum(), store, wish))


POLISH = prompts.wish("pl-PL", "female", None)


def test_what_is_there_is_left_alone_unless_it_is_forced(store: ObjectStore) -> None:
    first, second = made(store, POLISH), made(store, POLISH)
    forced = made(store, prompts.wish("pl-PL", "female", "1"))
    assert (first["ok"], first["generated"], first["skipped"], first["failed"]) == (1, 10, 0, 0)
    assert (second["ok"], second["generated"], second["skipped"]) == (1, 0, 10)
    assert (forced["generated"], forced["skipped"]) == (10, 0)
    assert first["results"][0] == {
        "key": "system/pl-PL/female/welcome.wav",
        "status": "generated",
        "durationMs": 500,
    }
    assert second["results"][0] == {"key": "system/pl-PL/female/welcome.wav", "status": "exists"}


def test_the_language_says_its_own_texts(store: ObjectStore) -> None:
    voice = Hum()
    made(store, POLISH, voice)
    texts = set(LANGUAGES["pl-PL"].prompts.values())
    assert set(voice.asked) == {(text, "pl-PL", "female") for text in texts}


def test_a_language_that_is_not_spoken_is_reported(store: ObjectStore) -> None:
    found = made(store, prompts.wish("ko-KR", "male", None))
    assert (found["ok"], found["generated"], found["failed"]) == (0, 0, 10)
    assert {result["status"] for result in found["results"]} == {"not_spoken"}
    assert all("ko-KR" in result["detail"] for result in found["results"])


def test_everything_is_320_prompts(store: ObjectStore) -> None:
    found = made(store, prompts.wish(None, None, None))
    assert len({result["key"] for result in found["results"]}) == 320
    assert (found["generated"], found["failed"]) == (40, 280)


def test_two_at_once_do_no_harm(store: ObjectStore) -> None:
    async def both() -> list[dict[str, Any]]:
        voice = Hum(pause=0.01)
        return list(
            await asyncio.gather(*(prompts.generate(voice, store, POLISH) for _ in range(3)))
        )

    assert all(found["ok"] for found in asyncio.run(both()))
    assert made(store, POLISH)["skipped"] == 10


@pytest.mark.parametrize(
    ("lang", "gender", "force", "pointer"),
    [
        ("sv-SE", None, None, "/lang"),
        ("", None, None, "/lang"),
        (None, "robot", None, "/gender"),
        (None, None, "yes", "/force"),
    ],
)
def test_an_unknown_member_is_named(
    lang: str | None, gender: str | None, force: str | None, pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        prompts.wish(lang, gender, force)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]
