"""GET /presence/users: a row per user of an account, and how many are in each bucket."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain.acd.floor import Bucket, State, Status, bucket
from events.base import AccountId
from projections import agents, directory
from projections import roster as contacts


class Found(NamedTuple):
    """What the read models know, by user."""

    users: dict[str, Mapping[str, Any]]
    tiers: dict[tuple[str, str], int]
    """(user, queue) → tier of the assignment."""
    agents: dict[str, DictRow]
    contacts: dict[str, list[dict[str, Any]]]


def read(cursor: Cursor[DictRow], account_id: AccountId) -> Found | None:
    """None when there is no such account."""
    rows = [row for row in directory.rows_of_account(cursor, account_id) if not row["deleted"]]
    if not any(row["kind"] == "account" for row in rows):
        return None
    reached: dict[str, list[dict[str, Any]]] = {}
    for row in contacts.contacts_of_account(cursor, account_id):
        reached.setdefault(row["user_id"], []).append(_contact(row))
    return Found(
        {row["id"]: row["body"] for row in rows if row["kind"] == "sip_user"},
        {
            (row["body"]["user_id"], row["body"]["queue_id"]): row["body"]["tier_level"]
            for row in rows
            if row["kind"] == "agent_queue_assignment"
        },
        {row["user_id"]: row for row in agents.of_account(cursor, account_id)},
        reached,
    )


def shown(account_id: AccountId, found: Found) -> dict[str, Any]:
    rows = [_row(found, id, user) for id, user in sorted(found.users.items())]
    counted = Counter(row["bucket"] for row in rows)
    return {
        "ok": 1,
        "accountId": account_id,
        "users": rows,
        "tiles": {one.value: counted[one.value] for one in Bucket},
    }


def _row(found: Found, id: str, user: Mapping[str, Any]) -> dict[str, Any]:
    agent, reached = found.agents.get(id), found.contacts.get(id, [])
    is_agent, reachable = bool(user["is_agent"]), any(one["reachable"] for one in reached)
    status = Status(agent["status"] or "offline") if agent else Status.OFFLINE
    state = State(agent["state"]) if agent else State.WAITING
    external = agent["external"] if agent else []
    call_id = external[0] if external else agent["call_id"] if agent else None
    return {
        "userId": id,
        "username": user["username"],
        "displayName": user["display_name"],
        "isAgent": is_agent,
        "status": status.value if is_agent else None,
        "state": state.value if is_agent else None,
        "bucket": bucket(status, state, reachable, bool(external), is_agent).value,
        "reachable": reachable,
        "contacts": reached,
        "queues": _queues(found, id, agent["queues"] if agent else {}),
        "since": agent["since"] if agent else None,
        "reason": agent["reason"] if agent else None,
        "wrapUpUntil": agent["wrap_up_until"] if agent else None,
        **({"callId": call_id} if call_id else {}),
    }


def _queues(found: Found, id: str, joined: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """Those that he is in now; an assignment that is gone is a queue that he has left."""
    tiers = {
        queue: found.tiers.get((id, queue)) if level is None else level
        for queue, level in joined.items()
    }
    return [{"queueId": queue, "level": tier} for queue, tier in tiers.items() if tier is not None]


def _contact(row: DictRow) -> dict[str, Any]:
    return {
        "deviceId": row["device_id"],
        "contact": row["contact"],
        "reachable": bool(row["reachable"]),
        "expiresAt": row["expires_at"],
        "userAgent": row["user_agent"],
    }
