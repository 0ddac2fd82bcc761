"""What a call may be told now: the decisions behind POST /flow (spec 04, The loop).

The number of a command names it: an engine that reports the outcome of command 3 gets command 4,
and gets command 4 again, without anything happening, when it reports the outcome of 3 once more.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain import capacity
from domain.acd.floor import FloorFact
from domain.call import CallSession
from domain.capacity import CapacityFact
from domain.errors import Conflict, Fault, Gone, Invalid, NotFound
from domain.flow import interpreter, legs, targets, template
from domain.flow.interpreter import Stepped
from domain.flow.node import Answer, Context
from domain.flow.run import REMEMBERED, FlowRun
from events.base import Fact, Millis
from events.call import ORDERS, FlowStepped, RunFlow
from events.flow import FlowCommand, Frame, Noop, Request

MAX_COMMANDS = 5_000
"""Commands of one call; then it is hung up."""


class Told(NamedTuple):
    """What the engine is told, and the fact of it (none when it was told so before)."""

    seq: int
    command: FlowCommand
    facts: list[FlowStepped]
    floor: list[FloorFact]
    """Facts of the contact center."""
    channels: Sequence[CapacityFact] = ()
    look_at: Millis | None = None
    """When to ask again even if nothing happens (a `Noop`)."""

    @property
    def all_facts(self) -> list[Fact]:
        return [*self.facts, *self.channels, *self.floor]


def start(session: CallSession, context: Context, flow_id: str, given: Mapping[str, str]) -> Told:
    """The first command of a flow. Refuses a call that is unknown (NotFound) or over (Gone)."""
    must_be_owned(session, context)
    must_be_open(session)
    hop, run = len(session.hops), session.flow
    if run is not None and (run.flow_id, run.hop) == (flow_id, hop):
        seq = run.first if run.first in run.commands else run.seq
        return Told(seq, run.commands[seq], [], [])
    directed = _directed(session, flow_id)
    variables = _kept({**(directed.vars if directed else {}), **given})
    frame = _begin(context, flow_id, directed.flow_version if directed else None)
    seq = run.seq + 1 if run else 1
    before = run.frames if run else ()
    stepped = interpreter.advance(context, (frame,), variables, None, seq, before=before)
    began = stepped._replace(kept={**variables, **stepped.kept})
    return told(session, context, frame, seq, None, _kept(given), began)


def step(session: CallSession, context: Context, answer: Answer, seq: int | None) -> Told:
    """The command after the one with number `seq` (None: the last). Refuses as `start` does, a
    flow that is over (Gone), and a number that was never given, or too long ago (Conflict)."""
    if answer.outcome in ORDERS:
        raise Invalid("no such outcome", [Fault("/outcome", "is none of an engine's")])
    must_be_owned(session, context)
    run = session.flow
    if run is None:
        must_be_open(session)
        raise NotFound(f"no flow runs in call {session.call_id}")
    last = run.commands[run.seq]
    if answer.outcome != "hangup" and not isinstance(last, Request):
        must_be_open(session)
    if seq is not None and seq != run.seq and not _is_end(run, answer, seq):
        return _again(run, seq)
    if not run.frames:
        raise Gone(f"the flow of call {session.call_id} is over")
    if isinstance(last, Request) and answer.outcome not in ("ok", "error", "hangup"):
        return Told(run.seq, last, [], [])  # an engine asks again while a gateway is at it
    answer = Answer(answer.outcome, _kept(answer.data))
    over = session.outcome is not None or run.is_over
    stepped = interpreter.advance(
        context, run.frames, run.variables, answer, run.seq + 1, is_over=over
    )
    if isinstance(stepped.command, Noop):
        return Told(run.seq, stepped.command, [], stepped.floor, look_at=stepped.look_at)
    if why := _is_endless(run, stepped):
        stepped = interpreter.give_up(context, run.frames, why)
    outcome, data = _recorded(answer, stepped)
    return told(session, context, run.frames[0], run.seq + 1, outcome, data, stepped)


def _begin(context: Context, flow_id: str, version: int | None) -> Frame:
    """The version that was decided when the call was routed, else the one that is live."""
    for wanted in (version, targets.version_of(context.directory, flow_id)):
        graph = None if wanted is None else targets.graph_of(context, flow_id, wanted)
        if graph is not None and wanted is not None:
            return Frame(flow_id=flow_id, flow_version=wanted, node_id=graph.start)
    raise NotFound(f"no published flow {flow_id}")


def must_be_owned(session: CallSession, context: Context) -> None:
    if session.account_id != context.office.account_id:
        raise NotFound(f"no call {session.call_id}")


def must_be_open(session: CallSession) -> None:
    if session.outcome is not None:
        raise Gone(f"call {session.call_id} is over")


def _directed(session: CallSession, flow_id: str) -> RunFlow | None:
    """The latest decision that sent the call into this flow: it says which version."""
    for hop in reversed(session.hops):
        if isinstance(hop.directive, RunFlow) and hop.directive.flow_id == flow_id:
            return hop.directive
    return None


def _again(run: FlowRun, seq: int) -> Told:
    known = run.commands.get(seq + 1)
    if known is None:
        raise Conflict(f"command {seq} is not the last one, {run.seq}")
    return Told(seq + 1, known, [], [])


def _is_end(run: FlowRun, answer: Answer, seq: int) -> bool:
    """The caller has hung up before the engine has heard of a command that it has not asked for: no
    answer to a question, but the end all the same."""
    return answer.outcome == "hangup" and seq < run.unasked and bool(run.frames)


def _kept(data: Mapping[str, str]) -> dict[str, str]:
    return {name: value[: template.MAX_TEXT] for name, value in data.items()}


def _recorded(answer: Answer, stepped: Stepped) -> tuple[str, dict[str, str]]:
    """Outcome and data as facts may hold them."""
    if not stepped.hides_answer:
        return answer.outcome, dict(answer.data)
    outcome = f"digit:{template.MASK}" if answer.outcome.startswith("digit:") else answer.outcome
    return outcome, dict.fromkeys(answer.data, template.MASK)


def _is_endless(run: FlowRun, stepped: Stepped) -> str:
    """Why the flow has to be ended; empty while it has not."""
    if run.seq >= MAX_COMMANDS and stepped.frames and stepped.frames[-1].node_id:
        return f"more than {MAX_COMMANDS} commands in one call"
    recent = [*run.commands.values(), stepped.command]
    if len(recent) > REMEMBERED and all(isinstance(command, Request) for command in recent):
        return f"more than {REMEMBERED} webhooks in a row"
    return ""


def told(
    session: CallSession,
    context: Context,
    flow: Frame,
    seq: int,
    outcome: str | None,
    data: dict[str, str],
    stepped: Stepped,
) -> Told:
    """A step with its facts."""
    fact = FlowStepped(
        account_id=context.office.account_id,
        at=context.now,
        call_id=session.call_id,
        hop=len(session.hops),
        flow_id=flow.flow_id,
        flow_version=flow.flow_version,
        seq=seq,
        reported=outcome,
        data=data,
        path=stepped.path,
        variables=stepped.kept,
        command=stepped.stored,
        frames=stepped.frames,
    )
    return Told(seq, stepped.command, [fact], stepped.floor, _channels(session, context, stepped))


def _channels(session: CallSession, context: Context, stepped: Stepped) -> list[CapacityFact]:
    """What the legs that are dialled now hold and count for."""
    account_id = context.office.account_id
    admitted = stepped.admitted
    held = capacity.hold_legs(
        context.office.capacity,
        account_id,
        session.call_id,
        legs.holds_of(account_id, stepped.frames),
        context.now,
        [count for one in admitted for count in one.counts],
        any(one.is_costly for one in admitted),
    )
    return [*held, *(alarm for one in admitted for alarm in one.alarms)]
