"""webhook: ask a server of the customer's. A gateway makes the request between two steps.

What comes back is kept under `saveAs`: the text, and of a JSON object its plain members
(``{{crm.name}}``).
"""

from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from pydantic import AfterValidator, Field

from domain.flow import template
from domain.flow.node import Done, Next, NodeData, Variable, Visit, Wait
from events.flow import Request

MAX_SAVED = 50
"""Members of an answer that become variables."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
_OURS = {"host", "content-length", "transfer-encoding", "connection"}


def _one_line(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("has a character that no header may have")
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    if taken := sorted(name for name in value if name.lower() in _OURS):
        raise ValueError(f"{', '.join(taken)} cannot be set")
    return value


HeaderValue = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]


class Webhook(NodeData):
    kind: Literal["webhook"]
    url: Annotated[
        str, Field(max_length=2000, pattern=r"^https?://[A-Za-z0-9.\[\]:-]+([/?][^\s#@]*)?$")
    ]
    """Variables may stand behind the host."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: Annotated[
        dict[HeaderName, HeaderValue], Field(max_length=20), AfterValidator(_headers)
    ] = Field(default={})
    secretRef: Annotated[str, Field(pattern=r"^sec_[0-9a-z]{26}$")] | None = None
    bodyTemplate: Annotated[str, Field(max_length=template.MAX_TEXT)] | None = None
    timeoutMs: Annotated[int, Field(ge=100, le=10_000)] = 2_000
    saveAs: Variable | None = None
    outcomes = ("ok", "error")
    waits = False


def run(node: Webhook, visit: Visit) -> Next:
    if visit.answer is None:
        return Wait(_request(node, visit))
    if visit.answer.outcome != "ok":
        visit.note = visit.answer.data.get("reason", visit.answer.outcome)[:200]
        return Done("error")
    if node.saveAs is not None:
        _save(node.saveAs, visit.answer.data.get("body", ""), visit)
    return Done("ok")


def _request(node: Webhook, visit: Visit) -> Request:
    values = visit.variables
    body = None
    if node.bodyTemplate is not None:
        body = template.render(node.bodyTemplate, values, _inside_json)
    elif node.method != "GET":
        plain = {name: value for name, value in values.items() if name not in visit.secrets}
        body = orjson.dumps({"callId": visit.context.call_id, "vars": plain}).decode()
    return Request(
        url=template.render(node.url, values, lambda value: quote(value, safe="")),
        method=node.method,
        headers={
            name: template.render(value, values, _inside_header)
            for name, value in node.headers.items()
        },
        body=body,
        timeout_ms=node.timeoutMs,
        secret_ref=node.secretRef,
    )


def _inside_json(value: str) -> str:
    return orjson.dumps(value).decode()[1:-1]


def _inside_header(value: str) -> str:
    return "".join(c for c in value if c.isascii() and c.isprintable())


def _save(name: str, body: str, visit: Visit) -> None:
    visit.set(name, body)
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for member, value in list(found.items() if isinstance(found, dict) else ())[:MAX_SAVED]:
        if isinstance(value, str | int | float) and len(full := f"{name}.{member}") <= 64:
            visit.set(full, str(int(value) if isinstance(value, bool) else value))
