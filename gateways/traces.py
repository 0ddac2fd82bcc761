"""A call's trace, read from the store: its facts, the SIP messages that were captured of it and the
webhooks that told of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain import why
from domain.errors import Invalid, NotFound
from events.acd import AgentReserved, CallerQueued, LeaseReleased
from events.base import AccountId, CallId, StreamName
from events.call import CallEnded, CallRouted
from gateways.replay import MAX_HISTORY, history
from gateways.store.codec import decode
from projections import causality, signalling, trace, webhook_steps
from projections.base import Positioned


class Trace(NamedTuple):
    account_id: AccountId
    facts: list[Positioned]
    steps: list[dict[str, Any]]
    note: str = ""
    """What was asked for and is not there."""

    @property
    def is_over(self) -> bool:
        return any(isinstance(one.fact, CallEnded) for one in self.facts)


def read(cursor: Cursor[DictRow], call_id: CallId, account_id: AccountId | None) -> Trace:
    """`account_id` None: whoever asks may see every account's calls. Raises NotFound."""
    facts = read_facts(cursor, call_id)
    owner = _owner(facts)
    if owner is None or account_id not in (None, owner):
        raise NotFound(f"no call {call_id}")
    order = causality.merged(call_id, facts, signalling.read(cursor, call_id))
    steps = trace.steps(order, webhook_steps.read(cursor, call_id, owner))
    return Trace(owner, facts, steps)


def explained(
    cursor: Cursor[DictRow],
    call_id: CallId,
    account_id: AccountId | None,
    most: int = MAX_HISTORY,
) -> Trace:
    """The same with `detail.considered` where a queue looked for an agent: each with the first
    thing that kept him from being rung. From the account as it was; with too long a history there
    is a `note` instead."""
    found = read(cursor, call_id, account_id)
    moments = {one.position for one in found.facts if isinstance(one.fact, _LOOKED)}
    if not moments:
        return found
    try:
        presence = [f"presence-{found.account_id}"]
        past = history(cursor, found.account_id, presence, max(moments), most)
    except Invalid as refusal:
        return found._replace(note=f"who was considered is not shown: {refusal.detail}")
    for position, findings in why.considered(found.account_id, call_id, past, moments).items():
        shown = [one._asdict() | {"reason": one.reason.value} for one in findings]
        for step in found.steps:
            if step["event_id"] == position and step["source"] == "acd":
                step["detail"]["considered"] = shown
    return found


_LOOKED = (CallerQueued, AgentReserved, LeaseReleased)
"""After these a caller waits, or rings somewhere."""


def _owner(facts: Sequence[Positioned]) -> AccountId | None:
    """Whose call it is: what was reported before the route request belongs to nobody yet."""
    routed = (one.fact.account_id for one in facts if isinstance(one.fact, CallRouted))
    return next(routed, facts[0].fact.account_id if facts else None)


def read_facts(cursor: Cursor[DictRow], call_id: CallId) -> list[Positioned]:
    """Every fact that concerns the call, in the order of the store."""
    rows: list[dict[str, Any]] = cursor.execute(trace.SELECT.encode(), (call_id,)).fetchall()
    return [
        Positioned(
            row["notification_id"],
            StreamName(row["originator_id"]),
            row["originator_version"],
            row["topic"],
            decode(row["topic"], bytes(row["state"])),
        )
        for row in rows
    ]
