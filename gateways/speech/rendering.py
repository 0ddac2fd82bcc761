"""The texts that flows speak: rendered before the command goes to the engine.

What is rendered lies at the key that stands in the command (`domain.flow.node.speech_key`: a hash
of text, voice and language), so it is rendered once. A caller never waits for it longer than
`PATIENCE`: the rendering goes on, and the command has the text in it for an engine with a voice of
its own. What did not work is not tried again for a while.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from domain.errors import Refusal
from gateways import metrics
from gateways.media.objects import ObjectStore
from gateways.speech.voice import NotSpoken, SpeechFailed, Voice

log = logging.getLogger("callplane.speech")

PATIENCE = 1.0
"""Seconds that an engine is kept waiting."""
AT_ONCE = 4
MAX_WAITING = 200
"""Texts that are being rendered or wait for it; more are left to the engine."""
MAX_KNOWN = 20_000
KNOWN_FOR = 3_600.0
"""Seconds for which a key that was seen in the store is taken to be there."""
SPARED_FOR = 30.0
"""Seconds for which a text that could not be rendered is not tried again."""


class Rendering:
    """A context manager."""

    def __init__(self, voice: Voice, store: ObjectStore, patience: float = PATIENCE) -> None:
        self._voice = voice
        self._store = store
        self._patience = patience
        self._settled: OrderedDict[str, float] = OrderedDict()
        """Keys that need nothing to be done, and until when."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ready(self, command: Mapping[str, Any]) -> None:
        """Return when what the command speaks can be played, or when that takes too long."""
        if (speech := command.get("tts")) is None or not (urls := command.get("urls")):
            return
        if (task := self._task(urls[-1], speech)) is not None:
            finished, _ = await asyncio.wait({task}, timeout=self._patience)
            if not finished:
                _count("late")

    async def __aenter__(self) -> "Rendering":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave what is not rendered yet."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, key: str, speech: Mapping[str, str]) -> asyncio.Task[None] | None:
        """What renders the key now, for all who want it; None when there is nothing to wait for."""
        if self._settled.get(key, 0.0) > time.monotonic():
            return None
        if (running := self._running.get(key)) is not None:
            return running
        if len(self._running) >= MAX_WAITING:
            _count("refused")
            return None
        task = self._running[key] = asyncio.create_task(self._render(key, speech))
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _render(self, key: str, speech: Mapping[str, str]) -> None:
        async with self._turns:
            try:
                outcome = await self._rendered(key, speech)
            except NotSpoken as error:
                outcome = "not_spoken"
                log.warning("%s is not spoken: %s", key, error)
            except (SpeechFailed, Refusal) as error:
                outcome = "failed"
                log.error("%s is not rendered: %s", key, error)
            except Exception:
                outcome = "failed"
                log.exception("%s is not rendered", key)
        _count(outcome)
        self._settle(key, KNOWN_FOR if outcome in ("rendered", "stored") else SPARED_FOR)

    async def _rendered(self, key: str, speech: Mapping[str, str]) -> str:
        if await self._store.head(key) is not None:
            return "stored"
        began = time.perf_counter()
        wav = await self._voice.speak(speech["text"], speech["language"], speech["voice"])
        metrics.SPEECH_SECONDS.observe(time.perf_counter() - began)
        await self._store.put_bytes(key, wav)
        return "rendered"

    def _settle(self, key: str, seconds: float) -> None:
        self._settled[key] = time.monotonic() + seconds
        self._settled.move_to_end(key)
        if len(self._settled) > MAX_KNOWN:
            self._settled.popitem(last=False)


def _count(outcome: str) -> None:
    metrics.SPEECH.labels(outcome).inc()
