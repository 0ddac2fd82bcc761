"""Which webhook deliveries are owed? One row per subscription and event (spec 07, Webhooks).

What is announced, and under which id, says `projections/announcements.py`; here a delivery gets its
number in the call. A retry, a restart and a rebuild all send the same bytes.

The sender removes rows that were delivered long ago; a rebuild brings them back, as delivered: they
lie below the place up to which the subscription is paid.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId, Millis
from events.resources import Changed, Created, Deleted, Webhook
from projections.announcements import Owing, delivery, owing
from projections.base import Positioned, Projection, columns_of, unnest

DELIVERY = {
    "delivery_id": "text",
    "webhook_id": "text",
    "account_id": "text",
    "place": "bigint",
    "event": "text",
    "call_id": "text",
    "sequence": "bigint",
    "body": "text",
    "at": "bigint",
}
"""Columns of a delivery and their types."""
_INSERT = f"INSERT INTO outbox ({', '.join(DELIVERY)}) SELECT * FROM {unnest(DELIVERY)}"
_SUBSCRIPTION = (
    *("webhook_id", "account_id", "url", "secret_ref", "previous_secret_ref"),
    *("previous_secret_until", "events", "status", "active_since"),
)
_SUBSCRIBE = f"""
    INSERT INTO subscription AS old ({", ".join(_SUBSCRIPTION)})
    VALUES ({", ".join(f"%({column})s" for column in _SUBSCRIPTION)})
    ON CONFLICT (webhook_id) DO UPDATE
       SET {", ".join(f"{c} = EXCLUDED.{c}" for c in _SUBSCRIPTION[2:-1])},
           active_since = CASE WHEN EXCLUDED.status = 'active' AND old.status <> 'active'
                               THEN EXCLUDED.active_since ELSE old.active_since END"""
_NUMBERS = """
    SELECT wanted.webhook_id, wanted.call_id, last.sequence
      FROM unnest(%b::text[], %b::text[]) AS wanted (webhook_id, call_id)
     CROSS JOIN LATERAL (
           SELECT max(sequence) AS sequence FROM outbox
            WHERE outbox.call_id = wanted.call_id AND outbox.webhook_id = wanted.webhook_id
           ) AS last"""
"""One look into an index per call: the planner must not think of reading the table."""
KEPT_NUMBERS = 50_000

Call = tuple[str, str]
"""A call as a subscription hears of it: webhook id, call id."""


class Numbers:
    """The last number of each call that was heard of lately."""

    def __init__(self) -> None:
        self._last: OrderedDict[Call, int] = OrderedDict()

    def unknown(self, calls: Sequence[Call]) -> list[Call]:
        return [call for call in dict.fromkeys(calls) if call not in self._last]

    def learn(self, call: Call, last: int) -> None:
        self._last[call] = last

    def next(self, owed: Owing) -> int | None:
        """The number of a delivery: 1 for the first that the subscription hears of the call."""
        if owed.announcement.call_id is None:
            return None
        call = (owed.webhook_id, owed.announcement.call_id)
        number = self._last[call] = self._last.get(call, 0) + 1
        self._last.move_to_end(call)
        return number

    def trim(self) -> None:
        while len(self._last) > KEPT_NUMBERS:
            self._last.popitem(last=False)


class Outbox(Projection):
    name = "outbox"
    version = 2
    tables = ("subscription", "outbox")
    ddl = """
        CREATE TABLE subscription (
            webhook_id text PRIMARY KEY, account_id text NOT NULL, url text NOT NULL,
            secret_ref text NOT NULL, previous_secret_ref text, previous_secret_until bigint,
            events text[] NOT NULL, status text NOT NULL, active_since bigint NOT NULL
        );
        CREATE TABLE outbox (
            delivery_id text PRIMARY KEY, webhook_id text NOT NULL, account_id text NOT NULL,
            place bigint NOT NULL, event text NOT NULL, call_id text, sequence bigint,
            body text NOT NULL, at bigint NOT NULL
        );
        CREATE INDEX outbox_webhook_idx ON outbox (webhook_id, place);
        CREATE INDEX outbox_place_idx ON outbox (place);
        CREATE INDEX outbox_call_idx ON outbox (call_id, webhook_id, sequence);
    """

    def __init__(self) -> None:
        self._subscriptions: dict[AccountId, dict[str, Webhook]] | None = None
        self._numbers = Numbers()

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        if self._subscriptions is None:
            self._subscriptions = _load(cursor)
        owed: list[Owing] = []
        changed = False
        for position, _, _, _, fact in facts:
            if isinstance(fact, Created | Changed | Deleted):
                changed |= self._subscribe(cursor, fact)
            elif subscribed := self._subscriptions.get(fact.account_id):
                for webhook_id, webhook in subscribed.items():
                    if webhook.status != "disabled":
                        owed += owing(webhook_id, webhook, position, fact)
        if owed:
            rows = self._numbered(cursor, owed)
            cursor.execute(_INSERT, columns_of(rows, list(DELIVERY)))
        return changed or bool(owed)

    def _numbered(self, cursor: Cursor[DictRow], owed: Sequence[Owing]) -> list[dict[str, Any]]:
        calls = [(o.webhook_id, o.announcement.call_id) for o in owed if o.announcement.call_id]
        if unknown := self._numbers.unknown(calls):
            arguments = [one for one, _ in unknown], [call for _, call in unknown]
            for row in cursor.execute(_NUMBERS, arguments).fetchall():
                call = (row["webhook_id"], row["call_id"])
                self._numbers.learn(call, row["sequence"] or 0)
        rows = [delivery(one, self._numbers.next(one)) for one in owed]
        self._numbers.trim()
        return rows

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
            of_account[fact.id] = fact.body
            cursor.execute(_SUBSCRIBE, _subscription(fact.id, fact.account_id, fact.body, fact.at))
            return True
        return False


def _subscription(id: str, account_id: AccountId, body: Webhook, at: Millis) -> dict[str, Any]:
    members = body.model_dump(include=set(_SUBSCRIPTION))
    about = {"webhook_id": id, "account_id": account_id, "active_since": at}
    return {**members, **about, "events": list(body.events)}


def _load(cursor: Cursor[DictRow]) -> dict[AccountId, dict[str, Webhook]]:
    found: dict[AccountId, dict[str, Webhook]] = {}
    for row in cursor.execute("SELECT * FROM subscription").fetchall():
        of_account = found.setdefault(AccountId(row["account_id"]), {})
        of_account[row["webhook_id"]] = Webhook.model_validate(row)
    return found
