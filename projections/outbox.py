"""Which webhook deliveries are owed? One row per subscription and event (spec 07, Webhooks).

The body is fixed here, byte for byte, and so is the delivery's id, which is made from the
subscription and the position of the fact: a retry, a restart and a rebuild all send the same.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow
from typeid import TypeID
from uuid_utils import UUID

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
from events.base import AccountId, CallId, Fact, Millis
from events.call import CallEnded, CallRouted
from events.capacity import LimitExceeded, TollFraudSuspected
from events.resources import Changed, Created, Deleted, Webhook
from events.voicemail import MessageLeft
from events.webhooks import WebhookTested
from projections.base import Positioned, Projection, columns_of, unnest

_DELIVERY = {
    "delivery_id": "text",
    "webhook_id": "text",
    "account_id": "text",
    "position": "bigint",
    "event": "text",
    "call_id": "text",
    "body": "text",
    "at": "bigint",
}
_INSERT = f"INSERT INTO outbox ({', '.join(_DELIVERY)}) SELECT * FROM {unnest(_DELIVERY)}"
_SUBSCRIBE = """
    INSERT INTO subscription (webhook_id, account_id, url, secret_ref, events, status)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (webhook_id) DO UPDATE
       SET url = EXCLUDED.url, secret_ref = EXCLUDED.secret_ref, events = EXCLUDED.events,
           status = EXCLUDED.status"""


class Outbox(Projection):
    name = "outbox"
    version = 1
    tables = ("subscription", "outbox")
    ddl = """
        CREATE TABLE subscription (
            webhook_id text PRIMARY KEY, account_id text NOT NULL, url text NOT NULL,
            secret_ref text NOT NULL, events text[] NOT NULL, status text NOT NULL
        );
        CREATE TABLE outbox (
            delivery_id text PRIMARY KEY, webhook_id text NOT NULL, account_id text NOT NULL,
            position bigint NOT NULL, event text NOT NULL, call_id text, body text NOT NULL,
            at bigint NOT NULL
        );
        CREATE INDEX outbox_webhook_idx ON outbox (webhook_id, position);
        CREATE INDEX outbox_position_idx ON outbox (position);
    """

    def __init__(self) -> None:
        self._subscriptions: dict[AccountId, dict[str, Webhook]] | None = None

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        if self._subscriptions is None:
            self._subscriptions = _load(cursor)
        owed: list[dict[str, Any]] = []
        changed = False
        for position, _, _, _, fact in facts:
            if isinstance(fact, Created | Changed | Deleted):
                changed |= self._subscribe(cursor, fact)
            elif subscribed := self._subscriptions.get(fact.account_id):
                for event, call_id, data in _announced(fact):
                    owed += [
                        _delivery(webhook_id, fact, position, event, call_id, data)
                        for webhook_id, webhook in subscribed.items()
                        if _wants(webhook_id, webhook, event, fact)
                    ]
        if owed:
            cursor.execute(_INSERT, columns_of(owed, list(_DELIVERY)))
        return changed or bool(owed)

    def _subscribe(
        self, cursor: Cursor[DictRow], fact: Created[Any] | Changed[Any] | Deleted[Any]
    ) -> bool:
        assert self._subscriptions is not None
        of_account = self._subscriptions.setdefault(fact.account_id, {})
        if isinstance(fact, Deleted):
            if of_account.pop(fact.id, None) is None:
                return False
            cursor.execute("DELETE FROM subscription WHERE webhook_id = %s", (fact.id,))
            return True
        if isinstance(fact.body, Webhook):
            body = fact.body
            of_account[fact.id] = body
            values = (body.url, body.secret_ref, list(body.events), body.status)
            cursor.execute(_SUBSCRIBE, (fact.id, fact.account_id, *values))
            return True
        return False


def _load(cursor: Cursor[DictRow]) -> dict[AccountId, dict[str, Webhook]]:
    found: dict[AccountId, dict[str, Webhook]] = {}
    for row in cursor.execute("SELECT * FROM subscription").fetchall():
        found.setdefault(AccountId(row["account_id"]), {})[row["webhook_id"]] = Webhook(
            url=row["url"],
            secret_ref=row["secret_ref"],
            events=tuple(row["events"]),
            status=row["status"],
        )
    return found


def _wants(webhook_id: str, webhook: Webhook, event: str, fact: Fact) -> bool:
    if isinstance(fact, WebhookTested):
        return fact.webhook_id == webhook_id
    if webhook.status == "disabled":
        return False
    return "*" in webhook.events or event in webhook.events


def _announced(fact: Fact) -> Iterator[tuple[str, CallId | None, dict[str, Any]]]:
    """The public events that a fact is: name, call, data."""
    match fact:
        case CallRouted() if fact.hop == 1:
            yield (
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
        case CallEnded():
            outcome = fact.outcome
            yield (
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
            yield "limit.exceeded", fact.call_id, members
        case TollFraudSuspected():
            yield (
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
            yield "queue.entered", fact.call_id, _queue_data(fact) | data
        case CallerLeft(departure=Departure.ABANDONED | Departure.TIMEOUT):
            data = {"reason": fact.departure.value, "waitMs": fact.at - fact.queued_at}
            yield "queue.abandoned", fact.call_id, _queue_data(fact) | data | {"ts": fact.at}
        case LeaseConfirmed():
            data = {"agentId": fact.agent_id, "waitMs": fact.at - fact.queued_at, "ts": fact.at}
            yield "queue.answered", fact.call_id, _queue_data(fact) | data
            yield "agent.state", fact.call_id, _agent_data(fact)
        case AgentFact() if type(fact) in _AGENT_EVENTS:
            yield "agent.state", getattr(fact, "call_id", None), _agent_data(fact)
        case MessageLeft():
            data = fact.model_dump(include={"voicemail_id", "message_id", "caller", "duration_ms"})
            data |= {"callId": fact.call_id, "ts": fact.received_at}
            yield "voicemail.received", fact.call_id, data
        case WebhookTested():
            yield "test", None, {"webhook_id": fact.webhook_id, "ts": fact.at}


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


def _delivery(
    webhook_id: str,
    fact: Fact,
    position: int,
    event: str,
    call_id: CallId | None,
    data: dict[str, Any],
) -> dict[str, Any]:
    delivery_id = _delivery_id(webhook_id, position, event, fact.at)
    body = {
        "event": event,
        "account_id": fact.account_id,
        "id": delivery_id,
        "data": data,
        "ts": fact.at,
    }
    return {
        "delivery_id": delivery_id,
        "webhook_id": webhook_id,
        "account_id": fact.account_id,
        "position": position,
        "event": event,
        "call_id": call_id,
        "body": orjson.dumps(body).decode(),
        "at": fact.at,
    }


def _delivery_id(webhook_id: str, position: int, event: str, at: Millis) -> str:
    """A TypeID whose time is the fact's and whose random part is a hash of what is delivered."""
    digest = blake2b(f"{webhook_id} {position} {event}".encode(), digest_size=10).digest()
    number = int.from_bytes(at.to_bytes(6, "big") + digest, "big")
    version_and_variant = (number & ~(0xF << 76) & ~(0x3 << 62)) | (0x7 << 76) | (0x2 << 62)
    return str(TypeID.from_uuid(UUID(int=version_and_variant), prefix="whd"))
