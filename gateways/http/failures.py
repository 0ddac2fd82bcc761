"""What a Litestar app does with refusals and errors: problem+json, whatever happened."""

import logging
from typing import Any

import orjson
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.types import ExceptionHandlersMap

from commands.store import StoreDown
from domain.errors import Fault, Invalid, NotFound, Refusal, Unavailable
from gateways import problems

log = logging.getLogger("callplane.http")


def _refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
    return Response(
        orjson.dumps(problems.body_of(refusal, request.url.path)),
        status_code=problems.status_of(refusal).code,
        media_type=problems.MEDIA_TYPE,
        headers=problems.headers_of(refusal),
    )


def _store_down(request: Request[Any, Any, Any], _: StoreDown) -> Response[Any]:
    return _refused(request, Unavailable("the store does not answer"))


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """Litestar's findings as faults with JSON pointers."""
    found = error.extra if isinstance(error.extra, list) else []
    if [one.get("message") for one in found if isinstance(one, dict)] == ["'data'"]:
        return _refused(request, Invalid("there is no body, and a JSON object is needed"))
    faults = [
        Fault("/" + str(one.get("key", "")).replace(".", "/"), str(one.get("message", "")))
        for one in found
        if isinstance(one, dict)
    ]
    return _refused(request, Invalid("the request is not valid", faults))


def _not_found(request: Request[Any, Any, Any], _: NotFoundException) -> Response[Any]:
    return _refused(request, NotFound(f"no {request.url.path}"))


def _not_allowed(
    request: Request[Any, Any, Any], error: MethodNotAllowedException
) -> Response[Any]:
    refusal = problems.MethodNotAllowed(f"{request.url.path} does not take {request.method}")
    answer = _refused(request, refusal)
    answer.headers["Allow"] = (error.headers or {}).get("allow", "")
    return answer


def _other(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Anything else that Litestar refuses: a body that is too large, is no JSON, …"""
    kinds = {413: problems.TooLarge, 415: problems.UnsupportedMediaType}
    kind = kinds.get(error.status_code, Invalid)
    if error.status_code >= 500:
        return _unexpected(request, error)
    return _refused(request, kind(error.detail))


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    path = request.scope.get("path_template", "other")  # as it was sent it may hold a number
    log.error("%s %s failed", request.method, path, exc_info=error)
    return _refused(request, Refusal("something went wrong inside"))


PROBLEM_HANDLERS: ExceptionHandlersMap = {
    Refusal: _refused,
    StoreDown: _store_down,
    ValidationException: _invalid,
    NotFoundException: _not_found,
    MethodNotAllowedException: _not_allowed,
    HTTPException: _other,
    Exception: _unexpected,
}
