"""How an operation of /v1 describes itself: its scope and its errors are in the API document."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from litestar.openapi.datastructures import ResponseSpec
from pydantic import BaseModel, Field

from gateways import problems
from gateways.http.v1.context import PUBLIC, SCOPE

RowId = Annotated[str, Field(max_length=64, pattern="^[!-~]*$")]
"""An id in a body: opaque, but no text that could not be one."""


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["the did is not valid"])
    instance: str = Field(examples=["/v1/numbers"])
    errors: list[dict[str, str]] | None = Field(
        default=None, examples=[[{"pointer": "/e164", "detail": "not a telephone number"}]]
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
        503: "Try again in a moment",
    }
)
_RARE = _problems(
    {
        413: "The body is larger than what is taken",
        415: "That is not audio",
        416: "The object has no such bytes",
    }
)


def operation(
    id: str,
    summary: str,
    scope: str | None = None,
    more: Iterable[int] = (),
    is_public: bool = False,
) -> dict[str, Any]:
    """Arguments of a Litestar handler: name, summary, needed scope, error responses, and those that
    only this one has."""
    needs = f"Needs the scope `{scope}`." if scope else "Any credential may use it."
    return {
        "operation_id": id,
        "summary": summary,
        "description": f"{summary}. {'Needs no credential.' if is_public else needs}",
        "opt": {SCOPE: scope, PUBLIC: is_public},
        "responses": {**PROBLEMS, **{status: _RARE[status] for status in more}},
    }
