"""From an outcome, over as many nodes as need no engine, to the next command (spec 04).

Guarantees: it ends soon (at most `MAX_NODES` nodes and `MAX_EFFORT` comparisons per step, at most
`MAX_DEPTH` flows inside each other), it never raises for a graph that was stored, and it looks at
nothing but its arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from domain.acd import agents, callers
from domain.acd.desk import dispatch
from domain.acd.floor import FloorFact
from domain.flow import targets, template, transfers
from domain.flow.graph import Graph
from domain.flow.node import (
    DEFAULT,
    POLL,
    POLL_MS,
    Admitted,
    Answer,
    Center,
    Context,
    Done,
    Enter,
    Leave,
    Next,
    Resume,
    Stay,
    Visit,
    Wait,
)
from domain.flow.nodes import ALL
from domain.flow.run import trim
from events.base import Millis
from events.flow import FlowCommand, Frame, Hangup, Noop, Play, Request, Visited
from events.resources import FlowNode

MAX_NODES = 100
MAX_EFFORT = 10_000
"""Comparisons in a step: whoever draws conditions draws them for everybody on the same worker."""
MAX_DEPTH = 8
UNAVAILABLE = 480
ERROR_PROMPTS = {"no_agents": "no-agents", "full": "all-busy", "busy": "all-busy"}
"""Outcome that nobody has drawn → system prompt; else goodbye."""


class Stepped(NamedTuple):
    """What a step makes of a call. `stored` and `kept` are what facts may hold: no secrets."""

    command: FlowCommand
    """`Noop`: the call stays where it is, and there is nothing to record of it."""
    stored: FlowCommand
    kept: dict[str, str]
    """The variables that were set."""
    path: tuple[Visited, ...]
    frames: tuple[Frame, ...]
    hides_answer: bool
    floor: list[FloorFact]
    """What has happened in the contact center by this step."""
    admitted: tuple[Admitted, ...] = ()
    look_at: Millis | None = None
    """When a call that stays will have to be told something new even if nothing happens."""


@dataclass(slots=True)
class _Walk:
    context: Context
    frames: list[Frame]
    variables: dict[str, str]
    seq: int
    center: Center
    is_over: bool
    """Nobody is on the line: only what needs no caller is done."""
    secrets: set[str] = field(default_factory=set)
    changed: dict[str, str] = field(default_factory=dict)
    path: list[Visited] = field(default_factory=list)
    hides_answer: bool = False
    admitted: list[Admitted] = field(default_factory=list)
    effort: int = 0


def advance(
    context: Context,
    frames: tuple[Frame, ...],
    variables: Mapping[str, str],
    answer: Answer | None,
    seq: int,
    *,
    is_over: bool = False,
    before: tuple[Frame, ...] | None = None,
) -> Stepped:
    """Go on from where the call stands. `answer` None: it has just arrived there.

    `seq`: the number that the next command will have. `is_over`: the call has ended, and what is
    left of its flow needs no caller. `before`: where it has stood, if it was sent here.
    """
    before = frames if before is None else before
    is_hangup = answer is not None and answer.outcome == "hangup"
    center = Center(context.office, context.now)
    walk = _Walk(context, list(frames), dict(variables), seq, center, is_over or is_hangup)
    if answer is not None and is_hangup and not _attends(walk):
        return _settled(walk, _hung_up(walk, frames, answer), before)
    for _ in range(MAX_NODES):
        if (stepped := _pass_node(walk, answer)) is not None:
            return _settled(walk, stepped, before)
        answer = None
    endless = _give_up(walk, f"more than {MAX_NODES} nodes without a command")
    return _settled(walk, endless, before)


def give_up(context: Context, frames: tuple[Frame, ...], why: str) -> Stepped:
    """End a flow that cannot go on."""
    center = Center(context.office, context.now)
    return _give_up(_Walk(context, list(frames), {}, 0, center, is_over=False), why)


def _settled(walk: _Walk, stepped: Stepped, before: tuple[Frame, ...]) -> Stepped:
    """A call that has gone on holds no place in a queue and no agent. Whom it is transferred to is
    busy with it, and nobody else any more."""
    seen, call_id = walk.center.seen, walk.context.call_id
    floor = walk.context.office.presence.floor if seen is None else seen.floor
    stays = bool(walk.frames) and _attends(walk)
    leaves = not stays and (call_id in floor.callers or call_id in floor.talks)
    were, are = transfers.users_in(before), transfers.users_in(walk.frames)
    if leaves:
        callers.step_away(walk.center.desk, call_id)
    if were != are:
        agents.exchange(walk.center.desk, call_id, were - are, are)
    if leaves or were != are:
        dispatch(walk.center.desk)
    return stepped._replace(floor=walk.center.facts, admitted=tuple(walk.admitted))


def _attends(walk: _Walk) -> bool:
    """Whether the node where the call waits wants to know of polls and of the hanging up."""
    frame = walk.frames[-1] if walk.frames else None
    graph = frame and targets.graph_of(walk.context, frame.flow_id, frame.flow_version)
    node = graph.nodes.get(frame.node_id) if graph and frame else None
    kind = ALL.get(str(node.data.get("kind"))) if node else None
    return kind is not None and kind.data.attends


def _hung_up(walk: _Walk, frames: tuple[Frame, ...], answer: Answer) -> Stepped:
    if frames:
        walk.path.append(Visited(frames[-1].node_id, "", "hangup", "the caller has hung up"))
    walk.frames = []
    walk.hides_answer = "digits" in answer.data  # half a secret, perhaps
    return _stepped(walk, Hangup())


def _pass_node(walk: _Walk, answer: Answer | None) -> Stepped | None:
    """Be at one node: the command that comes of it, or None after moving on."""
    frame = walk.frames[-1]
    if not frame.node_id:
        walk.frames = []
        return _stepped(walk, Hangup(sip_code=UNAVAILABLE))
    graph = targets.graph_of(walk.context, frame.flow_id, frame.flow_version)
    node = graph.nodes.get(frame.node_id) if graph else None
    kind = ALL.get(str(node.data.get("kind"))) if node else None
    if graph is None or node is None or kind is None:
        walk.hides_answer = True  # nobody knows any more what was asked
        return _give_up(walk, f"no node {frame.node_id} in {frame.flow_id} v{frame.flow_version}")
    try:
        data = kind.data.model_validate(node.data)
    except ValidationError:
        walk.hides_answer = True
        return _give_up(walk, f"the data of {node.id} is not valid")
    walk.effort += data.effort
    if walk.effort > MAX_EFFORT:
        walk.hides_answer = True
        return _give_up(walk, f"more than {MAX_EFFORT} comparisons in one step")
    visit = _visit(walk, graph, node, answer)
    if answer is not None and answer.outcome == POLL and not data.attends:
        return _stay(walk, Stay())
    aside = _masked(visit) if walk.secrets else None
    found = kind.run(data, visit)
    if isinstance(found, Stay):
        return _stay(walk, found)
    if isinstance(found, Resume):
        return _resume(walk, node, visit, found)
    if isinstance(found, Wait):
        if walk.is_over and not isinstance(found.command, Request):
            return _ended(walk, node, visit)
        masked = kind.run(data, aside) if aside is not None else found
        return _wait(walk, node, masked, found, visit)
    _take_over(walk, visit)
    return _go_on(walk, graph, node, found, visit.note)


def _visit(walk: _Walk, graph: Graph, node: FlowNode, answer: Answer | None) -> Visit:
    handles = frozenset(graph.edges.get(node.id, ()))
    return Visit(
        walk.context,
        walk.frames[-1],
        handles,
        answer,
        walk.variables,
        walk.secrets,
        walk.seq,
        walk.center,
        walk.is_over,
    )


def _masked(visit: Visit) -> Visit:
    """The same visit as somebody sees it who may not know the secrets."""
    seen = {**visit.variables, **dict.fromkeys(visit.secrets, template.MASK)}
    return Visit(
        visit.context,
        visit.frame,
        visit.handles,
        visit.answer,
        seen,
        set(visit.secrets),
        visit.seq,
        visit.center.aside(),
        visit.is_over,
    )


def _stay(walk: _Walk, found: Stay) -> Stepped:
    return _stepped(walk, Noop(retry_ms=POLL_MS))._replace(look_at=found.look_at)


def _ended(walk: _Walk, node: FlowNode, visit: Visit) -> Stepped:
    """The rest of the flow needs a caller, and there is none."""
    _take_over(walk, visit)
    _note(walk, node, "", "nobody is on the line")
    walk.frames = []
    return _stepped(walk, Hangup())


def _wait(walk: _Walk, node: FlowNode, masked: Next, found: Wait, visit: Visit) -> Stepped:
    """`masked`: what comes of the node for somebody who does not know the secrets."""
    if not isinstance(masked, Wait):
        return _give_up(walk, f"{node.id} cannot do with a secret")
    kept = {name: value for name, value in found._asdict().items() if name != "command"}
    walk.frames[-1] = walk.frames[-1].model_copy(update=kept)
    _take_over(walk, visit)
    _note(walk, node, "", visit.note)
    stored = masked.command
    if isinstance(stored, Request) and stored != found.command:
        stored = stored.model_copy(update={"is_masked": 1})
    return _stepped(walk, found.command, stored)


def _resume(walk: _Walk, node: FlowNode, visit: Visit, found: Resume) -> Stepped:
    """A transfer came to nothing."""
    _take_over(walk, visit)
    _note(walk, node, visit.answer.outcome if visit.answer else "", visit.note)
    walk.frames = list(walk.frames[-1].held)
    users = dict.fromkeys((*walk.frames[-1].users, found.user_id))
    walk.frames[-1] = walk.frames[-1].model_copy(update={"users": tuple(users)})
    return _stepped(walk, found.command)


def _take_over(walk: _Walk, visit: Visit) -> None:
    walk.changed |= visit.changed
    walk.admitted += visit.admitted
    walk.hides_answer |= visit.hides_answer
    trim(walk.variables)


def _go_on(walk: _Walk, graph: Graph, node: FlowNode, found: Next, note: str) -> Stepped | None:
    match found:
        case Enter(flow_id):
            return _enter(walk, graph, node, flow_id)
        case Leave():
            _note(walk, node, "", note)
            return _leave(walk, found)
        case Done():
            return _follow(walk, graph, node, found, note)
    raise TypeError(type(found).__name__)


def _follow(walk: _Walk, graph: Graph, node: FlowNode, done: Done, note: str) -> Stepped | None:
    """Along the edge of an outcome; without one along that of `default`, else where the row itself
    sends it, else out of a subflow, else to the end."""
    drawn = graph.edges.get(node.id, {})
    to = drawn.get(done.outcome)
    if to is None and (to := drawn.get(DEFAULT)) is not None:
        note = _joined(note, "not drawn; default")
    _note(walk, node, done.outcome, note)
    if to is not None:
        walk.frames[-1] = _fresh(walk.frames[-1], to)
        return None
    if done.instead is not None:
        return _leave(walk, done.instead)
    if len(walk.frames) > 1:
        return _return(walk, DEFAULT if done.is_end or done.outcome == DEFAULT else "error")
    if done.is_end:
        walk.frames = []
        return _stepped(walk, Hangup())
    return _give_up(walk, f"{done.outcome} of {node.id} is not drawn", done.outcome)


def _enter(walk: _Walk, graph: Graph, node: FlowNode, flow_id: str) -> Stepped | None:
    version = targets.version_of(walk.context.directory, flow_id)
    inner = None if version is None else targets.graph_of(walk.context, flow_id, version)
    if inner is None or version is None:
        return _follow(walk, graph, node, Done("error"), f"no published flow {flow_id}")
    if len(walk.frames) >= MAX_DEPTH:
        return _follow(walk, graph, node, Done("error"), f"more than {MAX_DEPTH} flows deep")
    _note(walk, node, "", f"into {flow_id} v{version}")
    walk.frames.append(Frame(flow_id=flow_id, flow_version=version, node_id=inner.start))
    return None


def _return(walk: _Walk, outcome: str) -> Stepped | None:
    """Out of a subflow, to the node that led into it."""
    walk.frames.pop()
    frame = walk.frames[-1]
    graph = targets.graph_of(walk.context, frame.flow_id, frame.flow_version)
    node = graph.nodes.get(frame.node_id) if graph else None
    if graph is None or node is None:
        return _give_up(walk, f"no node {frame.node_id} to come back to")
    return _follow(walk, graph, node, Done(outcome), "")


def _leave(walk: _Walk, target: Leave) -> Stepped | None:
    """To another route target; what does not exist falls to the account's default (spec 01)."""
    found = targets.entry_of(walk.context, target)
    if found is None:
        account = walk.context.account
        default = Leave(account.did_default_dest_kind or "", account.did_default_dest_id)
        walk.path.append(Visited("", "target", "missing", f"{target.kind} {target.id}"))
        found = None if default == target else targets.entry_of(walk.context, default)
    if found is None:
        return _give_up(walk, f"no {target.kind} {target.id}")
    if isinstance(found, Hangup):
        walk.frames = []
        return _stepped(walk, found)
    walk.frames = [found]
    return None


