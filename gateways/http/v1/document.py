"""The API document: what Litestar knows of the operations and pydantic of the models, made whole.

Added here: which errors an operation of its shape can have, their examples and headers; the scope
for machines; an example of every body; where a new row is found; what each group is about.
"""

from typing import Any

import orjson
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Tag

from events.resources import KINDS
from gateways import problems
from gateways.http.v1 import schemas, webhooks
from gateways.http.v1.collections import COLLECTIONS, MEMBERS, QUEUES
from gateways.http.v1.context import PUBLIC, SCOPE
from gateways.http.v1.described import described
from gateways.http.v1.examples import Examples
from gateways.http.v1.objects import BINARY
from gateways.http.v1.openapi import to_3_0
from gateways.http.v1.operation import ALSO, MORE

Node = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
_GROUPS = {
    "Account": "The account itself, and the tree of accounts below a reseller's.",
    "Agent": "How agents are, what their time was worth, and what they do.",
    "Audit": "Who changed the configuration, when, from what to what.",
    "Calls": "The call log: one record per call, and every step of it.",
    "DNC": "Numbers that must not be called.",
    "Keys": "API keys of the account, and whom one speaks for.",
    "Session": "Console users who have logged in.",
    "Webhook": webhooks.ABOUT.strip(),
    "Security": "Bans and who is never banned; for operators of the platform.",
}
"""Tag → what it is about; of a collection that is what its rows are."""
_SUCCESS = {"200": "As asked", "201": "Made", "202": "Taken on; it goes on in the background"}
_OF_ERROR: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": "How to show a credential"},
}
"""Status → headers of such an answer."""
_DETAILS = {
    400: "the request is not valid",
    401: "the key is unknown, revoked or expired",
    403: "this needs the scope 'numbers'",
    404: "there is no such row",
    409: "14155550100 is taken",
    412: "the row is at version 3, not 2",
    413: "the body is larger than 65536 bytes",
    415: "text/html is not text/csv",
    416: "the object has 16044 bytes",
    422: "this Idempotency-Key was used for another request",
    429: "too many wrong PINs",
    503: "the store does not answer",
}
_FAULTS = {
    400: [{"pointer": "/e164", "detail": "not a telephone number"}],
    409: [{"pointer": "/e164", "detail": "is taken"}],
}


def tags() -> list[Tag]:
    rows = {
        one.title: (KINDS[one.kind].__doc__ or "").strip()
        for one in (QUEUES, MEMBERS, *COLLECTIONS)
    }
    groups = {**rows, **_GROUPS}
    return [Tag(name=name, description=groups[name]) for name in sorted(groups)]


def document(app: Litestar) -> Node:
    handlers = schemas.handlers(app)
    found = orjson.loads(orjson.dumps(app.openapi_schema.to_schema()))
    found["components"]["schemas"] |= schemas.components(handlers.values())
    found = to_3_0(found)
    shared = found["components"].setdefault("responses", {})
    examples = Examples(found["components"]["schemas"])
    for item in found["paths"].values():
        for method in item.keys() & set(METHODS):
            _say_scope(item[method], handlers[item[method]["operationId"]])
    described(found)
    for path, item in found["paths"].items():
        for method in item.keys() & set(METHODS):
            operation, handler = item[method], handlers[item[method]["operationId"]]
            _say_parameters(operation)
            _say_errors(path, method, operation, handler, shared)
            _say_other_types(operation, handler)
            _say_examples(operation, examples)
        _say_links(path, found["paths"])
    _prune(found)
    return found


def _say_scope(operation: Node, handler: HTTPRouteHandler) -> None:
    if scope := handler.opt.get(SCOPE):
        operation["x-required-scope"] = scope
    if handler.opt.get(PUBLIC):
        operation["security"] = []


def _say_parameters(operation: Node) -> None:
    """No parameter is null; its description stands once."""
    for parameter in operation.get("parameters", ()):
        if "$ref" in parameter:
            continue
        schema = parameter["schema"]
        schema.pop("nullable", None)
        if description := schema.pop("description", None):
            parameter.setdefault("description", description)
        if schema.get("enum"):
            schema["enum"] = [value for value in schema["enum"] if value is not None]
        for limit in ("minimum", "maximum"):
            if schema.get("type") == "integer" and limit in schema:
                schema[limit] = int(schema[limit])


