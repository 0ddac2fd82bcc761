"""Which webhooks told of a call, and were they delivered? From what is owed and from the sender's
book."""

from collections.abc import Mapping
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId, CallId

MAX_DELIVERIES = 1_000
EVENT = "webhook.delivery"
"""What such a step is called in place of a fact's name."""
SELECT = """
    SELECT o.delivery_id, o.webhook_id, o.place, o.event, o.at, l.attempts, l.last_status,
           l.last_error, coalesce(l.state, CASE WHEN o.place <= p.place THEN 'delivered'
                                                ELSE 'waiting' END) AS state
      FROM views.outbox AS o
      LEFT JOIN delivery.ledger AS l USING (delivery_id)
      LEFT JOIN delivery.paid AS p ON p.webhook_id = o.webhook_id
     WHERE o.call_id = %s AND o.account_id = %s ORDER BY o.place, o.webhook_id LIMIT %s"""


def read(
    cursor: Cursor[DictRow], call_id: CallId, account_id: AccountId
) -> dict[int, list[dict[str, Any]]]:
    """Position of a fact → deliveries that are owed because of it."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in cursor.execute(SELECT, (call_id, account_id, MAX_DELIVERIES)).fetchall():
        found.setdefault(row["place"] // 4, []).append(row)
    return found


def step(row: Mapping[str, Any]) -> dict[str, Any]:
    state = row["state"]
    found: dict[str, Any] = {
        "ts": row["at"],
        "source": "webhook",
        "kind": row["event"],
        "title": f"{row['event']} to {row['webhook_id']}: {state}",
        "detail": {
            "delivery_id": row["delivery_id"],
            "webhook_id": row["webhook_id"],
            "attempts": row["attempts"] or 0,
            "status": row["last_status"],
        },
        "outcome": state,
    }
    if row["last_error"] and state != "delivered":
        found["error"] = row["last_error"]
    return found