def _give_up(walk: _Walk, why: str, outcome: str = "") -> Stepped:
    """The error prompt; whatever comes of it, the call is hung up then."""
    walk.path.append(Visited("", "error", "error", why))
    if walk.is_over:
        walk.frames = []
        return _stepped(walk, Hangup())
    walk.frames = [_fresh(walk.frames[0], "")]
    account = walk.context.account
    prompt = ERROR_PROMPTS.get(outcome, "goodbye")
    url = f"system/{account.language}/{account.voice_gender}/{prompt}.wav"
    return _stepped(walk, Play(urls=(url,)))


def _fresh(frame: Frame, node_id: str) -> Frame:
    return Frame(flow_id=frame.flow_id, flow_version=frame.flow_version, node_id=node_id)


def _note(walk: _Walk, node: FlowNode, outcome: str, note: str) -> None:
    for name in walk.secrets:
        if secret := walk.variables.get(name):
            note = note.replace(secret, template.MASK)
    walk.path.append(Visited(node.id, str(node.data.get("kind")), outcome, note))


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _stepped(walk: _Walk, command: FlowCommand, stored: FlowCommand | None = None) -> Stepped:
    kept = {
        name: template.MASK if name in walk.secrets else value
        for name, value in walk.changed.items()
    }
    return Stepped(
        command,
        stored or command,
        kept,
        tuple(walk.path),
        tuple(walk.frames),
        walk.hides_answer,
        walk.center.facts,
    )
