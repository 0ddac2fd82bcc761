"""What a command speaks is there when the engine is told to play it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from domain.flow.node import speech_key
from events.flow import Play, Speech
from gateways.media.objects import ObjectStore, open_objects
from gateways.speech import rendering
from gateways.speech.rendering import Rendering
from tests.support.voices import Hum, hum

T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_objects("", tmp_path)


def command(text: str = "Hello", language: str = "en-US") -> dict[str, Any]:
    speech = Speech(text=text, voice="male", language=language)
    return Play(urls=("a/b.wav", speech_key(speech)), tts=speech).model_dump(by_alias=True)


def rendered(
    work: Callable[[Rendering], Awaitable[T]], voice: Hum, store: ObjectStore, patience: float = 5.0
) -> T:
    async def run() -> T:
        async with Rendering(voice, store, patience) as made:
            return await work(made)

    return asyncio.run(run())


async def content(store: ObjectStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.get(key)])


def test_a_text_lies_at_its_key_when_the_command_goes_out(store: ObjectStore) -> None:
    async def work(made: Rendering) -> bytes:
        await made.ready(command())
        return await content(store, command()["urls"][-1])

    voice = Hum()
    assert rendered(work, voice, store) == hum()
    assert voice.asked == [("Hello", "en-US", "male")]


@pytest.mark.parametrize("told", [{"command": "hangup"}, {"command": "play", "urls": ["x.wav"]}])
def test_a_command_without_a_text_is_let_through(store: ObjectStore, told: dict[str, Any]) -> None:
    voice = Hum()
    rendered(lambda made: made.ready(told), voice, store)
    assert voice.asked == []


def test_many_calls_share_one_rendering(store: ObjectStore) -> None:
    async def work(made: Rendering) -> None:
        await asyncio.gather(*(made.ready(command()) for _ in range(50)))
        await made.ready(command())

    voice = Hum(pause=0.05)
    rendered(work, voice, store)
    assert len(voice.asked) == 1


def test_what_another_gateway_rendered_is_not_rendered_again(store: ObjectStore) -> None:
    voice = Hum()
    rendered(lambda made: made.ready(command()), voice, store)
    rendered(lambda made: made.ready(command()), voice, store)
    assert len(voice.asked) == 1


def test_a_bounded_number_is_rendered_at_once(store: ObjectStore) -> None:
    async def work(made: Rendering) -> None:
        await asyncio.gather(*(made.ready(command(f"Number {n}")) for n in range(30)))

    voice = Hum(pause=0.01)
    rendered(work, voice, store)
    assert len(voice.asked) == 30
    assert voice.most_at_once == rendering.AT_ONCE


def test_what_is_too_much_is_left_to_the_engine(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "MAX_WAITING", 3)

    async def work(made: Rendering) -> None:
        await asyncio.gather(*(made.ready(command(f"Number {n}")) for n in range(30)))

    voice = Hum(pause=0.05)
    rendered(work, voice, store)
    assert len(voice.asked) == 3


def test_an_engine_does_not_wait_for_ever_and_the_rendering_goes_on(store: ObjectStore) -> None:
    async def work(made: Rendering) -> tuple[bool, bytes]:
        began = asyncio.get_running_loop().time()
        await made.ready(command())
        waited = asyncio.get_running_loop().time() - began
        await asyncio.wait(made._running.values(), timeout=10)
        return waited < 0.9, await content(store, command()["urls"][-1])

    assert rendered(work, Hum(pause=1.0), store, patience=0.05) == (True, hum())


@pytest.mark.parametrize("told", [command("broken"), command("Hej", "sv-SE")])
def test_what_cannot_be_spoken_stops_no_call(store: ObjectStore, told: dict[str, Any]) -> None:
    async def work(made: Rendering) -> object:
        await made.ready(told)
        await made.ready(told)
        return await store.head(told["urls"][-1])

    voice = Hum()
    assert rendered(work, voice, store) is None
    assert len(voice.asked) == 1  # not again for every call


def test_a_failure_is_tried_again_later(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "SPARED_FOR", 0.0)

    async def work(made: Rendering) -> None:
        await made.ready(command("broken"))
        await made.ready(command("broken"))

    voice = Hum()
    rendered(work, voice, store)
    assert len(voice.asked) == 2


def test_what_is_remembered_is_bounded(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_KNOWN", 5)

    async def work(made: Rendering) -> int:
        for n in range(12):
            await made.ready(command(f"Number {n}"))
        return len(made._settled)

    assert rendered(work, Hum(), store) == 5
