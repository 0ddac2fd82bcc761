"""A call that was, decided again: what was asked and reported then, against other rows, another
version of its flow or another time (spec 08, Replay). Nothing is recorded.

The account is brought to where it was at each decision by its own facts, so that with nothing
changed the same decisions come out. What is reported of a command answers it only while the call is
told the same kind of command as then; where that ends, the replay ends, and says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from domain import call, capacity, directory, dnc, presence, resources, routing
from domain.call import CallSession
from domain.capacity import Capacity
from domain.directory import Directory
from domain.dnc import DncList
from domain.errors import Fault, Invalid, Refusal
from domain.flow import session
from domain.flow.node import Answer, Context
from domain.presence import Presence
from domain.resources import Author, Claim
from domain.routing import Office, Platform
from events.acd import AcdFact
from events.base import AccountId, Fact, Millis, Value
from events.call import ORDERS, CallFact, CallRouted, FlowStepped, RunFlow
from events.capacity import CapacityFact
from events.dnc import DncFact
from events.flow import Visited
from events.presence import PresenceFact
from events.resources import CallFlow, Changed, Created, Deleted


class Changes(NamedTuple):
    """What is to be different."""

    flow: CallFlow | None = None
    """Instead of the version of the flow that the call was sent into first."""
    shift_ms: int = 0
    """How much later everything happens."""
    rows: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Row → members as in a merge patch."""


class Entry(NamedTuple):
    """A decision: when, what was asked or reported, what was looked at, what was answered."""

    at: Millis
    kind: str
    """``route`` or ``flow``."""
    asked: str
    path: tuple[tuple[str, str], ...]
    answer: Value | None
    """Directive or command; None where the question was refused."""
    refused: str = ""


class Replayed(NamedTuple):
    recorded: tuple[Entry, ...]
    again: tuple[Entry, ...]
    difference: int | None
    """Place of the first decision that is another one; None: all are the same."""
    stopped: str
    """Why what was recorded after the last decision could not be asked again; empty: it was."""


@dataclass(slots=True)
class _Account:
    """An account at a moment of its past."""

    id: AccountId
    directory: Directory = field(default_factory=Directory)
    presence: Presence = field(default_factory=Presence)
    capacity: Capacity = field(default_factory=Capacity)
    dnc: DncList = field(default_factory=DncList)

    def office(self) -> Office:
        account = self.directory.account
        listed = self.dnc if account and account.dnc_outbound else None
        return Office(self.id, self.directory, self.presence, self.capacity, listed)


def replay(
    history: Iterable[Fact], recorded: Sequence[CallFact], platform: Platform, changes: Changes
) -> Replayed:
    """`history`: the facts of the account and of the call, in order; `recorded`: the call's own.

    Raises Invalid, with a pointer below `/config`, for a row that is not there or must not look so.
    """
    first = next((fact for fact in recorded if isinstance(fact, CallRouted)), None)
    if first is None:
        raise Invalid("the call was never routed", [Fault("", "has no decision")])
    run = _Run(_Account(first.account_id), CallSession(first.call_id), platform, changes)
    for fact in history:
        run.take(fact)
    if not run.is_patched:
        run.patch(first.at)
    return run.result()


