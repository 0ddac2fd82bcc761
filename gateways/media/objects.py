"""The private object store: prompts, greetings, recordings, voicemail.

Guarantees: an upload is seen whole or not at all, and never lies in memory whole; one that breaks
off, is too large or fails leaves the object as it was before. A key that has been through
`safe_key` stays inside the store. What the store cannot do now is `Unavailable`.

A directory by default; S3 (and what speaks like it), Google and Azure by URL. Their credentials
come from the environment as those clouds name them (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url
from obstore.store import ObjectStore as Backend

from domain.errors import Fault, Invalid, NotFound, Unavailable
from events.base import Millis
from gateways.problems import TooLarge

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

T = TypeVar("T")
log = logging.getLogger("callplane.media")

SCHEMES = frozenset({"file", "s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})
MAX_KEY = 512
MAX_PART = 200
"""Bytes; a file system takes 255 and the store puts something behind the name while it writes."""
DOTS = frozenset({".", ".."})
FORBIDDEN = frozenset('\\#?%*:|<>"')
"""What means something else to a URL, a shell, a file system, or the store below. A percent sign
is what is left of something that was encoded twice."""

READ_BYTES = 64 * 1024
PART_BYTES = 5 * 1024 * 1024
"""A part of an upload; S3 takes no smaller ones."""
PARTS_AT_ONCE = 2
PATIENCE = 10.0
"""Seconds that the store may take to answer a question that moves no content."""
PROBE = "probe/writable"
PROBE_PATIENCE = 3.0
"""Seconds; who asks for readiness does not wait long."""
PROBED_FOR = 15.0
"""Seconds for which the answer to `fault` is kept."""


class Stored(NamedTuple):
    """An object as it lies there."""

    key: str
    size: int
    etag: str
    """Quoted, as HTTP has it."""
    last_modified: Millis


def safe_key(text: str) -> str:
    """`text` as a key that stays in the store; Invalid otherwise.

    Refused: empty and dotted parts, a leading slash, backslashes, control characters, a percent
    sign (a `%2e` that was encoded twice), what is too long.
    """
    if problem := _problem(text):
        raise Invalid("that is no key of an object", [Fault("/key", problem)])
    return text


def _problem(text: str) -> str | None:
    parts = text.split("/")
    if not all(parts):
        return "has an empty part"
    if any(part in DOTS for part in parts):
        return "has a part of dots"
    if not text.isprintable() or not FORBIDDEN.isdisjoint(text):
        return "has a character that no key may have"
    try:
        encoded = [part.encode() for part in parts]
    except UnicodeEncodeError:
        return "is not text"
    if len(text) > MAX_KEY or any(len(part) > MAX_PART for part in encoded):
        return "is too long"
    return None


def open_objects(url: str, directory: Path) -> "ObjectStore":
    """The store at `url`; none: `directory`, which is made when it is not there."""
    if not url:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return ObjectStore(LocalStore(directory.resolve()))
    if urlsplit(url).scheme == "file":
        return ObjectStore(LocalStore.from_url(url, mkdir=True))
    store = from_url(
        url,
        client_options={"connect_timeout": timedelta(seconds=3), "timeout": timedelta(minutes=5)},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
    )
    return ObjectStore(store)


class ObjectStore:
    """Objects by key. Keys are trusted here: `safe_key` is for those that come from outside."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._probed: tuple[float, str | None] = (-PROBED_FOR, None)

    async def head(self, key: str) -> Stored | None:
        try:
            with _failures(key):
                return _stored(await _soon(obstore.head_async(self.backend, key)))
        except (FileNotFoundError, Invalid):
            return None

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (not included), as they are read."""
        if end is not None and end <= start:
            return
        options: GetOptions = {"range": {"offset": start} if end is None else (start, end)}
        if start == 0 and end is None:
            options = {}
        try:
            with _failures(key):
                found = await obstore.get_async(self.backend, key, options=options)
        except (FileNotFoundError, Invalid):
            raise NotFound(f"no object {key}") from None
        with _failures(key):
            async for chunk in found.stream(min_chunk_size=READ_BYTES):
                yield bytes(chunk)

    async def put(self, key: str, chunks: AsyncIterable[bytes], limit: int) -> Stored:
        """Store what `chunks` yield; TooLarge beyond `limit` bytes. An error that `chunks` raise
        (a client that breaks off) comes through, and nothing has changed."""
        counted = _limited(chunks, limit)
        with _failures(key):
            await obstore.put_async(
                self.backend,
                key,
                counted,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        return await self._found(key)

    async def put_bytes(self, key: str, data: bytes) -> Stored:
        with _failures(key):
            await obstore.put_async(self.backend, key, data)
        return await self._found(key)

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """What lies below `prefix`, whole parts of keys (`a/b` has `a/b/c`, not `a/bc`)."""
        with _failures(prefix):
            async for page in obstore.list(self.backend, prefix=prefix, return_arrow=False):
                for meta in page:
                    yield _stored(meta)

    async def delete(self, key: str) -> None:
        """Deleting what is not there is well."""
        with suppress(FileNotFoundError, Invalid), _failures(key):
            await _soon(obstore.delete_async(self.backend, key))

    async def fault(self) -> str | None:
        """Why nothing can be written; None when all is well. Tried at most every few seconds."""
        asked, found = self._probed
        if time.monotonic() - asked >= PROBED_FOR:
            found = await self._probe()
            self._probed = (time.monotonic(), found)
        return found

    async def _probe(self) -> str | None:
        try:
            with _failures(PROBE):
                await _soon(obstore.put_async(self.backend, PROBE, b"callplane"), PROBE_PATIENCE)
        except Unavailable as error:
            return error.detail
        return None

    async def _found(self, key: str) -> Stored:
        found = await self.head(key)
        if found is None:
            raise Unavailable("the object was deleted while it was being stored")
        return found


async def _limited(chunks: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the object is larger than {limit} bytes")
        yield chunk


async def _soon(asked: Awaitable[T], patience: float = PATIENCE) -> T:
    async with asyncio.timeout(patience):
        return await asked


@contextmanager
def _failures(key: str) -> Iterator[None]:
    """What the store says, in the words of our errors."""
    try:
        yield
    except (BaseError, PermissionError, TimeoutError) as error:
        said = str(error).partition("\n")[0] or "it does not answer"
        if "os error 20)" in said or "os error 21)" in said:
            # a directory's files cannot be directories: `a` and `a/b` exclude each other
            fault = Fault("/key", "lies below another object, or is a folder")
            raise Invalid("that is no key of an object", [fault]) from None
        log.warning("the object store failed at %s: %s", key, said)
        raise Unavailable("the object store does not take or give that now") from error


def _stored(meta: "ObjectMeta") -> Stored:
    modified = Millis(int(meta["last_modified"].timestamp() * 1000))
    etag = meta["e_tag"] or f'"{modified:x}-{meta["size"]:x}"'
    return Stored(meta["path"], meta["size"], etag, modified)
