"""Members that are one of several shapes, told apart by their `kind`: what the API document says of
them. What is checked is said by `domain/rules` and `domain/flow`, which name all faults at once."""

import sys
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, Field, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from domain.flow.node import NodeData
from domain.flow.nodes import KINDS
from domain.rules.center import ScheduleRule
from domain.rules.members import Date
from events import resources


class Documented:
    """Beside a type: the document shows another one."""

    def __init__(self, shown: Any) -> None:
        self.shown = shown

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(TypeAdapter(self.shown).core_schema)


def _node(kind: str, data: type[NodeData]) -> type[NodeData]:
    """The data of a node under a name of its own, with the handles that it has."""
    about = (sys.modules[data.__module__].__doc__ or "").strip()
    ends = ", ".join(f"`{outcome}`" for outcome in data.outcomes)
    text = f"{about}\n\nOutcomes: {ends or 'none, it is an end'}."
    more: dict[str, Any] = {}
    if kind == "webhook":
        secret = Field(
            default=None,
            max_length=2000,
            description="whsec_ and base64; signs the request. The node keeps a `secretRef`.",
            json_schema_extra={"writeOnly": True},
        )
        more["secret"] = (str | None, secret)
    name = f"{kind[0].upper()}{kind[1:]}Node"
    return create_model(name, __base__=data, __doc__=text, **more)


NODES = {kind: _node(kind, one.data) for kind, one in KINDS.items()}


class FlowNode(BaseModel):
    """A node as React Flow has it. What it does is said by `data.kind`."""

    id: str = Field(min_length=1, max_length=64)
    type: str = Field(description="The builder's; by custom the same as `data.kind`")
    position: dict[str, float] | None = Field(default=None, examples=[{"x": 0, "y": 120}])
    data: Annotated[Union[tuple(NODES.values())], Field(discriminator="kind")]  # noqa: UP007


class WeeklyRule(ScheduleRule):
    """A day of each week."""

    kind: Literal["weekly"]
    dow: int = Field(ge=0, le=6, description="0: Sunday")


class DateRule(ScheduleRule):
    """One day: a holiday."""

    kind: Literal["date"]
    start_date: Date


class DateRangeRule(ScheduleRule):
    """From a day to another."""

    kind: Literal["date_range"]
    start_date: Date
    end_date: Date = Field(description="Not before `start_date`")


Rule = Annotated[WeeklyRule | DateRule | DateRangeRule, Field(discriminator="kind")]

UNIONS: dict[tuple[str, str], Any] = {
    ("call_flow", "nodes"): list[FlowNode],
    ("call_flow", "edges"): list[resources.FlowEdge],
    ("time_schedule", "rules"): Annotated[list[Rule], Field(max_length=1000)],
}
"""Kind of row and member → its documented type."""
