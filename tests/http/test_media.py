"""GET, HEAD and PUT of /media/{key}, over a wire (spec 03)."""

import socket
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateways.ids import new_id
from tests.support.system import System, acme, eventually, running

LIMIT = 3 * 1024 * 1024
ADMIN = {"x-admin-token": "let me in"}


@pytest.fixture(scope="module")
def small() -> Iterator[System]:
    """A system that takes small objects only, and trusts loopback as a node."""
    with running(max_media_bytes=str(LIMIT), admin_token="let me in") as system:
        yield system


@pytest.fixture
def key() -> str:
    return f"{new_id('acc')}/prompt.wav"


def put(system: System, key: str, data: Any = b"0123456789") -> httpx.Response:
    answer = system.edge.put(f"/media/{key}", content=data)
    assert answer.is_success, answer.text
    return answer


def get(system: System, key: str, **headers: str) -> httpx.Response:
    return system.edge.get(
        f"/media/{key}", headers={k.replace("_", "-"): headers[k] for k in headers}
    )


def test_what_was_put_comes_back(small: System, key: str) -> None:
    first = put(small, key)
    assert first.status_code == 201
    assert first.json() == {"ok": 1, "key": key, "size": 10}
    found = get(small, key)
    assert (found.status_code, found.content) == (200, b"0123456789")
    assert found.headers["content-type"] == "audio/wav"
    assert found.headers["etag"] == first.headers["etag"]
    second = put(small, key, b"other")
    assert second.status_code == 200
    assert second.headers["etag"] != first.headers["etag"]
    assert get(small, key).content == b"other"


def test_head_says_the_same_without_the_bytes(small: System, key: str) -> None:
    put(small, key)
    head, full = small.edge.head(f"/media/{key}"), get(small, key)
    assert head.content == b""
    names = ("content-length", "content-type", "etag", "last-modified", "accept-ranges")
    assert [head.headers[name] for name in names] == [full.headers[name] for name in names]
    assert head.headers["content-length"] == "10"


@pytest.mark.parametrize(
    ("asked", "content", "range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99999999999999999999999", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_answered(
    small: System, key: str, asked: str, content: bytes, range: str
) -> None:
    put(small, key)
    found = get(small, key, range=asked)
    assert (found.status_code, found.content) == (206, content)
    assert found.headers["content-range"] == range
    assert found.headers["content-length"] == str(len(content))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_bytes_that_are_not_there_are_refused(small: System, key: str, asked: str) -> None:
    put(small, key)
    found = get(small, key, range=asked)
    assert found.status_code == 416
    assert found.headers["content-range"] == "bytes */10"
    assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "lines=0-1", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "x"]
)
def test_what_is_no_single_range_is_answered_whole(small: System, key: str, asked: str) -> None:
    put(small, key)
    found = get(small, key, range=asked)
    assert (found.status_code, found.content) == (200, b"0123456789")


def test_what_the_client_has_is_not_sent_again(small: System, key: str) -> None:
    etag = put(small, key).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        found = get(small, key, if_none_match=known)
        assert (found.status_code, found.content) == (304, b"")
        assert found.headers["etag"] == etag
    assert get(small, key, if_none_match='"other"').status_code == 200
    modified = get(small, key).headers["last-modified"]
    assert get(small, key, if_modified_since=modified).status_code == 304
    assert get(small, key, if_modified_since=formatdate(0, usegmt=True)).status_code == 200


def test_a_range_of_another_version_is_the_whole(small: System, key: str) -> None:
    etag = put(small, key).headers["etag"]
    assert get(small, key, range="bytes=1-2", if_range=etag).status_code == 206
    assert get(small, key, range="bytes=1-2", if_range='"other"').status_code == 200
    assert (
        get(small, key, range="bytes=1-2", if_range=formatdate(0, usegmt=True)).status_code == 200
    )


def test_an_empty_object_is_one(small: System, key: str) -> None:
    put(small, key, b"")
    assert (get(small, key).status_code, get(small, key).content) == (200, b"")
    assert get(small, key, range="bytes=0-").status_code == 416


