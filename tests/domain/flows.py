"""Graphs written shortly, and a call that goes through them as an engine sees it."""

from typing import Any

from domain.call import CallSession
from domain.flow import session
from domain.flow.node import Answer, Context
from domain.flow.session import Told
from events.base import CallId
from events.call import FlowStepped
from events.flow import Dial, FlowCommand
from tests.domain.acme import CALLER, DID_NUMBER, Acme
from tests.support.given import CALL_ID

FLOW = "flow_1"


def node(id: str, kind: str, /, **data: Any) -> dict[str, Any]:
    return {"id": id, "type": kind, "data": {"kind": kind, **data}}


def edges(*drawn: str) -> list[dict[str, Any]]:
    """From ``source -handle> target``, or ``source > target`` for its default."""
    made = []
    for number, one in enumerate(drawn):
        left, _, target = one.partition("> ")
        source, _, handle = left.strip().partition(" -")
        made.append({"id": f"e{number}", "source": source, "target": target})
        if handle:
            made[-1]["sourceHandle"] = handle
    return made


def graph(*parts: dict[str, Any] | str, start: str | None = None) -> dict[str, Any]:
    nodes = [part for part in parts if isinstance(part, dict)]
    drawn = edges(*(part for part in parts if isinstance(part, str)))
    return {"start": start or nodes[0]["id"], "nodes": nodes, "edges": drawn}


class InFlow:
    """A call that was routed into a flow, and what it was told."""

    def __init__(self, acme: Acme, *parts: dict[str, Any] | str, call_id: str = CALL_ID) -> None:
        self.acme = acme
        self.call_id = CallId(call_id)
        self.told: list[Told] = []
        if parts:
            acme.add("call_flow", FLOW, name="Main", is_published=1, **graph(*parts))
        if "did_1" not in acme.rows.directory.rows:
            acme.add_did("flow", FLOW)
        acme.ring_in(call_id=call_id)

    @property
    def session(self) -> CallSession:
        return self.acme.sessions[self.call_id]

    @property
    def context(self) -> Context:
        return Context(
            self.acme.office,
            self.acme.platform,
            self.acme.now,
            self.call_id,
            CALLER,
            DID_NUMBER,
            self.acme.turns,
            recorded=self.session.recorded,
        )

    def start(self, flow_id: str = FLOW, **given: str) -> FlowCommand:
        return self._take(session.start(self.session, self.context, flow_id, given))

    def step(self, outcome: str, seq: int | None = None, **data: str) -> FlowCommand:
        answer = Answer(outcome, data)
        return self._take(session.step(self.session, self.context, answer, seq))

    def _take(self, told: Told) -> FlowCommand:
        self.told.append(told)
        self.acme.apply(told.all_facts)
        return told.command

    @property
    def facts(self) -> list[FlowStepped]:
        return [fact for told in self.told for fact in told.facts]

    @property
    def path(self) -> list[tuple[str, str]]:
        """Nodes and outcomes of the last step."""
        return [(one.node_id or one.kind, one.outcome) for one in self.facts[-1].path]

    @property
    def notes(self) -> list[str]:
        return [one.note for one in self.facts[-1].path]

    @property
    def variables(self) -> dict[str, str]:
        flow = self.session.flow
        return dict(flow.variables) if flow else {}


def through(*parts: dict[str, Any] | str, acme: Acme | None = None) -> InFlow:
    """A call in a new flow, not started."""
    return InFlow(acme or Acme(), *parts)


def rings(command: FlowCommand) -> list[tuple[str, int, int]]:
    """Whom a dial rings: address, begin and length in seconds."""
    assert isinstance(command, Dial), command
    return [
        (str(leg.aor or leg.uri), leg.delay_ms // 1000, leg.timeout_ms // 1000)
        for leg in command.legs
    ]