@dataclass(slots=True)
class _Run:
    account: _Account
    session: CallSession
    platform: Platform
    changes: Changes
    recorded: list[Entry] = field(default_factory=list)
    again: list[Entry] = field(default_factory=list)
    stopped: str = ""
    is_patched: bool = False

    def take(self, fact: Fact) -> None:
        """The next fact: decided again if it is a decision about the call, else as it is."""
        match fact:
            case (
                CallRouted(call_id=self.session.call_id) | FlowStepped(call_id=self.session.call_id)
            ):
                if not self.is_patched:
                    self.patch(fact.at)
                self.recorded.append(_entry(fact))
                if not self.stopped:
                    self.decide(fact)
            case CallFact(call_id=self.session.call_id):
                call.evolve(self.session, fact)  # type: ignore[arg-type]
            case CapacityFact():
                capacity.evolve(self.account.capacity, fact)  # type: ignore[arg-type]
            case PresenceFact() | AcdFact():
                presence.evolve(self.account.presence, fact)  # type: ignore[arg-type]
            case DncFact():
                dnc.evolve(self.account.dnc, fact)  # type: ignore[arg-type]
            case Created() | Changed() | Deleted():
                directory.evolve(self.account.directory, fact)
                if self.is_patched and fact.id in self.changes.rows:
                    self.patch(fact.at)

    def patch(self, at: Millis) -> None:
        """Make the rows what the changes say."""
        self.is_patched = True
        rows, author = self.account.directory, Author(self.account.id, "replay", at)
        for id, patch in self.changes.rows.items():
            row = rows.rows.get(id)
            if row is None:
                raise Invalid("no such row then", [Fault(f"/config/{id}", "was not there")])
            kind = resources.kind_of(row.body)
            try:
                facts = resources.change(rows, author, kind, id, patch, None, lambda _: Claim())
            except Refusal as refusal:
                faults = [Fault(f"/config/{id}{one.pointer}", one.detail) for one in refusal.faults]
                raise Invalid(refusal.detail, faults) from None
            for fact in facts:
                if isinstance(fact, Changed):
                    directory.evolve(rows, fact)

    def decide(self, fact: CallRouted | FlowStepped) -> None:
        if isinstance(fact, FlowStepped) and not self._is_answered_by(fact):
            self.stopped = "the call is told something else, so what it reported is no answer"
            return
        try:
            found = self._routed(fact) if isinstance(fact, CallRouted) else self._stepped(fact)
        except Refusal as refusal:
            asked = _entry(fact)._replace(path=(), answer=None, refused=refusal.detail)
            self.again.append(asked)
            self.stopped = refusal.detail
            return
        self.again.append(_entry(found))
        facts = call.route(self.session, found) if isinstance(found, CallRouted) else [found]
        for one in facts:
            call.evolve(self.session, one)

    def _is_answered_by(self, step: FlowStepped) -> bool:
        """Whether what was reported then can be reported of what the call is told now."""
        if step.reported is None or not self.again:
            return True
        before = self.recorded[len(self.again) - 1].answer
        return type(before) is type(self.again[-1].answer)

    def _routed(self, fact: CallRouted) -> CallRouted:
        ask, now = routing.asked_again(fact), self._then(fact)
        decision = routing.decide(
            ask, fact.request, self.session, self.account.office(), self.platform, now
        )
        flow, directive = self.changes.flow, decision.routed.directive
        if flow is None or not isinstance(directive, RunFlow) or self.session.hops:
            return decision.routed
        published = self.account.directory.published
        published.setdefault(directive.flow_id, {})[flow.version] = flow
        other = directive.model_copy(update={"flow_version": flow.version})
        return decision.routed.model_copy(update={"directive": other})

    def _stepped(self, fact: FlowStepped) -> FlowStepped:
        context = self._context(fact)
        if fact.reported is None:
            flow_id = self._flow_id(fact)
            told = session.start(self.session, context, flow_id, fact.data)
        elif fact.reported in ORDERS:
            return fact  # somebody else's wish, carried out as it was
        else:
            answer = Answer(fact.reported, fact.data)
            told = session.step(self.session, context, answer, None)
        if told.facts:
            return told.facts[0]
        return fact.model_copy(update={"command": told.command, "path": ()})

    def _flow_id(self, fact: FlowStepped) -> str:
        """The flow that is begun: where the call is sent now, if it was sent into the other one
        then."""
        then = [one.answer for one in self.recorded if one.kind == "route"][-1:]
        now = self.session.hops[-1].directive if self.session.hops else None
        was_sent = then and isinstance(then[0], RunFlow) and then[0].flow_id == fact.flow_id
        return now.flow_id if was_sent and isinstance(now, RunFlow) else fact.flow_id

    def _context(self, fact: FlowStepped) -> Context:
        first = self.session.hops[0] if self.session.hops else None
        return Context(
            office=self.account.office(),
            platform=self.platform,
            now=self._then(fact),
            call_id=self.session.call_id,
            from_number=first.from_number if first else "",
            to_number=first.to_number if first else "",
            node_id=self.session.hops[-1].node_id if first else None,
            user_id=first.caller_user_id if first else None,
            recorded=self.session.recorded,
        )

    def _then(self, fact: Fact) -> Millis:
        return Millis(fact.at + self.changes.shift_ms)

    def result(self) -> Replayed:
        pairs = zip(self.recorded, self.again, strict=False)
        differing = (place for place, (a, b) in enumerate(pairs) if not _is_same(a, b))
        shorter = len(self.again) if len(self.again) < len(self.recorded) else None
        return Replayed(
            tuple(self.recorded), tuple(self.again), next(differing, shorter), self.stopped
        )


def _entry(fact: CallRouted | FlowStepped) -> Entry:
    if isinstance(fact, CallRouted):
        asked, path = f"{fact.from_number} → {fact.to_number}", fact.path
        looked = tuple((step.policy, f"{step.outcome} {step.detail}".strip()) for step in path)
        return Entry(fact.at, "route", asked, looked, fact.directive)
    visited = tuple((_named(one), f"{one.outcome} {one.note}".strip()) for one in fact.path)
    return Entry(fact.at, "flow", fact.reported or "start", visited, fact.command)


def _named(visited: Visited) -> str:
    return f"{visited.kind} {visited.node_id}".strip()


def _is_same(recorded: Entry, again: Entry) -> bool:
    return (recorded.path, recorded.answer, recorded.refused) == (
        again.path,
        again.answer,
        again.refused,
    )


def first_flow(recorded: Sequence[CallFact]) -> str | None:
    """The flow that the call was sent into first; None when it was sent into none."""
    for fact in recorded:
        if isinstance(fact, CallRouted) and isinstance(fact.directive, RunFlow):
            return fact.directive.flow_id
    return None
