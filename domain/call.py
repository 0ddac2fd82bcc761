"""One call session: its hops, its dialog, its end.

Reports of an edge may come twice, late, in any order, and before the route request they belong to.
The rank of the dialog (routed < early < answered < ended) never falls; `ended` absorbs. What comes
late is recorded as such and still corrects the outcome, so the CDR is right in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from domain.flow import outside, run
from domain.flow.outside import Leg
from domain.flow.run import FlowRun
from events.base import AccountId, CallId, Fact, Millis
from events.call import (
    CallAnswered,
    CallDialogStarted,
    CallEnded,
    CallObserved,
    CallRevised,
    CallRinging,
    CallRouted,
    DialogEvent,
    Disposition,
    FlowStepped,
    Outcome,
    ProxyToUser,
    Reject,
    TransferRefused,
)
from events.flow import Record

CallFact = (
    CallRouted
    | CallDialogStarted
    | CallRinging
    | CallAnswered
    | CallEnded
    | CallRevised
    | CallObserved
    | FlowStepped
    | TransferRefused
)
MAX_HOPS = 10
IDLE_BEFORE_ANSWER = 60_000
"""Milliseconds without a sign of life after which an unanswered call counts as gone."""
LOST = "lost"
"""Hangup cause of a call that was given up; the true end replaces it if it comes after all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an edge says about a dialog. `ts` is the edge's time, epoch ms."""

    event: DialogEvent
    ts: Millis
    sip_code: int | None = None
    cause: str | None = None
    hangup_by: str | None = None


@dataclass(slots=True)
class CallSession:
    call_id: CallId
    account_id: AccountId | None = None
    """None until the call is routed."""
    hops: list[CallRouted] = field(default_factory=list)
    started_ts: Millis | None = None
    ring_ts: Millis | None = None
    answer_ts: Millis | None = None
    answered_hop: CallRouted | None = None
    """Where the call had been sent last when it was answered."""
    outcome: Outcome | None = None
    """Set when the call has ended."""
    last_seen: Millis = Millis(0)
    """When the last fact was decided: the call's last sign of life."""
    flow: FlowRun | None = None
    """The flow that was started last."""
    legs: tuple[Leg, ...] = ()
    """What its flows have dialled outside."""
    refused: list[TransferRefused] = field(default_factory=list)
    """Transfers that were refused."""
    early_reports: list[Report] = field(default_factory=list)
    """Reports that came before the route request."""
    recorded: dict[str, str] = field(default_factory=dict)
    """Key of a recording that was asked for → the mailbox in which it becomes a message."""


def answer_to(state: CallSession, request: str) -> CallRouted | None:
    """The decision that this same request got before."""
    for hop in state.hops:
        if hop.request == request:
            return hop
    return None


def ends(facts: Sequence[Fact]) -> bool:
    """Whether the call is over after `facts`."""
    return any(isinstance(fact, CallEnded) for fact in facts)


def idle_deadline(state: CallSession, answered_idle: int) -> Millis:
    """When the call counts as gone unless something is heard of it. `answered_idle` in ms."""
    return Millis(
        state.last_seen + (IDLE_BEFORE_ANSWER if state.answer_ts is None else answered_idle)
    )


def users_busy_with(state: CallSession, event: DialogEvent) -> list[str]:
    """The users who are in this open call from `event` on: the caller once it is on its way, who is
    called once he has answered."""
    if not state.hops or state.outcome is not None or event is DialogEvent.END:
        return []
    caller, directive = state.hops[0].caller_user_id, state.hops[-1].directive
    found = [] if caller is None else [caller]
    if event is DialogEvent.ANSWERED and isinstance(directive, ProxyToUser):
        found.append(directive.user_id)
    return found


# Decisions


def route(state: CallSession, routed: CallRouted) -> list[CallFact]:
    """Record the decision `routed`. A rejected first hop ends the call at once; reports that came
    before are taken into account."""
    if answer_to(state, routed.request) is not None:
        return []
    facts: list[CallFact] = [routed]
    if routed.hop > 1:
        return facts
    if isinstance(routed.directive, Reject):
        report = Report(DialogEvent.END, routed.at, sip_code=routed.directive.code)
        return [*facts, _ended(routed, None, None, report, routed.at, Disposition.REJECTED)]
    if not state.early_reports:
        return facts
    after = _copy_of(state)
    evolve(after, routed)
    for report in sorted(state.early_reports, key=lambda r: list(DialogEvent).index(r.event)):
        for fact in report_dialog(after, routed.account_id, report, routed.at):
            facts.append(fact)
            evolve(after, fact)
    return facts


def report_dialog(
    state: CallSession, account_id: AccountId, report: Report, now: Millis
) -> list[CallFact]:
    """Take a report of the edge into account: nothing if it is known already."""
    if not state.hops:
        if report in state.early_reports:
            return []
        return [
            CallObserved(
                account_id=account_id,
                at=now,
                call_id=state.call_id,
                event=report.event,
                ts=report.ts,
                sip_code=report.sip_code,
                cause=report.cause,
                hangup_by=report.hangup_by,
            )
        ]
    if state.outcome is not None:
        return _report_after_end(state, state.outcome, account_id, report, now)
    match report.event:
        case DialogEvent.START if state.started_ts is None:
            return [
                CallDialogStarted(
                    account_id=account_id, at=now, call_id=state.call_id, ts=report.ts
                )
            ]
        case DialogEvent.EARLY if state.ring_ts is None:
            return [
                CallRinging(
                    account_id=account_id,
                    at=now,
                    call_id=state.call_id,
                    ts=report.ts,
                    sip_code=report.sip_code,
                )
            ]
        case DialogEvent.ANSWERED if state.answer_ts is None:
            return [
                CallAnswered(account_id=account_id, at=now, call_id=state.call_id, ts=report.ts)
            ]
        case DialogEvent.END:
            return [_ended(state.hops[0], state.ring_ts, state.answer_ts, report, now)]
    return []


