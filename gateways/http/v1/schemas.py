"""The models of /v1 as components of the API document, as pydantic itself describes them: with
every rule of a member, and with unions and their discriminators."""

import re
from collections.abc import Iterable, Iterator
from inspect import isclass
from typing import Any, get_args

import orjson
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

REF = "#/components/schemas/"


def handlers(app: Litestar) -> dict[str, HTTPRouteHandler]:
    """Operation id → handler."""
    return {
        str(handler.operation_id): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.operation_id
    }


def components(of: Iterable[HTTPRouteHandler]) -> dict[str, Any]:
    """Name → schema of every model that the handlers take or give."""
    models = list(dict.fromkeys(model for handler in of for model in _models_of(handler)))
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF + "{model}"
    )
    text = orjson.dumps(found.get("$defs", {}))
    schemas: dict[str, Any] = orjson.loads(_short_names(text))
    return {name: _without_titles(schema) for name, schema in schemas.items()}


def _models_of(handler: HTTPRouteHandler) -> Iterator[type[BaseModel]]:
    yield from _models_in(handler.parsed_return_field.annotation)
    if handler.parsed_data_field is not None:
        yield from _models_in(handler.parsed_data_field.annotation)
    for spec in (handler.responses or {}).values():
        yield from _models_in(spec.data_container)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _short_names(schemas: bytes) -> bytes:
    """Where two models share a name, pydantic puts their modules before it: what is stored keeps
    the name, what is taken is new."""
    taken = re.sub(rb"\bdomain__\w+?__([A-Z]\w*)", rb"New\1", schemas)
    return re.sub(rb"\b(?:events|gateways)__\w+?__([A-Z]\w*)", rb"\1", taken)


def _without_titles(node: Any) -> Any:
    """Pydantic repeats each member's name as its title."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {name: _without_titles(value) for name, value in node.items()}
    for schema in (*found.get("properties", {}).values(), found.get("items")):
        if isinstance(schema, dict) and isinstance(schema.get("title"), str):
            del schema["title"]
    return found
