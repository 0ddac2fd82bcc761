"""Why did this call go there? Every fact that concerns a call, in causal order (spec 08, Trace),
with the SIP messages that were captured of it (`projections/causality.py` says where they stand)
and the webhooks that told of it.

The table holds only where the facts are; titles and details are made when somebody reads, so that a
better wording explains old calls too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentReserved,
    CallerLeft,
    CallerQueued,
    ConversationEnded,
    LeaseConfirmed,
    LeaseFact,
    LeaseReleased,
)
from events.base import Fact
from events.call import (
    ORDERS,
    CallAnswered,
    CallDialogStarted,
    CallEnded,
    CallObserved,
    CallRevised,
    CallRinging,
    CallRouted,
    FlowStepped,
    Outcome,
    ProxyToUser,
    Reject,
    RunFlow,
    SendOut,
    TransferRefused,
)
from events.capacity import (
    ChannelsReleased,
    ChannelsTaken,
    LegsHeld,
    LimitExceeded,
    TollFraudSuspected,
)
from events.flow import Visited
from events.voicemail import MessageLeft
from projections import signalling, webhook_steps
from projections.base import Positioned, Projection
from projections.causality import Captured


class Trace(Projection):
    name = "trace"
    version = 2
    tables = ("trace",)
    ddl = """
        CREATE TABLE trace (call_id text, position bigint, PRIMARY KEY (call_id, position));
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        found = [
            (fact.call_id, position)
            for position, _, _, _, fact in facts
            if isinstance(fact, _CONCERNS_A_CALL)
        ]
        if found:
            calls, positions = zip(*found, strict=True)
            cursor.execute(
                "INSERT INTO trace SELECT * FROM unnest(%b::text[], %b::bigint[])",
                (list(calls), list(positions)),
            )
        return bool(found)


_CONCERNS_A_CALL = (
    CallRouted,
    CallDialogStarted,
    CallRinging,
    CallAnswered,
    CallEnded,
    CallRevised,
    CallObserved,
    FlowStepped,
    TransferRefused,
    ChannelsTaken,
    LegsHeld,
    ChannelsReleased,
    LimitExceeded,
    TollFraudSuspected,
    CallerQueued,
    CallerLeft,
    LeaseFact,
    AgentCallBegan,
    AgentCallOver,
    MessageLeft,
)


# Query

SELECT = """
    SELECT stored.notification_id, stored.originator_id, stored.originator_version,
           stored.topic, stored.state
      FROM views.trace JOIN events.stored_events AS stored
        ON stored.notification_id = trace.position
     WHERE trace.call_id = %s ORDER BY trace.position"""
"""The stored facts of a call; `steps` makes them readable."""


