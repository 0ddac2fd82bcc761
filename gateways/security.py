"""The defence as both HTTP services and the bus offer it: reports of nodes, bans, who is spared.

Bans concern the platform: every operator with the scope `security` sees and lifts the same ones.
Members are snake_case here; the edge control plane shows them in camelCase (`camel`).
"""

import time
from collections.abc import Mapping
from typing import Any, TypeVar

from psycopg.rows import DictRow
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from commands.bans import AllowRange, DisallowRange, ReportBans
from commands.message import Command
from domain.errors import Fault, Invalid
from domain.rules import faults_of
from events.base import PLATFORM
from gateways.bus.client import Commander, Reply
from gateways.bus.nodes import Nodes
from gateways.http.v1 import paging
from gateways.store.reader import Reader
from projections import bans

C = TypeVar("C", bound=BaseModel)
D = TypeVar("D", bound=Command)

SILENT = 120_000
"""Milliseconds without a report after which a node is shown as stale."""
STATUSES = ("active", "expired", "lifted")
MAX_LIMIT = 1000
_YES = ("1", "true")


class Security:
    def __init__(self, commander: Commander, reader: Reader, nodes: Nodes) -> None:
        self._commander = commander
        self._reader = reader
        self._nodes = nodes

    async def report(self, body: Mapping[str, Any], node_id: str) -> dict[str, Any]:
        """A node's snapshot of its bans; answers what the node has to do, read model or not."""
        timed = body if body.get("ts") else {**body, "ts": int(time.time() * 1000)}
        named = timed if timed.get("nodeId") else {**timed, "nodeId": node_id}
        command = _read(ReportBans, named)
        reply = await self._commander.ask(_addressed(command))
        await self._nodes.heard(command.node_id)
        return reply.body

    async def bans(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page of bans for the parameters status, q, flagged, limit, cursor."""
        limit, status = _limit(query.get("limit")), query.get("status") or None
        if status is not None and status not in STATUSES:
            raise _bad("status", f"is not one of {', '.join(STATUSES)}")
        flagged = _flag(query.get("flagged"))
        after = paging.decode(query.get("cursor") or None, int)
        now = int(time.time() * 1000)
        await self._reader.caught_up("bans")
        rows = await self._reader.query(
            lambda sql: bans.page(
                sql, status, query.get("q"), flagged, after[0] if after else None, limit + 1, now
            )
        )
        heard = await self._nodes.all()
        shown = [_shown(row, heard, now) for row in rows[:limit]]
        page: dict[str, Any] = {"ok": 1, "count": len(shown), "rows": shown}
        page["nodes"] = [_node(node_id, heard, now) for node_id in sorted(heard)]
        if len(rows) > limit:
            page["next_cursor"] = paging.encode(rows[limit - 1]["id"])
        return page

    async def allowed(self) -> dict[str, Any]:
        await self._reader.caught_up("bans")
        now = int(time.time() * 1000)
        rows = await self._reader.query(lambda sql: bans.allowances(sql, now))
        return {"ok": 1, "count": len(rows), "rows": rows}

    async def allow(
        self, body: Mapping[str, Any], by: str, command_id: str | None = None
    ) -> dict[str, Any]:
        """Members: ip or cidr, note?, ttl_sec?, force?."""
        name = "cidr" if body.get("cidr") else "ip"
        members = {"ip": body.get(name), "note": body.get("note") or None, "by": by}
        if body.get("ttl_sec") not in (None, ""):
            members["ttl_sec"] = body["ttl_sec"]
        members["force"] = str(body.get("force", "0")).lower() in _YES
        members["command_id"] = command_id
        try:
            reply = await self._ask(_read(AllowRange, members))
        except Invalid as invalid:
            raise Invalid(invalid.detail, [_renamed(f, name) for f in invalid.faults]) from None
        return _snake(reply.body)

    async def disallow(self, ip: str, by: str) -> dict[str, Any]:
        reply = await self._ask(_read(DisallowRange, {"ip": ip, "by": by}))
        return _snake(reply.body)

    async def _ask(self, command: Command) -> Reply:
        """Of the platform's owner; waits until the read model shows it."""
        reply = await self._commander.ask(_addressed(command))
        await self._reader.until_shown("bans", reply.position)
        return reply


def camel(value: Any) -> Any:
    """The same with the names of all members in camelCase."""
    if isinstance(value, dict):
        return {to_camel(name): camel(member) for name, member in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def _addressed(command: D) -> D:
    return command.model_copy(update={"account_id": PLATFORM})


def _snake(reply: Mapping[str, Any]) -> dict[str, Any]:
    names = {"expiresAt": "expires_at"}
    return {names.get(name, name): value for name, value in reply.items()}


def _shown(row: DictRow, heard: Mapping[str, int], now: int) -> dict[str, Any]:
    own = {"rule": row["own_rule"], "expires_at": row["own_until"], "detail": row["own_detail"]}
    ended = row["ended_at"] if row["status"] == row["now_status"] else row["own_until"]
    return {
        "id": str(row["id"]),
        "ip": row["address"],
        "status": row["now_status"],
        "reason": row["reason"],
        "jail": row["jail"],
        "hits": row["hits"],
        "first_seen": row["first_seen"],
        "last_seen": row["last_seen"],
        "expires_at": row["expires_at"] or row["own_until"],
        "user_agent": row["user_agent"],
        "country": row["country"],
        "nodes": [_node(node_id, heard, now) for node_id in sorted(row["nodes"])],
        "own": own if row["own_rule"] else None,
        "flagged": int(bool(row["flags"])),
        "flags": row["flags"],
        "ended_at": ended,
        "ended_by": row["ended_by"],
    }


def _node(node_id: str, heard: Mapping[str, int], now: int) -> dict[str, Any]:
    last = heard.get(node_id)
    return {
        "node_id": node_id,
        "last_report": last,
        "stale": int(last is None or now - last > SILENT),
    }


def _limit(text: Any) -> int:
    if text in (None, ""):
        return 100
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= MAX_LIMIT:
        raise _bad("limit", f"is not a number from 1 to {MAX_LIMIT}")
    return limit


def _flag(text: Any) -> bool | None:
    if text in (None, ""):
        return None
    if str(text).lower() not in ("0", "1", "true", "false"):
        raise _bad("flagged", "is not 0 or 1")
    return str(text).lower() in _YES


def _bad(name: str, detail: str) -> Invalid:
    return Invalid("the request is not valid", [Fault(f"/{name}", detail)])


def _renamed(fault: Fault, name: str) -> Fault:
    """The range is called as the caller called it."""
    return Fault(f"/{name}", fault.detail) if fault.pointer in ("/ip", "/cidr") else fault


def _read(kind: type[C], members: Mapping[str, Any]) -> C:
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        raise Invalid("the request is not valid", faults_of(error)) from None
