"""The object store: whole or not at all, and inside its folder (a real directory)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from domain.errors import Invalid, NotFound, Unavailable
from gateways.media.objects import MAX_KEY, ObjectStore, open_objects, safe_key
from gateways.problems import TooLarge

MIB = 1024 * 1024


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_objects("", tmp_path / "media")


async def _sent(*chunks: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if then is not None:
        raise then


async def _read(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.get(key, start, end)])


def test_what_was_put_is_there(store: ObjectStore) -> None:
    async def run() -> None:
        put = await store.put("acc_1/a.wav", _sent(b"ab", b"cde"), 5)
        assert put == await store.head("acc_1/a.wav")
        assert (put.key, put.size) == ("acc_1/a.wav", 5)
        assert await _read(store, "acc_1/a.wav") == b"abcde"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("start", "end", "read"),
    [(0, None, b"abcde"), (2, None, b"cde"), (1, 3, b"bc"), (0, 5, b"abcde"), (2, 2, b"")],
)
def test_a_part_can_be_read(store: ObjectStore, start: int, end: int | None, read: bytes) -> None:
    async def run() -> None:
        await store.put_bytes("a", b"abcde")
        assert await _read(store, "a", start, end) == read

    asyncio.run(run())


def test_a_large_object_comes_back_in_pieces(store: ObjectStore) -> None:
    async def run() -> None:
        await store.put("a", _sent(*[bytes([n]) * MIB for n in range(13)]), 13 * MIB)
        chunks = [chunk async for chunk in store.get("a")]
        assert sum(map(len, chunks)) == 13 * MIB
        assert max(map(len, chunks)) <= MIB

    asyncio.run(run())


@pytest.mark.parametrize(
    ("chunks", "error", "limit"),
    [
        ([b"x" * MIB] * 12, TooLarge, 11 * MIB),
        ([b"xy"], TooLarge, 1),
        ([b"x" * MIB] * 12, ConnectionResetError, 99 * MIB),
        ([], ConnectionResetError, 99),
    ],
    ids=["too large", "a little too large", "broken off late", "broken off at once"],
)
def test_an_upload_that_fails_changes_nothing(
    store: ObjectStore, tmp_path: Path, chunks: list[bytes], error: type[Exception], limit: int
) -> None:
    async def run() -> None:
        before = await store.put_bytes("a/b", b"before")
        for key in ("a/b", "a/new"):
            with pytest.raises(error):
                await store.put(key, _sent(*chunks, then=ConnectionResetError()), limit)
        assert await store.head("a/b") == before
        assert await store.head("a/new") is None

    asyncio.run(run())
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["b"]


def test_an_upload_that_is_cancelled_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    async def hanging() -> AsyncIterator[bytes]:
        yield b"x" * 12 * MIB
        await asyncio.Event().wait()

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await store.put("a", hanging(), 99 * MIB)
        await asyncio.sleep(0.2)

    asyncio.run(run())
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_other_content_has_another_etag(store: ObjectStore) -> None:
    async def run() -> None:
        first = await store.put_bytes("a", b"one")
        assert await store.put_bytes("a", b"other") != first
        assert first.etag.startswith('"')

    asyncio.run(run())


def test_what_lies_below_is_listed(store: ObjectStore) -> None:
    async def run() -> None:
        for key in ("a/1", "a/b/2", "ab/3"):
            await store.put_bytes(key, b"x")
        assert sorted([one.key async for one in store.list("a")]) == ["a/1", "a/b/2"]
        assert [one async for one in store.list("nowhere")] == []

    asyncio.run(run())


def test_deleting_twice_is_well(store: ObjectStore) -> None:
    async def run() -> None:
        await store.put_bytes("a", b"x")
        await store.delete("a")
        await store.delete("a")
        assert await store.head("a") is None
        with pytest.raises(NotFound):
            await _read(store, "a")

    asyncio.run(run())


def test_an_object_is_no_folder(store: ObjectStore) -> None:
    async def run() -> None:
        await store.put_bytes("a/b", b"x")
        for key in ("a", "a/b/c"):
            with pytest.raises(Invalid):
                await store.put_bytes(key, b"x")
        assert await store.head("a/b/c") is None
        await store.delete("a/b/c")

    asyncio.run(run())


def test_a_store_that_can_be_written_has_no_fault(store: ObjectStore) -> None:
    async def well() -> str | None:
        return await store.fault()

    assert asyncio.run(well()) is None


def _calls(store: ObjectStore) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: store.head("a"),
        lambda: _read(store, "a"),
        lambda: store.put("a", _sent(b"x"), 9),
        lambda: store.put_bytes("a", b"x"),
        lambda: store.delete("a"),
    ]


def test_a_store_that_is_down_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ):
        monkeypatch.setenv(name, value)
    store = open_objects("s3://bucket/folder", tmp_path)

    async def run() -> None:
        for call in _calls(store):
            with pytest.raises(Unavailable):
                await call()
        assert await store.fault() is not None

    asyncio.run(run())


@pytest.mark.parametrize(
    "key",
    ["acc_1/media_2.wav", "system/en-US/male/welcome.wav", "acc_1/vm/a@b.c.wav", "a/ü b.wav"],
)
def test_good_keys(key: str) -> None:
    assert safe_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/etc/passwd", "a//b", "a/", "..", "a/../b", "a/..", "./a", "a/.", "a\\b"),
        *("a/%2e%2e/b", "%2e%2e%2fb", "a%5cb", "a%00", "a\0b", "a\nb", "a\x7fb", "a\u202eb"),
        *("a#1", "a?b", "a%", "a\udcffb", "x" * 201, "ü" * 101, "/".join(["a"] * MAX_KEY)),
    ],
)
def test_bad_keys(key: str) -> None:
    with pytest.raises(Invalid):
        safe_key(key)
