"""The edge control plane's paths: who may come in, and which function answers."""

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from commands.acd import ClaimCall, ConfirmLease, ShowAgent
from commands.bans import ReportRefusedAccess
from commands.capacity import ResetCapacity
from domain.errors import Fault, Forbidden, Gone, Invalid, NotFound, Refusal
from events.base import AccountId, CallId
from gateways import keyring, problems
from gateways.access import PREFIX_LENGTH, Gate, Principal, match_key
from gateways.addresses import Network, client_address
from gateways.bus.client import Commander, Reply
from gateways.carriers import CarrierHooks
from gateways.edge.control import TRANSFERS, EdgeControl, farewell, read
from gateways.following import Followers
from gateways.http import roster
from gateways.http.asgi import NDJSON, Answer, Endpoint, Handle, Live, Request, endpoint
from gateways.http.control.media import Media
from gateways.http.control.speech import Prompts
from gateways.http.traces import followed, trace_answer
from gateways.locator import Locator
from gateways.problems import NotImplementedHere, Unauthenticated
from gateways.security import Security, camel
from gateways.store.reader import Reader
from projections import channels, directory


@dataclass(slots=True)
class ControlPlane:
    """What the handlers need."""

    edge: EdgeControl
    security: Security
    commander: Commander
    locator: Locator
    reader: Reader
    carriers: CarrierHooks
    gate: Gate
    trusted_proxies: tuple[Network, ...]
    api_url: str
    max_body: int
    media: Media
    max_media: int
    prompts: Prompts
    followers: Followers

    def endpoints(self) -> list[Endpoint]:
        """Every path of this service but health and metrics."""
        node, operator = self._for_nodes, self._for_operators
        paths: dict[str, dict[str, Handle]] = {
            "/auth": {"POST": node(self._auth)},
            "/auth/challenge": {"POST": node(self._challenge)},
            "/route": {"POST": node(self._route)},
            "/flow": {"POST": node(self._flow)},
            "/presence/event": {"POST": node(self._event)},
            "/security/report": {"POST": node(self._report)},
            "/security/bans": {"GET": operator(self._bans)},
            "/agent": {"POST": operator(self._control_agent), "GET": operator(self._show_agent)},
            "/presence/users": {"GET": operator(self._users)},
            "/cac": {"GET": operator(self._usage)},
            "/cac/reset": {"POST": operator(self._reset)},
            "/admin/tts/generate": {"POST": self._for_admin(self.prompts.generate)},
        }
        paths |= {
            f"/transfer/{action}".rstrip("/"): {"POST": operator(self._transfer)}
            for action in TRANSFERS
        }
        found = [endpoint(path, way, self.max_body, self._refused) for path, way in paths.items()]
        for path, answered in (("/agent/confirm", self._confirm), ("/agent/claim", self._claim)):
            way = {"GET": node(answered)}
            found.append(endpoint(path, way, self.max_body, self._refused, is_mount=True))
        trace = {"GET": operator(self._trace)}
        found.append(endpoint("/calls", trace, self.max_body, self._refused, is_mount=True))
        spared = {
            "GET": operator(self._allowed),
            "POST": operator(self._allow),
            "DELETE": operator(self._disallow),
        }
        found.append(
            endpoint("/security/allow", spared, self.max_body, self._refused, is_mount=True)
        )
        reports = {"POST": self._carrier}
        found.append(
            endpoint("/hooks/carrier", reports, self.max_body, self._refused, is_mount=True)
        )
        stored = {
            "GET": operator(self.media.get),
            "HEAD": operator(self.media.get),
            "PUT": node(self.media.put),
        }
        found.append(
            endpoint("/media", stored, self.max_media, self._refused, is_mount=True, streams=True)
        )
        elsewhere = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), self._elsewhere)
        found.append(endpoint("/v1", elsewhere, self.max_body, is_mount=True))
        return found

    # Who may come in

    def _for_nodes(self, handle: Callable[[Request, Principal], Awaitable[Answer]]) -> Handle:
        async def gated(request: Request) -> Answer:
            return await handle(request, await self._node(request))

        return gated

    def _for_operators(self, handle: Callable[[Request, Principal], Awaitable[Answer]]) -> Handle:
        async def gated(request: Request) -> Answer:
            return await handle(request, await self._operator(request))

        return gated

    def _for_admin(self, handle: Callable[[Request, Principal], Awaitable[Answer]]) -> Handle:
        async def gated(request: Request) -> Answer:
            admin = self.gate.admin(request.headers.get("x-admin-token"))
            if admin is None:
                raise Unauthenticated("this needs x-admin-token")
            return await handle(request, admin)

        return gated

    async def _node(self, request: Request) -> Principal:
        """A trusted address or a node's token."""
        if principal := self.gate.node(self._address(request)):
            return principal
        token = request.headers.get("x-node-token")
        if token is None:
            raise Unauthenticated("an edge node shows x-node-token or comes from a trusted address")
        return await self._node_key(token)

    async def _operator(self, request: Request) -> Principal:
        """The admin, an API key, or a node. A credential that is shown has to be good."""
        if principal := self.gate.admin(request.headers.get("x-admin-token")):
            return principal
        if key := request.headers.get("x-api-key"):
            return await keyring.holder(self.reader, key, ("sk",))
        return await self._node(request)

    async def _node_key(self, key: str) -> Principal:
        """From memory, for nodes ask often; one that is not known may have been made a moment ago,
        at another gateway."""
        if (principal := self._known(key)) is None:
            await self.locator.look_again()
            principal = self._known(key)
        if principal is None:
            raise Unauthenticated("the key is unknown, revoked or expired")
        return principal

    def _known(self, key: str) -> Principal | None:
        known = self.locator.keys.get(key[:PREFIX_LENGTH], {})
        candidates = [(id, row.account_id, row.body) for id, row in known.items()]
        return match_key(key, candidates, "node")

    def _address(self, request: Request) -> str:
        forwarded = request.headers.get("x-forwarded-for")
        return client_address(request.peer, [forwarded] if forwarded else [], self.trusted_proxies)

    def _refused(self, request: Request, refusal: Refusal) -> None:
        """A refused caller is an event."""
        if isinstance(refusal, Unauthenticated | Forbidden):
            status = 401 if isinstance(refusal, Unauthenticated) else 403
            self.commander.tell(
                ReportRefusedAccess(
                    ip=self._address(request)[:64] or "unknown",
                    path=quote(request.path)[:255],
                    status=status,
                )
            )

    # What answers

    async def _auth(self, request: Request, node: Principal) -> Answer:
        answer = await self.edge.auth(request.members(), self._address(request))
        return Answer(answer, 200 if answer["ok"] else 401)

    async def _challenge(self, request: Request, node: Principal) -> Answer:
        return Answer(self.edge.challenge(request.members()))

    async def _route(self, request: Request, node: Principal) -> Answer:
        return Answer(await self.edge.route(request.members(), self._node_id(request, node)))

    async def _flow(self, request: Request, node: Principal) -> Answer:
        try:
            return Answer(await self.edge.flow(request.members(), self._node_id(request, node)))
        except (NotFound, Gone) as refusal:
            body = {**problems.body_of(refusal, request.path), **farewell(refusal)}
            return Answer(body, problems.status_of(refusal).code, problems.MEDIA_TYPE)

    async def _event(self, request: Request, node: Principal) -> Answer:
        return Answer(await self.edge.events(request.members(), self._node_id(request, node)))

    def _node_id(self, request: Request, node: Principal) -> str:
        return request.headers.get("x-node-id") or node.id

    async def _report(self, request: Request, node: Principal) -> Answer:
        body, node_id = request.members(), self._node_id(request, node)
        done = await self.security.report(body, node_id)
        return Answer({**done, "ops": await self.edge.owed(str(body.get("nodeId") or node_id))})

    async def _bans(self, request: Request, who: Principal) -> Answer:
        who.require("security")
        return Answer(camel(await self.security.bans(request.query)))

    async def _allowed(self, request: Request, who: Principal) -> Answer:
        who.require("security")
        if _below(request, "/security/allow"):
            raise NotFound(f"no {request.path}")
        return Answer(camel(await self.security.allowed()))

    async def _allow(self, request: Request, who: Principal) -> Answer:
        who.require("security")
        if _below(request, "/security/allow"):
            raise NotFound(f"no {request.path}")
        return Answer(camel(await self.security.allow(request.members(), who.id)))

    async def _disallow(self, request: Request, who: Principal) -> Answer:
        who.require("security")
        ip = _below(request, "/security/allow")
        if not ip:
            raise Invalid("which address?", [Fault("/ip", "is missing")])
        return Answer(camel(await self.security.disallow(ip, who.id)))

    async def _usage(self, request: Request, who: Principal) -> Answer:
        account_id = self._account(request.query, who)
        await self.reader.caught_up("channels")
        calls = await self.reader.query(lambda cursor: channels.open_calls(cursor, account_id))
        rows = await self.reader.query(lambda cursor: directory.rows_of_account(cursor, account_id))
        if not any(row["kind"] == "account" for row in rows):
            raise NotFound(f"no account {account_id}")
        now = int(time.time() * 1000)
        counted = await self.reader.query(lambda cursor: channels.windows(cursor, account_id, now))
        return Answer(usage(account_id, calls, rows, counted))

    async def _reset(self, request: Request, who: Principal) -> Answer:
        body = request.members()
        account_id = self._account(body, who)
        wish = {"accountId": account_id, "force": body.get("force", False)}
        reply = await self.commander.ask(read(ResetCapacity, wish))
        await self.reader.caught_up("channels", reply.position)
        return Answer(reply.body)

    async def _control_agent(self, request: Request, who: Principal) -> Answer:
        body = request.members()
        self._account(body, who, "agents")
        return Answer(await self.edge.agent(body, self._node_id(request, who)))

    async def _transfer(self, request: Request, who: Principal) -> Answer:
        if who.account_id is not None:
            who.require("agents")
        action, node_id = _below(request, "/transfer"), self._node_id(request, who)
        members = request.members()
        return Answer(await self.edge.transfer(action, members, node_id, who.account_id))

    async def _show_agent(self, request: Request, who: Principal) -> Answer:
        account_id = self._account(request.query, who, "agents")
        command = read(ShowAgent, {**request.query, "accountId": account_id})
        return Answer((await self.commander.ask(command)).body)

    async def _users(self, request: Request, who: Principal) -> Answer:
        account_id = self._account(request.query, who, "agents")
        for model in ("agents", "roster", "directory"):
            await self.reader.caught_up(model)
        found = await self.reader.query(lambda cursor: roster.read(cursor, account_id))
        if found is None:
            raise NotFound(f"no account {account_id}")
        return Answer(roster.shown(account_id, found))

    async def _confirm(self, request: Request, node: Principal) -> Answer:
        account_id, lease_id, epoch = _parts(request, "/agent/confirm")
        asked = {"accountId": account_id, "leaseId": lease_id, "epoch": epoch}
        return _judged(await self.commander.ask(read(ConfirmLease, asked)))

    async def _claim(self, request: Request, node: Principal) -> Answer:
        account_id, agent_id, call_id = _parts(request, "/agent/claim")
        asked = {"accountId": account_id, "agentId": agent_id, "callId": call_id}
        return _judged(await self.commander.ask(read(ClaimCall, asked)))

    async def _trace(self, request: Request, who: Principal) -> Answer:
        call_id, _, action = request.path.removeprefix("/calls").strip("/").rpartition("/")
        if action != "trace" or not call_id:
            raise NotFound(f"no {request.path}")
        who.require("cdr")
        why = _flag(request, "why")
        if _flag(request, "follow"):
            return await self._followed(request, CallId(call_id), who, why)
        return await trace_answer(
            self.reader,
            CallId(call_id),
            who.account_id,
            request.query.get("format", "json"),
            why,
        )

    async def _followed(
        self, request: Request, call_id: CallId, who: Principal, why: bool
    ) -> Answer:
        async def check() -> None:
            now = await self._operator(request)
            now.require("cdr")

        format = request.query.get("format", "ndjson")
        lines = await followed(self.followers, call_id, who.account_id, format, why, check)
        return Answer(Live(lines), media_type=NDJSON, headers={"Cache-Control": "no-store"})

    async def _carrier(self, request: Request) -> Answer:
        """No gate but the carrier's signature."""
        name = _below(request, "/hooks/carrier")
        return Answer(await self.carriers.take(name, request.headers, request.body))

    async def _elsewhere(self, request: Request) -> Answer:
        raise NotImplementedHere(f"the public API answers at {self.api_url}")

    def _account(
        self, members: Mapping[str, Any], who: Principal, scope: str = "limits"
    ) -> AccountId:
        """The account asked about; a key speaks for its own only, others do not exist for it."""
        asked = members.get("accountId")
        if not isinstance(asked, str) or not asked:
            raise Invalid("which account?", [Fault("/accountId", "is missing")])
        if who.account_id is not None:
            who.require(scope)
            if not hmac.compare_digest(asked.encode(), who.account_id.encode()):
                raise NotFound(f"no account {asked}")
        if not asked.isprintable():
            raise NotFound("no account has such an id")
        return AccountId(asked)


