"""condition: the first row that holds decides."""

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from domain.flow import pattern, template
from domain.flow.node import Done, Next, NodeData, Text, Variable, Visit
from domain.flow.pattern import BadPattern

Operator = Literal["eq", "ne", "lt", "gt", "matches", "in", "exists"]


class ConditionRow(BaseModel):
    """`value` may speak of variables; of `in` it is a list, or a text with commas."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    variable: Variable
    op: Operator
    value: str | int | float | Annotated[list[Text], Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.op != "exists" and self.value is None:
            raise ValueError(f"{self.op} needs a value")
        if isinstance(self.value, list) and self.op != "in":
            raise ValueError(f"{self.op} takes no list")
        if self.op == "matches":
            pattern.compiled(str(self.value))
        return self

    @property
    def effort(self) -> int:
        if self.op == "matches":
            return pattern.compiled(str(self.value)).work
        return len(self.value) if isinstance(self.value, list) else 1


class Condition(NodeData):
    kind: Literal["condition"]
    expression: Annotated[
        list[ConditionRow],
        Field(min_length=1, max_length=50, validation_alias=AliasChoices("expression", "rows")),
    ]
    outcomes = ("else",)
    waits = False

    @property
    def effort(self) -> int:
        return sum(row.effort for row in self.expression)

    def emits(self, handle: str) -> bool:
        place = handle.removeprefix("match:")
        is_row = place != handle and place.isdecimal() and int(place) < len(self.expression)
        return (is_row and place == str(int(place))) or super().emits(handle)


def run(node: Condition, visit: Visit) -> Next:
    for place, row in enumerate(node.expression):
        if _holds(row, visit.variables):
            return Done(f"match:{place}")
    return Done("else")


def _holds(row: ConditionRow, variables: dict[str, str]) -> bool:
    if row.op == "exists":
        return bool(variables.get(row.variable))
    found = variables.get(row.variable, "")
    if row.op == "in":
        items = row.value if isinstance(row.value, list) else str(row.value).split(",")
        return found in [template.render(item, variables).strip() for item in items]
    if row.op == "matches":
        try:
            return pattern.matches(str(row.value), found)
        except BadPattern:
            return False
    return _compared(row.op, found, template.render(str(row.value), variables))


def _compared(op: str, found: str, wanted: str) -> bool:
    """As numbers where both are, else as texts."""
    here, there = _number(found), _number(wanted)
    left: Any = found if here is None or there is None else here
    right: Any = wanted if here is None or there is None else there
    match op:
        case "eq":
            return bool(left == right)
        case "ne":
            return bool(left != right)
        case "lt":
            return bool(left < right)
    return bool(left > right)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
