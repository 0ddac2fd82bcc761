"""Which public events is a fact? Their names and data, as spec 07 (Webhooks) gives them.

Nothing but the fact is asked: the same fact is the same events at any time, so what was announced
can be announced again from the store. What a delivery says is fixed byte for byte, and so is its
id, which is made from the subscription and the fact's position.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from domain.identifiers import derived
from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentFact,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentMadeAvailable,
    AgentPaused,
    AgentReserved,
    AgentWrappedUp,
    CallerLeft,
    CallerQueued,
    ConversationEnded,
    Departure,
    LeaseConfirmed,
    LeaseFact,
    LeaseReleased,
)
from events.bans import BanImposed, BanObserved
from events.base import CallId, Fact, Millis
from events.call import CallAnswered, CallEnded, CallRouted
from events.capacity import LimitExceeded, TollFraudSuspected
from events.resources import Webhook
from events.voicemail import MessageLeft
from events.webhooks import WebhookTested

EVENTS_OF_A_FACT = 4
"""Of one fact at most: places are counted in steps of it."""


class Announcement(NamedTuple):
    """A public event: its name, the call that it is about, its data."""

    event: str
    call_id: CallId | None
    data: dict[str, Any]


class Owing(NamedTuple):
    """An event that a subscription is to hear of."""

    webhook_id: str
    place: int
    """Position of the fact, times `EVENTS_OF_A_FACT`, and the event's number in the fact: the order
    of everything that a subscription is owed."""
    fact: Fact
    announcement: Announcement


def owing(webhook_id: str, webhook: Webhook, position: int, fact: Fact) -> Iterator[Owing]:
    """What the subscription, as it is, is to hear of a fact of its account."""
    for number, announcement in enumerate(announced(fact)):
        if _wants(webhook_id, webhook, announcement.event, fact):
            place = position * EVENTS_OF_A_FACT + number
            yield Owing(webhook_id, place, fact, announcement)


def _wants(webhook_id: str, webhook: Webhook, event: str, fact: Fact) -> bool:
    if isinstance(fact, WebhookTested):
        return fact.webhook_id == webhook_id
    return "*" in webhook.events or event in webhook.events


def delivery(owed: Owing, sequence: int | None) -> dict[str, Any]:
    """A row of the outbox. `sequence` counts the events of one call that the subscription is owed;
    null for what is about no call."""
    event, call_id, data = owed.announcement
    delivery_id = _delivery_id(owed, owed.fact.at)
    body = {
        "event": event,
        "account_id": owed.fact.account_id,
        "id": delivery_id,
        "sequence": sequence,
        "data": data,
        "ts": owed.fact.at,
    }
    return {
        "delivery_id": delivery_id,
        "webhook_id": owed.webhook_id,
        "account_id": owed.fact.account_id,
        "place": owed.place,
        "event": event,
        "call_id": call_id,
        "sequence": sequence,
        "body": orjson.dumps(body).decode(),
        "at": owed.fact.at,
    }


def announced(fact: Fact) -> Iterator[Announcement]:
    """The public events that a fact is; at most `EVENTS_OF_A_FACT`."""
    match fact:
        case CallRouted() if fact.hop == 1:
            yield Announcement(
                "call.started",
                fact.call_id,
                {
                    "callId": fact.call_id,
                    "from": fact.from_number,
                    "to": fact.to_number,
                    "src_ip": fact.src_ip,
                    "direction": fact.direction.value,
                    "ts": fact.at,
                },
            )
        case CallAnswered():
            yield Announcement(
                "call.answered", fact.call_id, {"callId": fact.call_id, "ts": fact.ts}
            )
        case CallEnded():
            outcome = fact.outcome
            yield Announcement(
                "call.ended",
                fact.call_id,
                {
                    "callId": fact.call_id,
                    "direction": outcome.direction.value,
                    "answered": int(outcome.answered),
                    "billsec": outcome.billsec,
                    "duration_sec": outcome.duration_sec,
                    "hangup_cause": outcome.hangup_cause,
                    "disposition": outcome.disposition.value,
                    "queue_id": outcome.queue_id,
                    "agent_id": outcome.agent_id,
                    "ts": outcome.end_ts,
                    **outcome.model_dump(include={"cost_micros", "currency"}, exclude_none=True),
                },
            )
        case LimitExceeded():
            members = {"callId": fact.call_id, "ts": fact.at}
            members |= fact.model_dump(mode="json", exclude={"account_id", "at", "call_id"})
            yield Announcement("limit.exceeded", fact.call_id, members)
        case TollFraudSuspected():
            yield Announcement(
                "limit.exceeded",
                fact.call_id,
                {
                    "callId": fact.call_id,
                    "ts": fact.at,
                    "limit_id": "toll_fraud",
                    "scope_kind": "account",
                    "scope_id": fact.account_id,
                    "used": fact.count,
                    "max_count": fact.usual,
                    "period_sec": 3_600,
                    **fact.model_dump(include={"spent_micros", "usual_micros"}, exclude_none=True),
                },
            )
        case CallerQueued():
            data: dict[str, Any] = {"priority": fact.priority, "ts": fact.at}
            yield Announcement("queue.entered", fact.call_id, _queue_data(fact) | data)
        case CallerLeft(departure=Departure.ABANDONED | Departure.TIMEOUT):
            data = {"reason": fact.departure.value, "waitMs": fact.at - fact.queued_at}
            yield Announcement(
                "queue.abandoned", fact.call_id, _queue_data(fact) | data | {"ts": fact.at}
            )
        case LeaseConfirmed():
            data = {"agentId": fact.agent_id, "waitMs": fact.at - fact.queued_at, "ts": fact.at}
            yield Announcement("queue.answered", fact.call_id, _queue_data(fact) | data)
            yield Announcement("agent.state", fact.call_id, _agent_data(fact))
        case AgentFact() if type(fact) in _AGENT_EVENTS:
            yield Announcement("agent.state", getattr(fact, "call_id", None), _agent_data(fact))
        case MessageLeft():
            data = fact.model_dump(include={"voicemail_id", "message_id", "caller", "duration_ms"})
            data |= {"callId": fact.call_id, "ts": fact.received_at}
            yield Announcement("voicemail.received", fact.call_id, data)
        case BanImposed():
            data = fact.model_dump(mode="json", include={"ip", "rule", "hits", "detail"})
            data |= {"group": fact.group, "expires_at": fact.expires_at, "ts": fact.at}
            yield Announcement("security.ban", None, {"source": "rule", "node_id": None, **data})
        case BanObserved():
            data = fact.model_dump(mode="json", include={"ip", "node_id", "hits", "expires_at"})
            data |= {"group": fact.group, "rule": fact.jail, "detail": fact.reason, "ts": fact.ts}
            yield Announcement("security.ban", None, {"source": "node", **data})
        case WebhookTested():
            yield Announcement("test", None, {"webhook_id": fact.webhook_id, "ts": fact.at})


def _queue_data(fact: CallerQueued | CallerLeft | LeaseConfirmed) -> dict[str, Any]:
    return {"callId": fact.call_id, "queueId": fact.queue_id}


_AGENT_EVENTS: dict[type[AgentFact], tuple[str, dict[str, str]]] = {
    AgentLoggedIn: ("login", {"state": "waiting"}),
    AgentLoggedOut: ("logout", {"status": "offline", "state": "waiting"}),
    AgentMadeAvailable: ("available", {"status": "available"}),
    AgentPaused: ("pause", {"status": "on_break"}),
    AgentReserved: ("ring", {"state": "offering"}),
    LeaseConfirmed: ("answer", {"state": "in_call"}),
    LeaseReleased: ("release", {"state": "waiting"}),
    ConversationEnded: ("end", {}),
    AgentWrappedUp: ("wrapup_done", {"state": "waiting"}),
    AgentCallBegan: ("extcall", {}),
    AgentCallOver: ("extcall_end", {}),
}
"""What a fact means to an agent: the event's name, and what it says about status and state."""


