"""Pages that a browser opens: what `make web` has built from `gateways/web` (spec 08, 12).

A page is read anew each time, under a policy that lets it load its own scripts and styles and talk
to its own origin, and nothing else. Everything it loads has its content's hash in its name, is kept
by browsers for good, and goes out as the build has compressed it. Where nothing was built, a
problem says what to do.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from domain.errors import NotFound
from gateways.http.asgi import Answer, Endpoint, Request, endpoint

BUILT = Path(__file__).parents[1] / "web" / "dist"
NONCE = b"__NONCE__"
"""What a page has in the place of the word that its run-time styles carry."""
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_ASSET = re.compile(r"/assets/([A-Za-z0-9_-][A-Za-z0-9._-]*)")


class _Coding(NamedTuple):
    name: str
    suffix: str


CODINGS = (_Coding("br", ".br"), _Coding("gzip", ".gz"))
"""The best first."""
FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}
GUARDED = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


def page_endpoints(*names: str, built: Path = BUILT) -> list[Endpoint]:
    """`/<name>` for each page, and `/assets/…` for what they load."""
    pages = [_answering(f"/{name}", _page(built / f"{name}.html")) for name in names]
    return [*pages, _answering("/assets", _assets(built / "assets"), is_mount=True)]


def _answering(
    path: str, handle: Callable[[Request], Awaitable[Answer]], *, is_mount: bool = False
) -> Endpoint:
    return endpoint(path, {"GET": handle, "HEAD": handle}, 0, is_mount=is_mount)


def _page(file: Path) -> Callable[[Request], Awaitable[Answer]]:
    async def show(request: Request) -> Answer:
        text = await asyncio.to_thread(_read, file)
        if text is None:
            raise NotFound("this page is not built here: `make web` builds it")
        nonce = secrets.token_urlsafe(16)
        body = text.replace(NONCE, nonce.encode())
        return Answer(body, media_type="text/html; charset=utf-8", headers=_of_page(nonce))

    return show


def _of_page(nonce: str) -> dict[str, str]:
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' 'nonce-{nonce}'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "no-referrer",
        **GUARDED,
    }


def _assets(folder: Path) -> Callable[[Request], Awaitable[Answer]]:
    async def show(request: Request) -> Answer:
        named = _ASSET.fullmatch(request.path)
        file = folder / named[1] if named else None
        media_type = MEDIA_TYPES.get(file.suffix) if file else None
        if file is None or media_type is None:
            raise NotFound(f"no {request.path}")
        for coding in _taken(request):
            packed = await asyncio.to_thread(_read, file.with_name(file.name + coding.suffix))
            if packed is not None:
                headers = {"Content-Encoding": coding.name, "Vary": "Accept-Encoding"}
                return Answer(packed, 200, media_type, {**FOR_GOOD, **GUARDED, **headers})
        body = await asyncio.to_thread(_read, file)
        if body is None:
            raise NotFound(f"no {request.path}")
        headers = {**FOR_GOOD, **GUARDED, "Vary": "Accept-Encoding"}
        return Answer(body, 200, media_type, headers)

    return show


def _taken(request: Request) -> Iterator[_Coding]:
    """Codings that the client takes. `;q=0` says no (RFC 9110, 12.5.3)."""
    wanted = dict[str, bool]()
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        wanted[name.strip()] = re.fullmatch(r"\s*q=0(\.0*)?\s*", weight) is None
    return (coding for coding in CODINGS if wanted.get(coding.name))


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
