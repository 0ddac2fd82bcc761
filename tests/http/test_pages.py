"""Pages and what they load: fresh pages, lasting assets, and a word on what is not built."""

import asyncio
import gzip
import re
from pathlib import Path

import httpx
import pytest

from deploy.wiring import application
from gateways.http.pages import NONCE, page_endpoints

SCRIPT = b"console.log('hello')"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "secret.js").write_bytes(b"not for you")
    (tmp_path / "dist" / "wallboard.html").write_bytes(b"<meta content=" + NONCE + b">")
    (assets / "page-1a2b.js").write_bytes(SCRIPT)
    (assets / "page-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "notes.txt").write_bytes(b"no asset")
    return tmp_path / "dist"


def ask(built: Path, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        app = application(page_endpoints("wallboard", built=built))
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            wanted = {"accept-encoding": "identity", **headers}
            return await client.request(method, path, headers=wanted)

    return asyncio.run(asked())


def test_a_page_loads_what_is_its_own_and_nothing_else(built: Path) -> None:
    answer = ask(built, "/wallboard")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    (nonce,) = re.findall("'nonce-([^']+)'", policy)
    assert answer.text == f"<meta content={nonce}>"
    assert nonce not in ask(built, "/wallboard").headers["content-security-policy"]


def test_an_asset_is_kept_for_good_and_sent_as_it_was_compressed(built: Path) -> None:
    plain = ask(built, "/assets/page-1a2b.js")
    packed = ask(built, "/assets/page-1a2b.js", **{"accept-encoding": "br, gzip"})
    assert plain.content == packed.content == SCRIPT
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    for answer in (plain, packed):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    refused = ask(built, "/assets/page-1a2b.js", **{"accept-encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in refused.headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets",
        "/assets/",
        "/assets/page-0000.js",
        "/assets/notes.txt",
        "/assets/../wallboard.html",
        "/assets/..%2f..%2fsecret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/.js",
        "/assets/page-1a2b.js%00",
        "/wallboard.html",
    ],
)
def test_nothing_else_is_given_out(built: Path, path: str) -> None:
    answer = ask(built, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_that_is_not_built_says_what_to_do(tmp_path: Path) -> None:
    answer = ask(tmp_path, "/wallboard")
    assert answer.status_code == 404
    assert "make web" in answer.json()["detail"]


def test_pages_are_only_read(built: Path) -> None:
    answer = ask(built, "/wallboard", "POST")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