def give_up(state: CallSession, account_id: AccountId, now: Millis) -> list[CallFact]:
    """End a call of which nothing was heard for too long, as of its last sign of life."""
    report = Report(DialogEvent.END, state.last_seen, cause=LOST)
    return report_dialog(state, account_id, report, now) if state.outcome is None else []


def with_queue(
    facts: Sequence[CallFact], queue_id: str | None, agent_id: str | None
) -> list[CallFact]:
    """The same facts; an end says which queue and which agent had the caller."""
    served = {"queue_id": queue_id, "agent_id": agent_id}
    return [
        fact.model_copy(update={"outcome": fact.outcome.model_copy(update=served)})
        if isinstance(fact, CallEnded)
        else fact
        for fact in facts
    ]


def _report_after_end(
    state: CallSession, known: Outcome, account_id: AccountId, report: Report, now: Millis
) -> list[CallFact]:
    ring_ts, answer_ts = known.ring_ts, known.answer_ts
    was_lost = known.hangup_cause == LOST
    disposition: Disposition | None = known.disposition
    cause = None if known.hangup_cause == _cause(known.disposition) else known.hangup_cause
    end = Report(DialogEvent.END, known.end_ts, known.sip_code, cause, known.hangup_by)
    served = {"queue_id": known.queue_id, "agent_id": known.agent_id}
    if report.event is DialogEvent.EARLY and ring_ts is None:
        ring_ts = min(report.ts, answer_ts or known.end_ts)
    elif (
        report.event is DialogEvent.ANSWERED
        and answer_ts is None
        and (was_lost or report.ts <= known.end_ts)
    ):
        answer_ts, disposition = report.ts, None
    elif report.event is DialogEvent.END and was_lost:
        end, disposition = report, None
    else:
        return []
    ended = _ended(state.hops[0], ring_ts, answer_ts, end, now, disposition)
    return [
        CallRevised(
            account_id=account_id,
            at=now,
            call_id=state.call_id,
            late=report.event,
            ts=report.ts,
            outcome=ended.outcome.model_copy(update=served),
        )
    ]


def _ended(
    first: CallRouted,
    ring_ts: Millis | None,
    answer_ts: Millis | None,
    end: Report,
    now: Millis,
    disposition: Disposition | None = None,
) -> CallEnded:
    """The end of the call that `first` started. Durations are whole seconds, rounded down."""
    start_ts = first.at
    disposition = disposition or _disposition(answer_ts, end)
    end_ts = max(end.ts, answer_ts or 0)
    outcome = Outcome(
        direction=first.direction,
        from_number=first.from_number,
        to_number=first.to_number,
        start_ts=start_ts,
        ring_ts=ring_ts,
        answer_ts=answer_ts,
        end_ts=Millis(end_ts),
        duration_sec=max(0, end_ts - start_ts) // 1000,
        billsec=0 if answer_ts is None else (end_ts - answer_ts) // 1000,
        disposition=disposition,
        hangup_cause=end.cause or _cause(disposition),
        sip_code=end.sip_code,
        hangup_by=end.hangup_by,
    )
    return CallEnded(account_id=first.account_id, at=now, call_id=first.call_id, outcome=outcome)


def _disposition(answer_ts: Millis | None, end: Report) -> Disposition:
    if answer_ts is not None:
        return Disposition.ANSWERED
    if end.cause == LOST:
        return Disposition.FAILED
    match end.sip_code:
        case 486 | 600:
            return Disposition.BUSY
        case 408 | 480:
            return Disposition.NO_ANSWER
        case 487 | None:
            return Disposition.ABANDONED
        case 403 | 603 | 607:
            return Disposition.REJECTED
        case _:
            return Disposition.FAILED


def _cause(disposition: Disposition) -> str:
    return "normal_clearing" if disposition is Disposition.ANSWERED else disposition.value


def _copy_of(state: CallSession) -> CallSession:
    return CallSession(state.call_id, early_reports=list(state.early_reports))


# Evolve


def evolve(state: CallSession, fact: CallFact) -> CallSession:
    state.last_seen = max(state.last_seen, fact.at)
    match fact:
        case CallRouted():
            state.account_id = fact.account_id
            state.hops.append(fact)
        case CallDialogStarted():
            state.started_ts = fact.ts
        case CallRinging():
            state.ring_ts = fact.ts
        case CallAnswered():
            state.answer_ts = fact.ts
            state.answered_hop = state.hops[-1]
        case CallEnded() | CallRevised():
            state.outcome = fact.outcome
            state.answer_ts = fact.outcome.answer_ts
        case CallObserved():
            state.early_reports.append(
                Report(fact.event, fact.ts, fact.sip_code, fact.cause, fact.hangup_by)
            )
        case FlowStepped():
            state.flow = run.evolved(state.flow, fact)
            state.legs = outside.evolved(state.legs, fact)
            if isinstance(command := fact.command, Record) and command.voicemail_id:
                state.recorded[command.key] = command.voicemail_id
        case TransferRefused():
            state.refused.append(fact)
        case _:
            assert_never(fact)
    return state


# Fold


def fold(call_id: CallId, facts: Sequence[CallFact]) -> CallSession:
    state = CallSession(call_id)
    for fact in facts:
        evolve(state, fact)
    return state
