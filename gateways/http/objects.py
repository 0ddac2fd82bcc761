"""An object over HTTP: conditions, ranges, content types (RFC 9110 sections 13 and 14)."""

from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import NamedTuple

from domain.errors import NotFound
from gateways.http.asgi import Stream
from gateways.media.objects import ObjectStore, Stored
from gateways.problems import RangeNotSatisfiable

TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "gsm": "audio/x-gsm",
    "g722": "audio/G722",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw-basic",
    "json": "application/json",
}
"""Format, which is the end of an object's key → content type."""


class Served(NamedTuple):
    status: int
    media_type: str
    headers: dict[str, str]
    body: Stream


def content_type(key: str) -> str:
    return TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


async def serve(store: ObjectStore, key: str, headers: Mapping[str, str], method: str) -> Served:
    """The object, a part of it, or that the client has it already. `headers` in lower case."""
    stored = await store.head(key)
    if stored is None:
        raise NotFound(f"no object {key}")
    about = {
        "ETag": stored.etag,
        "Last-Modified": formatdate(stored.last_modified // 1000, usegmt=True),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if _is_known(stored, headers):
        return Served(304, content_type(key), about, Stream(_nothing(), 0))
    status, start, end = 200, 0, stored.size
    if method == "GET" and (part := _part(stored, headers)) is not None:
        status, (start, end) = 206, part
        about["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    if method == "HEAD" or start == end:
        chunks = _nothing()
    else:
        chunks = await _begun(store.get(key, start, end))
    return Served(status, content_type(key), about, Stream(chunks, end - start))


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


async def _begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, with its first chunk read: what fails at once fails before the answer began."""
    first = await anext(chunks, b"")

    async def all() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all()


def _is_known(stored: Stored, headers: Mapping[str, str]) -> bool:
    """Whether the client has this very content."""
    if (known := headers.get("if-none-match")) is not None:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return known.strip() == "*" or stored.etag.removeprefix("W/") in tags
    return _seconds(headers.get("if-modified-since")) >= stored.last_modified // 1000


def _part(stored: Stored, headers: Mapping[str, str]) -> tuple[int, int] | None:
    """The bytes that are asked for, first and after the last; None: all of them."""
    if (condition := headers.get("if-range")) is not None:
        is_same = condition.strip() == stored.etag and not stored.etag.startswith("W/")
        if not is_same and _seconds(condition) != stored.last_modified // 1000:
            return None
    return range_of(headers.get("range", ""), stored.size)


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """`bytes=0-99`, `bytes=100-`, `bytes=-100`. None for several ranges, other units and what is
    no range: those are answered whole. RangeNotSatisfiable where there are no such bytes."""
    unit, _, text = header.partition("=")
    first, dash, last = (part.strip() for part in text.partition("-"))
    if unit.strip().lower() != "bytes" or not dash or not (first or last):
        return None
    if not all(part == "" or (part.isascii() and part.isdigit()) for part in (first, last)):
        return None
    if max(len(first), len(last)) > 18:
        first, last = first[:18], last[:18]  # no object is as large
    if not first:
        if int(last) == 0 or size == 0:
            raise RangeNotSatisfiable(size)
        return max(0, size - int(last)), size
    start, end = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable(size)
    return start, end


def _seconds(date: str | None) -> int:
    """An HTTP date as epoch seconds; -1 for none."""
    try:
        return int(parsedate_to_datetime(date).timestamp()) if date else -1
    except (ValueError, TypeError, OverflowError):
        return -1
