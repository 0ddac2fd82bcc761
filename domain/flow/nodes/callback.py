"""callback: be called back by the agents of a queue, when one is free."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.acd.callers import request_callback
from domain.directory import body_of
from domain.flow.node import Done, Id, Next, NodeData, Variable, Visit
from domain.numbers import normalise
from events.resources import Queue


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
    if node.queueId is None:
        visit.note = "nobody is free at a fixed number"
        return Done("failed")
    context = visit.context
    wanted = visit.variables.get(node.numberVariable or "", context.from_number)
    number = normalise(wanted, context.account.country)
    if number is None or body_of(context.directory, node.queueId, Queue) is None:
        visit.note = f"{wanted or 'an unknown caller'} cannot be called back"
        return Done("failed")
    if context.is_what_if:
        return Done("scheduled")
    desk = visit.center.desk
    request_callback(desk, context.call_id, node.queueId, number, context.node_id)
    visit.note = f"{number} waits in {node.queueId}"
    return Done("scheduled")