def test_a_large_object_is_streamed_both_ways(small: System, key: str) -> None:
    piece = bytes(range(256)) * 256

    def pieces() -> Iterator[bytes]:
        for _ in range(LIMIT // len(piece)):
            yield piece

    put(small, key, pieces())
    assert get(small, key).content == piece * (LIMIT // len(piece))


@pytest.mark.parametrize("declared", [True, False])
def test_what_is_too_large_leaves_the_object_as_it_was(
    small: System, key: str, declared: bool
) -> None:
    put(small, key)

    def pieces() -> Iterator[bytes]:
        for _ in range(LIMIT // 65536 + 1):
            yield b"x" * 65536

    content = b"".join(pieces()) if declared else pieces()
    try:
        answer = small.edge.put(f"/media/{key}", content=content)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
    except httpx.TransportError:
        assert declared, "the server may close while the client still sends"
    assert get(small, key).content == b"0123456789"


def test_a_client_that_breaks_off_leaves_the_object_as_it_was(small: System, key: str) -> None:
    put(small, key)
    new = key.replace("prompt", "new")
    for name in (key, new):
        with _connected(small) as connection:
            head = f"PUT /media/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
            connection.sendall(head.encode() + b"x" * 1_500_000)
    assert get(small, key).content == b"0123456789"
    assert get(small, new).status_code == 404
    folder = small.folder / "data" / "media" / key.partition("/")[0]
    eventually(lambda: [file.name for file in folder.iterdir()] == ["prompt.wav"])


@pytest.mark.parametrize(
    "target",
    [
        *("/media/../x", "/media/a/../../x", "/media/%2e%2e/x", "/media/a/%2E%2E%2F%2E%2E%2Fx"),
        *("/media/%252e%252e/x", "/media/a%5cb", "/media//etc/passwd", "/media/a//b"),
        *("/media/a%00b", "/media/a%0ab", "/media/%ff", "/media/", "/media/a/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_key_leaves_the_store(small: System, target: str, method: str) -> None:
    request = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    assert _status(small, request) in (400, 404)
    assert not (small.folder / "data" / "x").exists()


def test_what_is_not_there_is_not_found(small: System, key: str) -> None:
    assert get(small, key).status_code == 404
    assert small.edge.head(f"/media/{key}").status_code == 404
    assert small.edge.delete(f"/media/{key}").status_code == 405
    put(small, key)
    below = small.edge.put(f"/media/{key}/below", content=b"x")
    assert below.status_code == 400
    assert below.json()["errors"][0]["pointer"] == "/key"


def test_a_key_of_the_account_sees_its_own_objects_only(small: System) -> None:
    document = acme()
    small.apply(document)
    account_id = document["account"]["id"]
    mine, others = f"{account_id}/a.wav", f"{new_id('acc')}/a.wav"
    put(small, mine)
    put(small, others)
    put(small, f"{account_id}x/a.wav")
    full, narrow = small.key(account_id), small.key(account_id, "cdr")

    def asked(path: str, key: str, method: str = "GET") -> int:
        return small.edge.request(method, f"/media/{path}", headers={"x-api-key": key}).status_code

    eventually(lambda: asked(mine, full) == 200)
    assert asked(others, full) == 404
    assert asked(f"{account_id}x/a.wav", full) == 404
    assert small.edge.get(f"/media/{others}", headers=ADMIN).status_code == 200
    eventually(lambda: asked(mine, narrow) == 403)


def test_a_stranger_gets_and_puts_nothing() -> None:
    with running(node_cidrs="192.0.2.0/24") as guarded:
        for method in ("GET", "HEAD", "PUT"):
            for path in ("/media/a", "/media/%01", "/media/a%20b"):
                assert guarded.edge.request(method, path).status_code == 401


def test_a_store_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ):
        monkeypatch.setenv(name, value)
    with running(object_store_url="s3://nowhere/x") as system:
        system.edge.timeout = httpx.Timeout(30)
        for answer in (
            system.edge.get("/media/a"),
            system.edge.put("/media/a", content=b"x"),
        ):
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
        ready = system.edge.get("/readyz")
        assert (ready.status_code, ready.json()["ok"]) == (200, 1)
        assert "object store" in ready.json()["objects"]
        found = system.cli("doctor", "--json")
        assert "OBJECT_STORE_URL" in found.stdout


def _connected(system: System) -> socket.socket:
    url = urlsplit(system.edge_url)
    return socket.create_connection((url.hostname or "", url.port or 0), timeout=10)


def _status(system: System, request: str) -> int:
    with _connected(system) as connection:
        connection.sendall(request.encode())
        return int(connection.recv(4096).split()[1])