def _say_errors(
    path: str, method: str, operation: Node, handler: HTTPRouteHandler, shared: Node
) -> None:
    names = {parameter.get("name") for parameter in operation.get("parameters", ())}
    has_key = method == "post" and operation.get("security") != []
    impossible = {
        404: "{" not in path,
        409: method == "get",
        412: "If-Match" not in names,
        413: "requestBody" not in operation,
    }
    for status, response in [*operation["responses"].items()]:
        code = int(status)
        if impossible.get(code) and code not in handler.opt.get(MORE, ()):
            del operation["responses"][status]
        elif code >= 400:
            name = _title(code).replace(" ", "") + ("OrInFlight" if has_key and code == 409 else "")
            shared.setdefault(name, _problem(code, response))
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
        elif code in (200, 201, 202):
            response["description"] = _SUCCESS[status]
            for header in response.get("headers", {}).values():
                header |= {"required": True, "schema": {"type": "string"}}


def _title(code: int) -> str:
    return next(status.title for status in problems.STATUS.values() if status.code == code)


def _problem(code: int, response: Node) -> Node:
    example: Node = {
        "type": "about:blank",
        "title": _title(code),
        "status": code,
        "detail": _DETAILS[code],
        "instance": "/v1/numbers",
    }
    if code in _FAULTS:
        example["errors"] = _FAULTS[code]
    content = {**response["content"][problems.MEDIA_TYPE], "example": example}
    headers = {
        name: {"description": text, "required": True, "schema": {"type": "string"}}
        for name, text in _OF_ERROR.get(code, {}).items()
    }
    found = {"description": response["description"], "content": {problems.MEDIA_TYPE: content}}
    return {**found, "headers": {**response.get("headers", {}), **headers}}


def _say_other_types(operation: Node, handler: HTTPRouteHandler) -> None:
    """Texts beside JSON; or audio of all kinds, of which a part may be asked for."""
    if not (others := handler.opt.get(ALSO, ())):
        return
    content = operation["responses"]["200"]["content"]
    whole = content.get(BINARY, {"schema": {"type": "string"}})
    content |= dict.fromkeys(others, whole)
    if BINARY in content:
        headers = operation["responses"]["200"]["headers"]
        operation["responses"] |= {
            "206": {"description": "The part of it", "content": content, "headers": headers},
            "304": {"description": "As it was when its ETag was that", "headers": headers},
        }


def _say_examples(operation: Node, examples: Examples) -> None:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == "application/json":
            content["example"] = examples.taken(content["schema"])
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            if status < "300" and media_type == "application/json":
                content["example"] = examples.given(content["schema"])


def _say_links(path: str, paths: Node) -> None:
    """The id of what was made is that of the path below."""
    made = paths[path].get("post", {}).get("responses", {}).get("201")
    below = paths.get(f"{path}/{{id}}")
    if made is None or below is None:
        return
    outer = {name: f"$request.path.{name}" for name in _names_in(path)}
    made["links"] = {
        below[method]["operationId"]: {
            "operationId": below[method]["operationId"],
            "parameters": {**outer, "id": "$response.body#/id"},
        }
        for method in METHODS
        if method in below
    }


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _prune(found: Node) -> None:
    """Components that nothing names."""
    schemas_ = found["components"]["schemas"]
    reached: set[str] = set()
    ahead = _refs({**found, "components": {"responses": found["components"]["responses"]}})
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead |= _refs(schemas_[name])
    found["components"]["schemas"] = {name: schemas_[name] for name in sorted(reached)}


def _refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        ref = node.get("$ref", "")
        own = {ref.removeprefix(schemas.REF)} if str(ref).startswith(schemas.REF) else set()
        return own.union(*map(_refs, node.values()))
    return set[str]().union(*map(_refs, node)) if isinstance(node, list) else set()
