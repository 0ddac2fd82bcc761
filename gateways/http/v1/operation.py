"""How an operation of /v1 describes itself: what it is called, what it needs, what may come back.

The API document (`document.py`) leaves out the errors that an operation of its shape cannot have.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from pydantic import BaseModel, Field

from gateways import problems
from gateways.http.v1.context import PUBLIC, SCOPE

RowId = Annotated[str, Field(min_length=1, max_length=64, pattern="^[!-~]*$")]
"""An id in a body: opaque, but no text that could not be one."""


class BadMember(BaseModel):
    pointer: str = Field(description="JSON pointer (RFC 6901)", examples=["/e164"])
    detail: str = Field(examples=["not a telephone number"])


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["the did is not valid"])
    instance: str = Field(examples=["/v1/numbers"])
    errors: list[BadMember] | None = None
    requestId: str | None = Field(  # noqa: N815 - the contract
        default=None, description="The request in the log: `X-Request-Id` of the answer"
    )
    error: str | None = Field(default=None, description="The `detail` again, under /v1/keys")


def _problems(texts: Mapping[int, str]) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            Problem,
            description=text,
            media_type=problems.MEDIA_TYPE,
            generate_examples=False,
        )
        for status, text in texts.items()
    }


PROBLEMS = _problems(
    {
        400: "A member is not valid; `errors` names it",
        401: "No credential, or one that is unknown, revoked or expired",
        403: "The credential lacks the scope",
        404: "No such thing in this account",
        409: "Contradicts what exists",
        412: "The row has changed since it was read",
        413: "The body is larger than what is taken",
        503: "Try again in a moment",
    }
)
_RARE = _problems(
    {
        415: "The body is of a type that is not taken",
        416: "The object has no such bytes",
    }
)


MORE = "more"
"""Name of a handler's option: statuses of errors that its shape does not tell."""
ALSO = "also"
"""Name of a handler's option: media types of its answer beside JSON."""
_HEADERS = {
    "ETag": "The row's version, for `If-Match`",
    "Location": "Path of what was made",
}


def operation(
    id: str,
    summary: str,
    scope: str | None = None,
    more: Iterable[int] = (),
    is_public: bool = False,
    *,
    headers: Iterable[str] = (),
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """Arguments of a Litestar handler: name, summary, needed scope, error responses, those that its
    shape does not tell (`more`), headers of its answer, other media types of it (`also`)."""
    needs = f"Needs the scope `{scope}`." if scope else "Any credential may use it."
    more = tuple(more)
    rare = {status: _RARE[status] for status in more if status in _RARE}
    return {
        "operation_id": id,
        "summary": summary,
        "description": f"{summary}. {'Needs no credential.' if is_public else needs}",
        "opt": {SCOPE: scope, PUBLIC: is_public, MORE: more, ALSO: tuple(also)},
        "responses": {**PROBLEMS, **rare},
        "response_headers": [
            ResponseHeader(name=name, description=_HEADERS[name], documentation_only=True)
            for name in headers
        ],
    }
