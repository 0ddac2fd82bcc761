"""callback: call the caller back. There is nobody to do so yet, and the flow is told."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.flow.node import Done, Id, Next, NodeData, Variable, Visit


class Callback(NodeData):
    kind: Literal["callback"]
    queueId: Id | None = None
    number: Annotated[str, Field(max_length=64)] | None = None
    numberVariable: Variable | None = None
    outcomes = ("scheduled", "failed")
    waits = False
    pointers = (("queueId", "queue"),)

    @model_validator(mode="after")
    def _says_who_calls(self) -> Self:
        if (self.queueId is None) == (self.number is None):
            raise ValueError("names either queueId or number")
        return self


def run(node: Callback, visit: Visit) -> Next:
    visit.note = "no agent can be booked"
    return Done("failed")