def steps(
    found: Sequence[Positioned | Captured],
    told: Mapping[int, Sequence[Mapping[str, Any]]] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """As steps `{seq, ts, dtMs, source, kind, title, detail, outcome, error?, event_id, event}`.

    `found`: facts and messages in their order; `told`: position of a fact → webhooks owed for it.
    `ts` is when it happened (the edge's time for a dialog event, the capture agent's for a
    message), `dtMs` the milliseconds since the step before, which is negative when a clock is
    behind. `event_id` is the position of the fact; of a message, that of the fact before it.
    """
    shown: list[dict[str, Any]] = []
    for position, event, step in _each_step(found, told):
        shown.append(
            {
                "seq": len(shown) + 1,
                "ts": step["ts"],
                "dtMs": step["ts"] - (shown[-1]["ts"] if shown else step["ts"]),
                "source": step["source"],
                "kind": step["kind"],
                "title": step["title"],
                "detail": step.get("detail", {}),
                "outcome": step.get("outcome", "ok"),
                **({"error": step["error"]} if "error" in step else {}),
                "event_id": position,
                "event": event,
            }
        )
    return shown


def _each_step(
    found: Sequence[Positioned | Captured], told: Mapping[int, Sequence[Mapping[str, Any]]]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Position, name of what it is, and the step."""
    position, seen = 0, signalling.Sightings()
    for one in found:
        if isinstance(one, Captured):
            yield position, signalling.EVENT, signalling.step(one, seen.of(one))
            continue
        position = one.position
        for step in _steps_of(one.fact):
            yield position, one.name, step
        for row in told.get(position, ()):
            yield position, webhook_steps.EVENT, webhook_steps.step(row)


def _steps_of(fact: Fact) -> list[dict[str, Any]]:
    match fact:
        case CallRouted():
            return _route_steps(fact)
        case CallDialogStarted():
            return [_sip(fact.ts, "start", "Edge sent the call on")]
        case CallRinging():
            return [_sip(fact.ts, "early", "Ringing", sip_code=fact.sip_code)]
        case CallAnswered():
            return [_sip(fact.ts, "answered", "Answered")]
        case CallEnded():
            return [_end_step(fact)]
        case CallRevised():
            step = _sip(fact.ts, fact.late.value, f"'{fact.late.value}' arrived after the end")
            step["outcome"] = "late"
            step["title"] += _cost(fact.outcome)
            step["detail"] |= fact.outcome.model_dump(mode="json")
            return [step]
        case CallObserved():
            step = _sip(fact.ts, fact.event.value, f"'{fact.event.value}' arrived before the route")
            step["outcome"] = "unrouted"
            step["detail"] |= {"sip_code": fact.sip_code, "cause": fact.cause}
            return [step]
        case FlowStepped():
            return _flow_steps(fact)
        case TransferRefused():
            return [_refused_step(fact)]
        case ChannelsTaken():
            holds = [f"{dimension.value} {id}" for dimension, id in fact.holds]
            return [
                {
                    "ts": fact.at,
                    "source": "cac",
                    "kind": "taken",
                    "title": f"{len(holds)} channel(s) taken",
                    "detail": {"holds": holds},
                }
            ]
        case LegsHeld():
            holds = [f"{dimension.value} {id}" for dimension, id in fact.holds]
            return [
                {
                    "ts": fact.at,
                    "source": "cac",
                    "kind": "legs",
                    "title": f"{len(holds)} channel(s) held for legs",
                    "detail": {"holds": holds},
                }
            ]
        case ChannelsReleased():
            return [
                {
                    "ts": fact.at,
                    "source": "cac",
                    "kind": "released",
                    "title": "Channels released",
                    "detail": {"reason": fact.reason.value},
                }
            ]
        case LimitExceeded():
            return [
                {
                    "ts": fact.at,
                    "source": "cac",
                    "kind": "limit_exceeded",
                    "title": f"Limit {fact.limit_id} exceeded: {fact.used}/{fact.max_count}",
                    "detail": {"scope": fact.scope_kind, "scope_id": fact.scope_id},
                    "outcome": "exceeded",
                }
            ]
        case TollFraudSuspected():
            return [
                {
                    "ts": fact.at,
                    "source": "cac",
                    "kind": "toll_fraud",
                    "title": f"Toll fraud suspected: {_suspicious(fact)} in an hour",
                    "detail": {"usual": _usual(fact), "action": fact.action},
                    "outcome": "sudden",
                }
            ]
        case CallerQueued() | CallerLeft() | LeaseFact() | AgentCallBegan() | AgentCallOver():
            return [_acd_step(fact)]
        case MessageLeft():
            return [
                {
                    "ts": fact.at,
                    "source": "media",
                    "kind": "message",
                    "title": f"A message was left in {fact.voicemail_id}",
                    "detail": {"message_id": fact.message_id, "duration_ms": fact.duration_ms},
                }
            ]
    return []


def _acd_step(
    fact: CallerQueued | CallerLeft | LeaseFact | AgentCallBegan | AgentCallOver,
) -> dict[str, Any]:
    kind, title, outcome = _acd_title(fact)
    detail = fact.model_dump(mode="json", exclude={"account_id", "at", "call_id"})
    return {
        "ts": fact.at,
        "source": "acd",
        "kind": kind,
        "title": title,
        "detail": detail,
        "outcome": outcome,
    }


def _acd_title(fact: Fact) -> tuple[str, str, str]:
    """Kind, title, outcome."""
    match fact:
        case CallerQueued():
            return "queued", f"Waits in {fact.queue_id}", "ok"
        case CallerLeft():
            why = fact.departure.value
            return "left", f"Left {fact.queue_id}: {why}", why
        case AgentReserved():
            return "reserved", f"{fact.agent_id} rings", "ok"
        case LeaseConfirmed():
            return "confirmed", f"{fact.agent_id} answered", "ok"
        case LeaseReleased():
            return "released", f"{fact.agent_id} let go: {fact.reason.value}", fact.reason.value
        case ConversationEnded():
            return "ended", f"{fact.agent_id} is free again", "ok"
        case AgentCallBegan():
            return "busy", f"{fact.agent_id} is in this call", "ok"
        case AgentCallOver():
            return "free", f"{fact.agent_id} has left this call", "ok"
    raise TypeError(type(fact).__name__)


def _sip(ts: int, kind: str, title: str, **detail: Any) -> dict[str, Any]:
    return {"ts": ts, "source": "sip", "kind": kind, "title": title, "detail": detail}


def _route_steps(fact: CallRouted) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "ts": fact.at,
            "source": "cac"
            if policy.startswith("limit:") or policy in ("admission", "tolls")
            else "route",
            "kind": policy,
            "title": f"{policy}: {outcome}",
            "detail": {"what": detail, **_usage(detail)} if detail else {},
            "outcome": outcome,
        }
        for policy, outcome, detail in fact.path
    ]
    directive = fact.directive
    step: dict[str, Any] = {
        "ts": fact.at,
        "source": "route",
        "kind": "decision",
        "title": f"{fact.direction.value} {fact.from_number} → {fact.to_number}: {_title(fact)}",
        "detail": directive.model_dump(mode="json"),
        "outcome": directive.action,
    }
    if isinstance(directive, Reject):
        step["error"] = f"{directive.code} {directive.reason}"
    return [*found, step]


_USAGE = re.compile(
    r"(?P<id>\S+) (?:(?P<scope_id>\S+) )?(?P<used>\d+)/(?P<limit>\d+|-)(?: in (\d+) s)?"
)


def _usage(detail: str) -> dict[str, Any]:
    """Of a limit that was checked: whose, how much of it was used, and how much there is."""
    found = _USAGE.fullmatch(detail)
    if found is None:
        return {}
    limit, period = found["limit"], found[5]
    return {
        "id": found["id"],
        **({"scope_id": found["scope_id"]} if found["scope_id"] else {}),
        "used": int(found["used"]),
        "limit": None if limit == "-" else int(limit),
        **({"period_sec": int(period)} if period else {}),
    }


def _flow_steps(fact: FlowStepped) -> list[dict[str, Any]]:
    """The nodes that were passed, and the command that came of it."""
    found = [_order_step(fact)] if fact.reported in ORDERS else []
    found += [_node_step(fact, visited) for visited in fact.path]
    command = fact.command
    said = "started" if fact.reported is None else fact.reported
    step: dict[str, Any] = {
        "ts": fact.at,
        "source": "flow",
        "kind": command.command,
        "title": f"{fact.flow_id} v{fact.flow_version}: {said} → {command.command}",
        "detail": {
            "seq": fact.seq,
            "data": fact.data,
            "variables": fact.variables,
            "command": command.model_dump(mode="json", by_alias=True, exclude_none=True),
        },
        "outcome": command.command,
    }
    return [*found, step]


def _order_step(fact: FlowStepped) -> dict[str, Any]:
    """Who gives the call to whom, or what is to become of that."""
    title = (fact.reported or "").replace("_", ": ")
    if fact.reported == "transfer":
        title = "{user_id} transfers the caller to {kind} {id} ({mode})".format(**fact.data)
    return {
        "ts": fact.at,
        "source": "flow",
        "kind": fact.reported,
        "title": title,
        "detail": fact.data,
    }


def _refused_step(fact: TransferRefused) -> dict[str, Any]:
    return {
        "ts": fact.at,
        "source": "flow",
        "kind": "refused",
        "title": f"{fact.from_user_id} may not transfer to {fact.target_kind} {fact.target_id}",
        "detail": {"reason": fact.reason},
        "outcome": "refused",
        "error": fact.reason,
    }


def _node_step(fact: FlowStepped, visited: Visited) -> dict[str, Any]:
    node_id, kind, outcome, note = visited
    step: dict[str, Any] = {
        "ts": fact.at,
        "source": "flow",
        "kind": kind or "flow",
        "title": ": ".join(part for part in (f"{kind} {node_id}".strip(), outcome) if part),
        "detail": {"node": node_id} | ({"what": note} if note else {}),
        "outcome": outcome or "waits",
    }
    if kind == "error":
        step["error"] = note
    return step


def _title(fact: CallRouted) -> str:
    match fact.directive:
        case RunFlow() as flow:
            return f"run {flow.flow_id} v{flow.flow_version}"
        case ProxyToUser() as proxy:
            return f"ring {len(proxy.aors)} device(s) of {proxy.user_id}"
        case SendOut() as out:
            return f"send out through {out.trunk_id or 'wholesale'}"
        case Reject() as reject:
            return f"reject {reject.code} {reject.reason}"


def _cost(outcome: Outcome) -> str:
    if outcome.cost_micros is None:
        return ""
    return f", costs {_units(outcome.cost_micros)} {outcome.currency}"


def _units(micros: int) -> str:
    units, rest = divmod(micros, 1_000_000)
    return f"{units}.{rest:06}"


def _suspicious(fact: TollFraudSuspected) -> str:
    if fact.spent_micros is None:
        return f"{fact.count} costly calls"
    return f"{_units(fact.spent_micros)} spent on costly calls"


def _usual(fact: TollFraudSuspected) -> int | str:
    return fact.usual if fact.usual_micros is None else _units(fact.usual_micros)


def _end_step(fact: CallEnded) -> dict[str, Any]:
    outcome = fact.outcome
    return {
        "ts": outcome.end_ts,
        "source": "cdr",
        "kind": "ended",
        "title": f"Ended: {outcome.disposition.value}, {outcome.billsec} s billed{_cost(outcome)}",
        "detail": outcome.model_dump(mode="json"),
        "outcome": outcome.disposition.value,
    }
