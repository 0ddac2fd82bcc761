"""Which account does a call belong to? For events that carry only the call's id.

Known from the route request that came through this gateway; otherwise the store knows. And the
other way round: which calls does an edge node have?
"""

from collections import OrderedDict
from collections.abc import Sequence

import orjson
from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId, CallId
from gateways.store.reader import Reader
from projections import channels

REMEMBERED = 200_000
"""Calls; about 20 MB."""


class Steering:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: OrderedDict[CallId, AccountId] = OrderedDict()

    def expect(self, call_id: CallId, account_id: AccountId) -> None:
        """The call is being routed; its events may come before the answer."""
        if call_id not in self._known:
            self.learn(call_id, account_id)

    def learn(self, call_id: CallId, account_id: AccountId) -> None:
        self._known[call_id] = account_id
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def account_of(self, call_id: CallId) -> AccountId | None:
        """The account that routed the call; None when nothing is known of it."""
        known = self._known.get(call_id)
        if known is None:
            known = await self._reader.query(lambda cursor: _first_owner(cursor, call_id))
            if known is not None:
                self.learn(call_id, known)
        return known

    async def lost_calls(
        self, node_id: str, ts: int, listed: Sequence[CallId]
    ) -> dict[AccountId, list[CallId]]:
        """The calls by account that are open at the node as of `ts`, but that it does not list."""
        await self._reader.caught_up("channels")
        rows = await self._reader.query(
            lambda cursor: channels.open_at_node(cursor, node_id, ts, listed)
        )
        found: dict[AccountId, list[CallId]] = {}
        for row in rows:
            found.setdefault(AccountId(row["account_id"]), []).append(CallId(row["call_id"]))
        return found


def _first_owner(cursor: Cursor[DictRow], call_id: CallId) -> AccountId | None:
    row = cursor.execute(
        "SELECT state FROM events.stored_events WHERE originator_id = %s"
        " ORDER BY (topic = 'call.routed.v1') DESC, originator_version LIMIT 1",
        (f"call-{call_id}",),
    ).fetchone()
    return AccountId(orjson.loads(bytes(row["state"]))["account_id"]) if row else None