def _flag(request: Request, name: str) -> bool:
    """Raises Invalid for what is neither true nor false."""
    if (value := request.query.get(name, "false")) not in ("true", "false"):
        raise Invalid("yes or no?", [Fault(f"/{name}", "is neither true nor false")])
    return value == "true"


def _below(request: Request, mount: str) -> str:
    """What stands in the path after that of the endpoint."""
    return request.path.removeprefix(mount).strip("/")


def _parts(request: Request, mount: str) -> list[str]:
    """The three parts of the path below `mount`; the last may hold slashes."""
    parts = request.path.removeprefix(mount).lstrip("/").split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise NotFound(f"no {request.path}")
    return parts


def _judged(reply: Reply) -> Answer:
    """An engine drops the leg at anything but 200."""
    return Answer(reply.body, 200 if reply.body["ok"] else 409)


def usage(
    account_id: AccountId,
    calls: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    windows: list[dict[str, Any]],
) -> dict[str, Any]:
    """The answer to GET /cac: counters of what is in use or limited for the account, and the
    calls."""
    bodies = {row["id"]: row["body"] for row in rows if not row["deleted"]}
    used: dict[tuple[str, str], int] = {
        ("account_in", account_id): 0,
        ("account_out", account_id): 0,
    }
    for call in calls:
        for dimension, id in call["holds"]:
            used[dimension, id] = used.get((dimension, id), 0) + 1
    member = {
        "account_in": "max_in",
        "account_out": "max_out",
        "user": "max_simultaneous",
        "did": "max_channels",
        "trunk": "max_channels",
    }
    return {
        "accountId": account_id,
        "counters": [
            {
                "dimension": dimension,
                "id": id,
                "used": count,
                "limit": bodies.get(id, {}).get(member[dimension]),
            }
            for (dimension, id), count in sorted(used.items())
        ],
        "windows": windows,
        "calls": [
            {
                "callId": call["call_id"],
                "direction": call["direction"],
                "from": call["from_num"],
                "to": call["to_num"],
                "since": call["since"],
                "state": call["state"],
                "holds": [{"dimension": dimension, "id": id} for dimension, id in call["holds"]],
            }
            for call in calls
        ],
    }
