"""setVariable: assignments, in order; a later one sees the earlier."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.flow import template
from domain.flow.node import DEFAULT, Done, Next, NodeData, Variable, Visit


class Assignment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Variable
    value: Annotated[str, Field(max_length=template.MAX_TEXT)]


class SetVariable(NodeData):
    kind: Literal["setVariable"]
    assignments: Annotated[list[Assignment], Field(min_length=1, max_length=50)]
    waits = False

    @property
    def effort(self) -> int:
        return len(self.assignments)


def run(node: SetVariable, visit: Visit) -> Next:
    for assignment in node.assignments:
        holds_secret = bool(template.names_in(assignment.value) & visit.secrets)
        visit.set(assignment.name, visit.text(assignment.value), is_secret=holds_secret)
    return Done(DEFAULT)
