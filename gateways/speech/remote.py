"""A voice behind HTTP: a cloud's, or a server of one's own.

POST <url>  {"text", "language", "voice", "format": "wav", "sampleRate": 8000}
200 audio/wav      PCM of 16 bit, one or two channels, any usual rate: brought to 8 kHz mono
404, 422           it does not speak that language, or has no such voice
"""

import asyncio
import struct
from array import array
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp

from domain.errors import Refusal
from gateways.addresses import Network
from gateways.media.audio import wav_of
from gateways.speech import sound
from gateways.speech.voice import MAX_TEXT, NotSpoken, SpeechFailed
from gateways.webhooks.guard import GuardedResolver, check_host

TIMEOUT = 20.0
MAX_ANSWER = 64 * 1024 * 1024
AT_ONCE = 8
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


class HttpVoice:
    """A context manager. `header`: ``Name: value`` that it is asked with, or empty; `allowed`:
    private networks where it may be."""

    def __init__(self, url: str, header: str, allowed: tuple[Network, ...]) -> None:
        name, _, value = header.partition(":")
        self._headers = {name.strip(): value.strip()} if header else {}
        self._url = url
        self._allowed = allowed
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "HttpVoice":
        connector = aiohttp.TCPConnector(limit=AT_ONCE, resolver=GuardedResolver(self._allowed))
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.close()

    def languages(self) -> None:
        return None

    async def speak(self, text: str, language: str, voice: str) -> bytes:
        if len(text) > MAX_TEXT:
            raise SpeechFailed(f"the text is longer than {MAX_TEXT} characters")
        try:
            check_host(urlsplit(self._url).hostname or "", self._allowed)
            status, body = await self._asked(text, language, voice)
        except _FAILURES as error:
            raise SpeechFailed(f"the voice does not answer ({type(error).__name__})") from error
        if status in (404, 422):
            raise NotSpoken(language)
        if status != 200:
            raise SpeechFailed(f"the voice answers with {status}")
        wav = await asyncio.to_thread(_converted, body)
        if not sound.is_plausible(text, sound.duration_ms(wav)):
            raise SpeechFailed(f"{language}: {sound.duration_ms(wav)} ms cannot be the whole text")
        return wav

    async def _asked(self, text: str, language: str, voice: str) -> tuple[int, bytes]:
        assert self._http is not None, "used outside its context"
        wish = {
            "text": text,
            "language": language,
            "voice": voice,
            "format": "wav",
            "sampleRate": sound.RATE,
        }
        async with self._http.post(
            self._url, json=wish, headers=self._headers, allow_redirects=False
        ) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise SpeechFailed("the voice answers with more than can be speech")
            return answer.status, bytes(body)


def _converted(body: bytes) -> bytes:
    try:
        found = wav_of(body)
    except (Refusal, struct.error):
        raise SpeechFailed("the voice answers with something that is no WAV file") from None
    if found.bits != 16 or found.channels > 2 or found.rate not in sound.RATES:
        said = f"{found.channels} channels of {found.bits} bit at {found.rate} Hz"
        raise SpeechFailed(f"the voice answers with {said}, which is not converted")
    end = found.begins + (len(body) if found.data_bytes is None else found.data_bytes)
    block = 2 * found.channels
    pcm = body[found.begins : end]
    samples = array("h", pcm[: len(pcm) // block * block])
    if found.channels == 2:
        samples = array(
            "h", [(a + b) // 2 for a, b in zip(samples[::2], samples[1::2], strict=True)]
        )
    try:
        return sound.wav_file(sound.telephone(samples, found.rate).tobytes())
    except sound.NoSound as error:
        raise SpeechFailed(str(error)) from None
