"""What a query may ask: a parameter that is not known, or is there twice, is refused.

A filter whose name is misspelt would otherwise be a list that is not filtered.
"""

from collections import Counter
from functools import cache
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import ParameterKwarg

from domain.errors import Fault, Invalid

_INJECTED = frozenset({"context", "caller", "request", "data", "body", "headers", "scope"})


def check_names(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Raises Invalid, with a fault for each parameter that `handler` does not take."""
    asked = Counter(name for name, _ in connection.query_params.multi_items())
    known = names_of(handler) - connection.path_params.keys()
    faults = [Fault(f"/{name}", "is not a parameter here") for name in asked if name not in known]
    faults += [
        Fault(f"/{name}", "is there more than once")
        for name, times in asked.items()
        if times > 1 and name in known
    ]
    if faults:
        raise Invalid("the request is not valid", faults)


@cache
def names_of(handler: BaseRouteHandler) -> frozenset[str]:
    """The query parameters of the handler's signature, and those that only its document names."""
    names = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        kwarg = field.kwarg_definition
        if not isinstance(kwarg, ParameterKwarg):
            names.add(name)
        elif kwarg.param_type is ParamType.QUERY:
            names.add(kwarg.name or name)
    if isinstance(handler, HTTPRouteHandler):
        documented = handler.operation_class().parameters or []
        names |= {one.name for one in documented if one.param_in == "query"}  # type: ignore[union-attr]
    return frozenset(names - _INJECTED)
