"""How strictly a request is read.

A body is what JSON says that it is: a number in quotes is a text and no number, a truth value is no
number; all that is wrong is named at once. In a query there is no null.
"""

from collections.abc import Callable
from functools import lru_cache
from inspect import isclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.plugins.pydantic import PydanticInitPlugin
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from typing_extensions import TypeIs

from domain.errors import Fault, Invalid
from domain.rules import faults_of


class StrictBodies(PydanticInitPlugin):
    """Litestar's way to pydantic, but for how a body is read."""

    @classmethod
    def decoders(
        cls,
        validate_strict: bool = True,  # noqa: ARG003 - it is
    ) -> list[tuple[Callable[[Any], bool], Callable[[Any, Any], Any]]]:
        return [(_is_model, _decoded)]


def _is_model(wanted: Any) -> TypeIs[type[BaseModel]]:
    return isclass(wanted) and issubclass(wanted, BaseModel)


def _decoded(model: type[BaseModel], value: Any) -> BaseModel:
    """By way of JSON, where a list may be a tuple and a text a date, strictly all the same."""
    try:
        return model.model_validate_json(to_json(value), strict=True)
    except ValidationError as error:
        raise Invalid("the request is not valid", faults_of(error)) from None


def no_nulls(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: what is read as None where it is no text, as if it were not there."""
    asked = connection.query_params
    faults = [
        Fault(f"/{name}", "null is no value here")
        for name in _nullable(handler)
        if str(asked.get(name, "")).lower() == "null"
    ]
    if faults:
        raise Invalid("the request is not valid", faults)


@lru_cache(maxsize=1_000)
def _nullable(handler: BaseRouteHandler) -> tuple[str, ...]:
    """The parameters that may be left out and are no texts."""
    return tuple(
        getattr(field.kwarg_definition, "name", None) or field.name
        for field in handler.parsed_fn_signature.parameters.values()
        if field.is_optional and not any(inner.annotation is str for inner in field.inner_types)
    )
