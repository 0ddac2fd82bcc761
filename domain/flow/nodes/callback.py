"""callback: be called back by the agents of a queue, when one is free.

Whom they call is a number of the flow's, what a variable holds, or else who has called. There is
always a queue: somebody has to talk.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.acd.callers import request_callback
from domain.directory import body_of
from domain.flow.node import Done, Id, Next, NodeData, Variable, Visit
from domain.numbers import normalise
from events.resources import Queue


class Callback(NodeData):
    kind: Literal["callback"]
    queueId: Id
    number: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """May hold variables."""
    numberVariable: Variable | None = None
    outcomes = ("scheduled", "failed")
    waits = False
    pointers = (("queueId", "queue"),)

    @model_validator(mode="after")
    def _says_whom_once(self) -> Self:
        if self.number is not None and self.numberVariable is not None:
            raise ValueError("names either number or numberVariable")
        return self


def run(node: Callback, visit: Visit) -> Next:
    context = visit.context
    wanted = visit.text(node.number) if node.number else context.from_number
    if node.numberVariable is not None:
        wanted = visit.variables.get(node.numberVariable, context.from_number)
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
