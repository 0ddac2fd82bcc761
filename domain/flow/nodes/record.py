"""record: what the caller says, its key in a variable."""

from typing import Annotated, Literal

from pydantic import Field

from domain.flow.node import (
    DEFAULT,
    Done,
    Flag,
    Next,
    NodeData,
    Seconds,
    Variable,
    Visit,
    Wait,
    recording_key,
)
from events.flow import Record as RecordCommand


class Record(NodeData):
    kind: Literal["record"]
    maxSec: Annotated[int, Field(ge=1, le=7_200)]
    silenceSec: Seconds | None = None
    beep: Flag = 1
    variable: Variable
    outcomes = (DEFAULT, "silence")


def run(node: Record, visit: Visit) -> Next:
    if visit.answer is None:
        key = recording_key(visit, "rec", f"-{visit.seq}")
        visit.set(node.variable, key)
        silence = (node.silenceSec or 0) * 1000
        command = RecordCommand(
            key=key, max_ms=node.maxSec * 1000, silence_ms=silence, beep=node.beep
        )
        return Wait(command)
    if visit.answer.outcome in ("silence", "timeout"):
        visit.set(node.variable, "")
        return Done("silence")
    return Done(DEFAULT)
