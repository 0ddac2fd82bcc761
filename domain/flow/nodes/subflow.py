"""subflow: through another flow, and back."""

from typing import Annotated, Literal

from pydantic import Field

from domain.flow import template
from domain.flow.node import DEFAULT, Enter, Id, Next, NodeData, Variable, Visit


class Subflow(NodeData):
    kind: Literal["subflow"]
    flowId: Id
    vars: Annotated[
        dict[Variable, Annotated[str, Field(max_length=template.MAX_TEXT)]], Field(max_length=50)
    ] = Field(default={})
    outcomes = (DEFAULT, "error")
    waits = False
    pointers = (("flowId", "call_flow"),)


def run(node: Subflow, visit: Visit) -> Next:
    for name, value in node.vars.items():
        holds_secret = bool(template.names_in(value) & visit.secrets)
        visit.set(name, visit.text(value), is_secret=holds_secret)
    return Enter(node.flowId)
