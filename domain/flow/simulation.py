"""What if: a flow, a moment and a script of outcomes; nothing is recorded (spec 04)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from domain.directory import body_of, flow_of
from domain.errors import Fault, NotFound
from domain.flow import interpreter, targets, validation
from domain.flow.interpreter import Stepped
from domain.flow.node import Answer, Context
from events.base import CallId
from events.flow import FlowCommand, Frame
from events.resources import CallFlow

CALL_ID = CallId("simulated")


class Simulation(NamedTuple):
    flow_id: str
    flow_version: int
    steps: tuple[tuple[Answer | None, Stepped], ...]
    """Each with the outcome that it answers; the first is the start."""
    variables: dict[str, str]
    unused: tuple[Answer, ...]
    """Outcomes of the script for which the call was over."""
    warnings: tuple[Fault, ...]


def run(
    context: Context,
    flow_id: str,
    version: int | None,
    script: Sequence[Answer],
    given: Mapping[str, str],
) -> Simulation:
    """Step through a version (None: what is worked on). Raises NotFound."""
    wanted = _draft_of(context, flow_id) if version is None else version
    graph = None if wanted is None else targets.graph_of(context, flow_id, wanted)
    if graph is None or wanted is None:
        raise NotFound(f"no flow {flow_id}" + ("" if version is None else f" v{version}"))
    frames: tuple[Frame, ...] = (Frame(flow_id=flow_id, flow_version=wanted, node_id=graph.start),)
    variables, steps = dict(given), list[tuple[Answer | None, Stepped]]()
    ahead: list[Answer | None] = [None, *script]
    while ahead and frames:
        answer = ahead.pop(0)
        stepped = interpreter.advance(context, frames, variables, answer, len(steps) + 1)
        steps.append((answer, stepped))
        frames, variables = stepped.frames, {**variables, **stepped.kept}
    unused = tuple(answer for answer in ahead if answer is not None)
    flow = flow_of(context.directory, flow_id, wanted)
    warnings = validation.warnings(flow.model_dump()) if flow else ()
    return Simulation(flow_id, wanted, tuple(steps), variables, unused, tuple(warnings))


def _draft_of(context: Context, flow_id: str) -> int | None:
    draft = body_of(context.directory, flow_id, CallFlow)
    return draft.version if draft else targets.version_of(context.directory, flow_id)


def shown(found: Simulation, wired: Callable[[FlowCommand], dict[str, Any]]) -> dict[str, Any]:
    """As JSON; `wired` gives a command its form on the wire."""
    return {
        "flow_id": found.flow_id,
        "version": found.flow_version,
        "steps": [
            {
                "seq": number,
                "outcome": answer.outcome if answer and not stepped.hides_answer else None,
                "path": [visited._asdict() for visited in stepped.path],
                "command": wired(stepped.stored),
            }
            for number, (answer, stepped) in enumerate(found.steps, 1)
        ],
        "variables": found.variables,
        "ended": not found.steps[-1][1].frames,
        "unused": [answer.outcome for answer in found.unused],
        "warnings": [fault._asdict() for fault in found.warnings],
    }
