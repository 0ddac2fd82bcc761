"""What all operations have in common in the API document: rate limits, the request's id, and
Idempotency-Key on every POST that needs a credential."""

from copy import deepcopy
from typing import Any

from gateways import about
from gateways.http.v1.idempotency import HEADER, REPLAYED

_LIMITS = {
    "RateLimit-Limit": "Requests that may be made at once",
    "RateLimit-Remaining": "How many of them are left",
    "RateLimit-Reset": "Seconds until all of them are there again",
}
_REQUEST = "Names the request in the log: the one that it brought under this name, or a made one"
_AGAIN = "Seconds after which it may be asked again"
_SAME = "`true`: the request was made before, and this is the answer that it got"
_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Names the request, for 24 hours: made again with the same body under the same key, it gets"
        " the first answer and nothing happens twice. A good choice is a UUID."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "example": "5f0c7a4e-3b1d-4f6a-9c58-2a7d1e0b9f43",
}
_IN_FLIGHT = (
    "Contradicts what exists; or a request with this Idempotency-Key is under way: `Retry-After`"
    " is there"
)
_ANOTHER = "The Idempotency-Key was used for another path or body; `errors` names it"
_NEVER_KEPT = ("401", "422", "429", "503")
_TOO_OFTEN = "Asked too often; try again after `Retry-After` seconds"


def described(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI 3.0 document with these added."""
    components = document["components"]
    numbers = {**_LIMITS, "Retry-After": _AGAIN}
    headers = components.setdefault("headers", {})
    headers.update({name: _header(text, "integer") for name, text in numbers.items()})
    headers[about.HEADER] = _header(_REQUEST, "string")
    headers[REPLAYED] = _header(_SAME, "string")
    components.setdefault("parameters", {})[HEADER] = _KEY
    for item in document["paths"].values():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                _describe(operation, method == "post" and operation.get("security") != [])
    return document


def _describe(operation: dict[str, Any], has_key: bool) -> None:
    responses = operation["responses"]
    _problem(responses, "429", _TOO_OFTEN)
    if has_key:
        operation.setdefault("parameters", []).append(_ref("parameters", HEADER))
        _problem(responses, "409", _IN_FLIGHT)
        _problem(responses, "422", _ANOTHER)
    for status, response in responses.items():
        names = [*_LIMITS, about.HEADER]
        if status in ("429", "503") or (status == "409" and has_key):
            names.append("Retry-After")
        if has_key and status not in _NEVER_KEPT:
            names.append(REPLAYED)
        headers = {name: _ref("headers", name) for name in names}
        response["headers"] = {**(response.get("headers") or {}), **headers}


def _problem(responses: dict[str, Any], status: str, text: str) -> None:
    """A refusal in the form of those that every operation has."""
    responses[status] = {**deepcopy(responses["400"]), "description": text}


def _header(text: str, type: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": type}}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
