"""The one table from refusals to HTTP, and their form (RFC 9457, application/problem+json)."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from domain.errors import (
    Conflict,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PreconditionFailed,
    Refusal,
    Unavailable,
)
from gateways import about

MEDIA_TYPE = "application/problem+json"
OTHER_CLIENTS = ("/v1/analyze", "/v1/keys")
"""Paths whose clients look for an `error` (spec 10)."""
RETRY_AFTER = 1
"""Seconds after which an Unavailable or InFlight may be tried again."""


class Unauthenticated(Refusal):
    """No credential, or one that is unknown, revoked or expired."""


class TooLarge(Refusal):
    """The body is larger than what is taken."""


class UnsupportedMediaType(Refusal):
    """The body is neither JSON nor a form."""


class MethodNotAllowed(Refusal):
    """The path exists, but not for this method."""


class RangeNotSatisfiable(Refusal):
    """The object has no such bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the object has {size} bytes")
        self.size = size


class TooManyRequests(Refusal):
    """Asked too often; `retry_after` seconds later it may be asked again."""

    def __init__(self, detail: str, faults: Sequence[Fault] = (), retry_after: int = 60) -> None:
        super().__init__(detail, faults)
        self.retry_after = retry_after


class InFlight(Refusal):
    """The very same request is being carried out; a moment later its answer is there."""


class Unprocessable(Refusal):
    """Well formed, and contradicts what was said before."""


class NotImplementedHere(Refusal):
    """Another service answers this path."""


class Status(NamedTuple):
    code: int
    title: str


STATUS: dict[type[Refusal], Status] = {
    Invalid: Status(400, "Bad Request"),
    Unauthenticated: Status(401, "Unauthorized"),
    Forbidden: Status(403, "Forbidden"),
    NotFound: Status(404, "Not Found"),
    MethodNotAllowed: Status(405, "Method Not Allowed"),
    Conflict: Status(409, "Conflict"),
    InFlight: Status(409, "Conflict"),
    Gone: Status(410, "Gone"),
    PreconditionFailed: Status(412, "Precondition Failed"),
    TooLarge: Status(413, "Payload Too Large"),
    UnsupportedMediaType: Status(415, "Unsupported Media Type"),
    RangeNotSatisfiable: Status(416, "Range Not Satisfiable"),
    Unprocessable: Status(422, "Unprocessable Content"),
    TooManyRequests: Status(429, "Too Many Requests"),
    NotImplementedHere: Status(501, "Not Implemented"),
    Unavailable: Status(503, "Service Unavailable"),
}
INTERNAL = Status(500, "Internal Server Error")
_BY_NAME = {kind.__name__: kind for kind in STATUS}


def refusal_from(error: dict[str, Any]) -> Refusal:
    """The refusal that a worker sent over the bus."""
    kind = _BY_NAME.get(error["kind"])
    if kind is None:
        return Refusal("something went wrong inside; it is in the log")
    faults = [Fault(pointer, detail) for pointer, detail in error["faults"]]
    return kind(error["detail"], faults)


def status_of(refusal: Refusal) -> Status:
    return STATUS.get(type(refusal), INTERNAL)


def headers_of(refusal: Refusal) -> dict[str, str]:
    if isinstance(refusal, Unavailable | InFlight):
        return {"Retry-After": str(RETRY_AFTER)}
    if isinstance(refusal, RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{refusal.size}"}
    if isinstance(refusal, TooManyRequests):
        return {"Retry-After": str(refusal.retry_after)}
    if isinstance(refusal, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="callplane"'}
    return {}


def body_of(refusal: Refusal, instance: str) -> dict[str, Any]:
    """The problem's members; `errors` names each bad member by a JSON pointer, `requestId` the
    request in the log."""
    code, title = status_of(refusal)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": code,
        "detail": refusal.detail,
        "instance": instance,
    }
    if refusal.faults:
        body["errors"] = _errors(refusal.faults)
    if request_id := about.request_id():
        body["requestId"] = request_id
    if instance.startswith(OTHER_CLIENTS):
        body["error"] = refusal.detail
    return body


def _errors(faults: Iterable[Fault]) -> list[dict[str, str]]:
    return [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
