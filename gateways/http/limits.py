"""Rate limits of /v1: how often a credential may ask, and how often an address without a good one.

Each process counts for itself: of N gateways a client gets up to N times the rate, and no request
waits for a count. Who shows a credential that was good here before pays from its own bucket.
Anybody else (no credential, a wrong one, one not seen here yet) pays from his address's, before the
store is asked, and gets it back when the credential turns out to be good. So guessing comes to an
end, and who shares an address with a guesser goes on working.

Every answer has `RateLimit-Limit` (tokens in a full bucket), `RateLimit-Remaining` and
`RateLimit-Reset` (seconds until it is full): the fields of draft-ietf-httpapi-ratelimit-headers up
to revision 06, which clients read; later revisions have other fields in every other one of them.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

import orjson
from litestar.types import Message, Receive, Scope, Send

from gateways import metrics, problems
from gateways.addresses import Network, client_address
from gateways.http.buckets import Buckets, Level
from gateways.http.visits import Asgi
from gateways.problems import TooManyRequests

PREFIX = "/v1"


MAX_KNOWN = 10_000
"""Credentials that are remembered as good."""


@dataclass(frozen=True, slots=True)
class Limits:
    principals: Buckets
    """By the id of the key, or of who has logged in."""
    strangers: Buckets
    """By address."""
    proxies: tuple[Network, ...]
    """Those whose X-Forwarded-For is believed."""
    known: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """Hash of a credential that was good here → the principal's id."""

    def remember(self, credential: str, principal_id: str) -> None:
        self.known[credential] = principal_id
        self.known.move_to_end(credential)
        if len(self.known) > MAX_KNOWN:
            self.known.popitem(last=False)


def limited(app: Asgi, limits: Limits) -> Asgi:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == PREFIX or scope["path"].startswith(PREFIX + "/"):
            await _Visit(app, limits, scope).serve(receive, send)
        else:
            await app(scope, receive, send)

    return serve


class _Visit:
    """One request."""

    def __init__(self, app: Asgi, limits: Limits, scope: Scope) -> None:
        self._app = app
        self._limits = limits
        self._scope = scope
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        self._credential = _credential(dict(headers))
        self._address = _address(scope, headers, limits.proxies)
        self._principal_id = limits.known.get(self._credential)
        self._buckets = limits.principals if self._principal_id else limits.strangers
        self._send: Send
        self._level: Level

    async def serve(self, receive: Receive, send: Send) -> None:
        self._send = send
        self._level = self._buckets.take(self._principal_id or self._address, time.monotonic())
        if self._level.is_taken:
            await self._app(self._scope, receive, self._pass_on)
        else:
            await self._refuse()

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._learn(message["status"])
            message["headers"] = [*message["headers"], *self._headers()]
        await self._send(message)

    def _learn(self, status: int) -> None:
        """What the answer says about the credential."""
        limits, principal = self._limits, self._scope["state"].get("principal")
        if status == 401:
            limits.known.pop(self._credential, None)
        elif principal is not None:
            limits.remember(self._credential, principal.id)
            if not self._principal_id:
                self._now_known_as(principal.id)

    def _now_known_as(self, principal_id: str) -> None:
        """The address gets its token back, unless the principal's own bucket is empty."""
        self._buckets = self._limits.principals
        self._level = self._buckets.take(principal_id, time.monotonic())
        if self._level.is_taken:
            self._limits.strangers.give_back(self._address)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if not self._buckets.rate:
            return []
        fields = {
            b"ratelimit-limit": self._buckets.burst,
            b"ratelimit-remaining": self._level.left,
            b"ratelimit-reset": self._level.full_in,
        }
        return [(name, str(value).encode()) for name, value in fields.items()]

    async def _refuse(self) -> None:
        metrics.RATE_LIMITED.labels("credential" if self._principal_id else "address").inc()
        whose = "with this credential" if self._principal_id else "without a good credential"
        detail = f"more than {self._buckets.rate:g} requests a second {whose}"
        refusal = TooManyRequests(detail, retry_after=self._level.next_in)
        headers = [
            (n.lower().encode(), v.encode()) for n, v in problems.headers_of(refusal).items()
        ]
        headers += [(b"content-type", problems.MEDIA_TYPE.encode()), *self._headers()]
        body = orjson.dumps(problems.body_of(refusal, self._scope["path"]))
        headers.append((b"content-length", str(len(body)).encode()))
        status = problems.status_of(refusal).code
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _credential(headers: dict[str, str]) -> str:
    """What is shown; hashed, so that none lies in memory."""
    shown = headers.get("x-api-key") or headers.get("authorization", "")
    return sha256(shown.encode()).hexdigest()


def _address(scope: Scope, headers: list[tuple[str, str]], proxies: tuple[Network, ...]) -> str:
    """Where the request comes from. Of IPv6 the /64, which is what one host has at least."""
    client = scope.get("client")
    peer = client[0] if client else ""
    forwarded = [value for name, value in headers if name == "x-forwarded-for"]
    text = client_address(peer, forwarded, proxies)
    try:
        address = ip_address(text)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)