def _agent_data(fact: AgentFact) -> dict[str, Any]:
    event, known = _AGENT_EVENTS[type(fact)]
    data: dict[str, Any] = {"userId": fact.agent_id, "event": event, **known}
    match fact:
        case AgentLoggedIn():
            data["status"] = "available" if fact.ready else "on_break"
        case AgentPaused():
            data["reason"] = fact.reason
        case LeaseReleased():
            data["reason"] = fact.reason.value
        case ConversationEnded():
            data["state"] = "waiting" if fact.wrap_up_until is None else "wrap_up"
    if isinstance(fact, LeaseFact):
        data |= {"callId": fact.call_id, "queueId": fact.queue_id}
    elif isinstance(fact, AgentCallBegan | AgentCallOver):
        data["callId"] = fact.call_id
    return {**data, "ts": fact.at}


ANNOUNCED: frozenset[type[Fact]] = frozenset(
    {
        *(CallRouted, CallAnswered, CallEnded, LimitExceeded, TollFraudSuspected),
        *(CallerQueued, CallerLeft, MessageLeft, BanImposed, BanObserved),
        *_AGENT_EVENTS,
    }
)
"""The kinds of facts that are announced to whoever has subscribed to them."""


def _delivery_id(owed: Owing, at: Millis) -> str:
    """A TypeID whose time is the fact's and whose random part is a hash of what is delivered."""
    position = owed.place // EVENTS_OF_A_FACT
    text = f"{owed.webhook_id} {position} {owed.announcement.event}"
    return derived("whd", at, blake2b(text.encode(), digest_size=10).digest())
