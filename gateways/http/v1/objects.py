"""Bytes over /v1: a body as it arrives, an object as it is read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat
from litestar.response import Stream

from domain.errors import Invalid
from gateways.http import objects
from gateways.media.objects import ObjectStore
from gateways.problems import TooLarge

AUDIO = tuple(dict.fromkeys(one for one in objects.TYPES.values() if one.startswith("audio/")))
BINARY = "application/octet-stream"
"""What the API document says of an answer with audio; the answer itself names the format."""


@dataclass
class AudioUpload(Operation):
    """The API document says that the body is audio."""

    def __post_init__(self) -> None:
        audio = OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        )
        types = ("audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/mp4", "audio/basic")
        self.request_body = RequestBody(content=dict.fromkeys(types, audio), required=True)


async def sent(request: Request[Any, Any, Any], limit: int) -> AsyncIterator[bytes]:
    """The body, chunk by chunk; Invalid when it breaks off."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except HTTPException:
        raise Invalid("the body broke off") from None


async def shown(store: ObjectStore, key: str, request: Request[Any, Any, Any]) -> Stream:
    headers = {name.lower(): value for name, value in request.headers.items()}
    found = await objects.serve(store, key, headers, request.method)
    length = {} if found.status == 304 else {"Content-Length": str(found.body.length)}
    return Stream(
        found.body.chunks,
        status_code=found.status,
        headers={**found.headers, **length, "Content-Type": found.media_type},
    )
