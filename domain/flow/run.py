"""How far a call is in its flow: folded from the steps, and all that the next one needs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from events.call import ORDERS, FlowStepped
from events.flow import FlowCommand, Frame

REMEMBERED = 10
"""Commands of a call that can be given once more: a lost reply never advances a call twice."""

MAX_VARIABLES = 500
"""Of one call; beyond that the oldest are forgotten."""
TRANSFER = "transfer:"
"""How the name of a flow begins that is a transfer."""
CONSULT, TARGET, HANDED, RECALL = "consult", "target", "handed", "recall"
"""The places of a call in such a flow (`transfers.py`)."""


class FlowRun(NamedTuple):
    flow_id: str
    """The flow that was started."""
    flow_version: int
    hop: int
    first: int
    """Number of its first command."""
    seq: int
    """Number of its last command, which the engine is carrying out."""
    frames: tuple[Frame, ...]
    """Empty: the flow is over."""
    variables: Mapping[str, str]
    commands: Mapping[int, FlowCommand]
    """The last ones, by number."""
    is_over: bool = False
    """Whether the caller has hung up; what is left of the flow needs no caller."""
    unasked: int = 0
    """Number of the last command that the engine has not asked for."""


def evolved(run: FlowRun | None, fact: FlowStepped) -> FlowRun:
    before: Mapping[int, FlowCommand] = {} if run is None else run.commands
    commands = {n: c for n, c in before.items() if n > fact.seq - REMEMBERED}
    commands[fact.seq] = fact.command
    if run is None or fact.reported is None:
        return FlowRun(
            fact.flow_id,
            fact.flow_version,
            fact.hop,
            fact.seq,
            fact.seq,
            fact.frames,
            fact.variables,
            commands,
        )
    variables = {**run.variables, **fact.variables}
    trim(variables)
    return run._replace(
        seq=fact.seq,
        frames=fact.frames,
        variables=variables,
        commands=commands,
        is_over=run.is_over or fact.reported == "hangup",
        unasked=fact.seq if fact.reported in ORDERS else run.unasked,
    )


def all_of(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Also those where the call goes on if a transfer comes to nothing."""
    for frame in frames:
        yield frame
        yield from all_of(frame.held)


def trim(variables: dict[str, str]) -> None:
    while len(variables) > MAX_VARIABLES:
        del variables[next(iter(variables))]
