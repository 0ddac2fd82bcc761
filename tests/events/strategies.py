"""Any fact at all, for properties: every member of every part, also those with a default."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from events.base import Fact, Value
from events.catalogue import CATALOGUE
from events.resources import FlowNode

_TEXT = st.text(max_size=8)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def _parts(model: type[Value]) -> Iterator[type[Value]]:
    for part in model.__subclasses__():
        yield part
        yield from _parts(part)


def _every_member(model: type[Value]) -> st.SearchStrategy[Any]:
    members: dict[str, Any] = dict.fromkeys(model.model_fields, ...)
    if issubclass(model, FlowNode):
        members["position"] = st.none() | st.dictionaries(_TEXT, _FLOATS, max_size=2)
        members["data"] = st.dictionaries(_TEXT, _JSON, max_size=3)
    return st.builds(model, **members)


for _part in _parts(Value):
    if _part.__module__.startswith("events."):
        st.register_type_strategy(_part, _every_member(_part))


def facts_named(name: str) -> st.SearchStrategy[Fact]:
    return st.from_type(CATALOGUE[name])
