"""A call's trace, read from the store: its facts, the SIP messages that were captured of it and the
webhooks that told of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain.errors import NotFound
from events.base import AccountId, CallId, StreamName
from events.call import CallEnded, CallRouted
from gateways.store.codec import decode
from projections import causality, signalling, trace, webhook_steps
from projections.base import Positioned


class Trace(NamedTuple):
    account_id: AccountId
    facts: list[Positioned]
    steps: list[dict[str, Any]]

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
