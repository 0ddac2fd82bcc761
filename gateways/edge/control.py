"""What edges ask (/auth, /route, /flow, /presence/event, /agent), from a body to an answer.

A body is a mapping as decoded from JSON or a form; a bad member raises `Invalid` naming it. Which
account a body is about is found here (`Locator`, `Steering`); everything else is decided by the
account's owner.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from commands.acd import ControlAgent
from commands.bans import ReportFailedAuth, ReportOffence
from commands.call import EndLostCall, ReportDialog, RouteCall
from commands.flow import StartFlow, StepFlow
from commands.message import CallIdField, Command, Printable, Timestamp
from commands.presence import ReportContact, VerifyDigest
from commands.transfer import (
    CancelTransfer,
    CompleteTransfer,
    JoinAll,
    TransferCall,
    Transferring,
)
from domain import detection, digest
from domain.errors import Fault, Forbidden, Gone, Invalid, NotFound, Refusal
from domain.flow.node import POLL
from domain.rules import faults_of
from events.base import PLATFORM, AccountId, Millis
from gateways.bus.client import Commander
from gateways.edge.callbacks import Callbacks
from gateways.edge.polls import Patience, Polls
from gateways.edge.requests import FlowRequests
from gateways.edge.steering import Steering
from gateways.locator import Locator
from gateways.speech.rendering import Rendering
from gateways.store.secrets import Opened

log = logging.getLogger("callplane.edge")

Body = Mapping[str, Any]
C = TypeVar("C", bound=BaseModel)
M = TypeVar("M", bound=Command)

MAX_BATCH = 500
NO_CALL = 481
"""Call/Transaction Does Not Exist."""
TRANSFERS: dict[str, type[Transferring]] = {
    "": TransferCall,
    "complete": CompleteTransfer,
    "cancel": CancelTransfer,
    "3way": JoinAll,
}
"""What follows /transfer → what is asked for."""
MAX_LOST = 200
"""Lost calls that are ended at a time: their sessions may have to be loaded first."""


class NodeSnapshot(BaseModel):
    """An edge node's live calls, all of them."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    call_ids: list[CallIdField] = Field(max_length=200_000)
    node_id: Printable | None = None
    ts: Timestamp


class EdgeControl:
    def __init__(
        self,
        commander: Commander,
        locator: Locator,
        steering: Steering,
        requests: FlowRequests,
        rendering: Rendering,
        callbacks: Callbacks,
        polls: Polls,
        nonce_secret: str,
        secrets: Opened,
    ) -> None:
        self._commander = commander
        self._locator = locator
        self._steering = steering
        self._requests = requests
        self._rendering = rendering
        self._callbacks = callbacks
        self._polls = polls
        self._nonce_secret = nonce_secret
        self._secrets = secrets

    # POST /auth, /auth/challenge

    def challenge(self, body: Body) -> dict[str, Any]:
        realm = body.get("realm")
        if not isinstance(realm, str) or not realm:
            raise Invalid("a challenge needs a realm", [Fault("/realm", "is missing")])
        if not realm.isprintable() or len(realm) > 255:
            raise Invalid(
                "no such realm", [Fault("/realm", "is too long or has a control character")]
            )
        nonce = digest.make_nonce(self._nonce_secret, int(time.time()))
        return {"realm": realm, "nonce": nonce, "opaque": "", "algorithm": "MD5", "qop": "auth"}

    async def auth(self, body: Body, peer: str) -> dict[str, Any]:
        """`{ok: 1, …}` or `{ok: 0, reason, nonce}`; a refusal is reported to the defence."""
        command = read(VerifyDigest, body)
        source = _source_of(body) or peer
        self._look_at(body)
        account_id = self._locator.account_of_login(command.username, command.realm)
        if account_id is None:
            await self._locator.look_again()
            account_id = self._locator.account_of_login(command.username, command.realm)
        reply = await self._commander.ask(_addressed(command, account_id or PLATFORM))
        answer = reply.body
        if not answer["ok"]:
            answer["nonce"] = digest.make_nonce(self._nonce_secret, int(time.time()))
            if answer["reason"] != digest.AuthRefusal.STALE:
                self._report_failure(command, source, answer["reason"])
        return answer

    def _report_failure(self, command: VerifyDigest, source: str, reason: str) -> None:
        self._commander.tell(
            ReportFailedAuth(
                ip=source,
                username=command.username,
                realm=command.realm,
                reason=reason,
            )
        )

    def _look_at(self, body: Body) -> None:
        """An attack tool that does not hide its name is an offence by itself."""
        agent, source = body.get("userAgent"), body.get("src_ip") or body.get("srcIp")
        if isinstance(agent, str) and isinstance(source, str) and detection.is_scanner(agent):
            self._report_offence("scanner", source, agent)

    def _report_offence(self, rule: str, source: str, detail: str) -> None:
        with suppress(ValidationError):  # what names no address offends nobody
            seen = "".join(char if char.isprintable() else "?" for char in detail)[:255]
            self._commander.tell(ReportOffence(ip=source, rule=rule, detail=seen))

    # POST /route

    async def route(self, body: Body, node_id: str) -> dict[str, Any]:
        command = read(RouteCall, body)
        self._look_at(body)
        account_id = self._account_to_route(command)
        if account_id is None:
            await self._locator.look_again()
            account_id = self._account_to_route(command) or PLATFORM
        self._steering.expect(command.call_id, account_id)
        update = {"account_id": account_id, "node_id": command.node_id or node_id}
        reply = await self._commander.ask(command.model_copy(update=update))
        if reply.body.pop("scan", 0) and not self._locator.is_trunk(command.src_ip or ""):
            self._report_offence("unknown_number", command.src_ip or "", command.to)
        for gateway in reply.body["rtjson"].get("gateways", ()):
            await self._reveal(gateway, "auth_secret_ref", "auth_password")
        return reply.body

    async def _reveal(self, gateway: dict[str, Any], sealed: str, clear: str) -> None:
        """Put a trunk's password in the place of its reference: only the node that asked gets it,
        and nothing that is stored has it."""
        if ref := gateway.pop(sealed, None):
            try:
                gateway[clear] = await self._secrets.text(ref)
            except LookupError:
                log.error("the password behind %s cannot be opened", ref)

    def _account_to_route(self, command: RouteCall) -> AccountId | None:
        """A device that proved itself calls for its account; all others call whom they dial."""
        locator = self._locator
        if command.device_id and (owner := locator.account_of_row(command.device_id, "sip_device")):
            return owner
        if command.auth_user and (
            owner := locator.account_of_device(command.auth_user, command.from_domain or "")
        ):
            return owner
        trunk = locator.account_of_row(command.trunk_id or "", "sip_trunk")
        return (
            locator.account_of_number(command.to, trunk)
            or trunk
            or locator.domains.get((command.to_domain or "").lower())
            or locator.domains.get((command.from_domain or "").lower())
        )

    # POST /flow

    async def flow(self, body: Body, node_id: str) -> dict[str, Any]:
        """The next command: `{callId, seq, command, …}`. With `outcome` a step, else a start; a
        poll without `callId` asks what the node has to do besides its calls (`ops`).

        Requests of the flow are made here, until the next command is one for an engine; what that
        one speaks is rendered.
        """
        patience = read(Patience, body)
        if body.get("outcome") == POLL and not body.get("callId"):
            return await self._polls.ops(node_id, patience)
        command: StartFlow | StepFlow
        command = read(StepFlow, body) if "outcome" in body else read(StartFlow, body)
        account_id = await self._steering.account_of(command.call_id)
        if account_id is None or command.account_id not in (account_id, PLATFORM):
            raise NotFound(f"no call {command.call_id}")
        told = await self._told(account_id, command, patience)
        while told["command"] == "webhook":
            found = await self._requests.outcome(account_id, told)
            step = read(StepFlow, {"callId": command.call_id, "seq": told["seq"], **found})
            told = await self._told(account_id, step, patience)
        await self._rendering.ready(told)
        for leg in told.get("legs", ()):
            await self._reveal(leg, "authSecretRef", "authPassword")
        return told

    async def owed(self, node_id: str) -> list[dict[str, Any]]:
        """What the node has to do besides its calls."""
        return await self._callbacks.due_at(node_id)

    async def _told(
        self, account_id: AccountId, command: StartFlow | StepFlow, patience: Patience
    ) -> dict[str, Any]:
        """The owner's answer; `patience` is that of a poll."""
        if isinstance(command, StepFlow) and command.outcome == POLL:
            return dict(await self._polls.told(account_id, command, patience))
        return (await self._commander.ask(_addressed(command, account_id))).body

    # POST /transfer, /transfer/complete, /transfer/cancel, /transfer/3way

    async def transfer(
        self, action: str, body: Body, node_id: str, owner: AccountId | None = None
    ) -> dict[str, Any]:
        """`{ok, callId, seq, state}`. The same `eventId` of a node again is the same answer and no
        more. `owner`: the only account whose calls the asker may touch."""
        if action not in TRANSFERS:
            raise Invalid("no such action", [Fault("/action", f"is none of {[*TRANSFERS]}")])
        event_id = body.get("eventId")
        named = {"commandId": f"transfer {node_id} {event_id}"} if event_id else {}
        command = read(TRANSFERS[action], {**body, "commandId": None, **named})
        account_id = await self._steering.account_of(command.call_id)
        is_his = owner in (None, account_id) and command.account_id in (account_id, PLATFORM)
        if account_id is None or not is_his:
            raise NotFound(f"no call {command.call_id}")
        reply = await self._commander.ask(_addressed(command, account_id))
        if refused := reply.body.get("refused"):
            raise Forbidden(refused)
        return reply.body

    # POST /presence/event

    async def events(self, body: Body, node_id: str) -> dict[str, Any]:
        """One event, or a batch `{events: […]}` with a result per event."""
        if "events" not in body:
            return await self.event(body, node_id)
        events = body["events"]
        if not isinstance(events, list) or len(events) > MAX_BATCH:
            detail = f"is not a list of at most {MAX_BATCH} events"
            raise Invalid("the batch is not valid", [Fault("/events", detail)])
        results = await asyncio.gather(
            *(self._one_of(number, event, node_id) for number, event in enumerate(events))
        )
        return {"ok": int(all(result["ok"] for result in results)), "results": results}

    async def _one_of(self, number: int, event: Any, node_id: str) -> dict[str, Any]:
        try:
            if not isinstance(event, dict):
                raise Invalid("an event is an object", [Fault("", "is not an object")])
            return await self.event(event, node_id)
        except Refusal as refusal:
            return _failed(refusal, number)

    async def event(self, body: Body, node_id: str) -> dict[str, Any]:
        match body.get("type"):
            case "register":
                return await self._contact(body, node_id)
            case "snapshot":
                return await self._snapshot(body, node_id)
            case "dialog" if body.get("event") == "snapshot":
                return await self._snapshot(body, node_id)
            case "dialog":
                return await self._dialog(body)
            case "agent":
                return await self.agent(body, node_id)
            case other:
                detail = f"is {other!r}, not register, dialog or agent"
                raise Invalid("the event is not valid", [Fault("/type", detail)])

    async def _contact(self, body: Body, node_id: str) -> dict[str, Any]:
        command = read(ReportContact, {"nodeId": node_id, **_timed(body)})
        account_id = command.account_id
        if account_id == PLATFORM:
            account_id = await self._account_of_contact(command)
        reply = await self._commander.ask(_addressed(command, account_id))
        return reply.body

    async def _account_of_contact(self, command: ReportContact) -> AccountId:
        found = self._locator.account_of_login(command.username, command.realm)
        if found is None:
            await self._locator.look_again()
            found = self._locator.account_of_login(command.username, command.realm)
        if found is None:
            detail = "names no device, and there is no accountId"
            raise Invalid("the event is not valid", [Fault("/realm", detail)])
        return found

    async def _dialog(self, body: Body) -> dict[str, Any]:
        """The call's account is known from its route request; an event of a call that nobody has
        routed is kept for the platform until somebody does."""
        command = read(ReportDialog, _timed(body))
        account_id = await self._steering.account_of(command.call_id) or command.account_id
        reply = await self._commander.ask(_addressed(command, account_id))
        if moved := reply.body.get("moved"):
            self._steering.learn(command.call_id, moved)
            reply = await self._commander.ask(_addressed(command, moved))
        return {"ok": reply.body["ok"]}

    async def _snapshot(self, body: Body, node_id: str) -> dict[str, Any]:
        """What the node should have and does not list is over. A node whose clock is fast does not
        speak of the future: a call that is being routed right now stays."""
        snapshot = read(NodeSnapshot, _timed(body))
        node, ts = snapshot.node_id or node_id, Millis(min(snapshot.ts, int(time.time() * 1000)))
        lost = await self._steering.lost_calls(node, ts, snapshot.call_ids)
        released = 0
        for account_id, call_ids in lost.items():
            for start in range(0, len(call_ids), MAX_LOST):
                commands = [
                    EndLostCall(account_id=account_id, call_id=call_id, node_id=node, ts=ts)
                    for call_id in call_ids[start : start + MAX_LOST]
                ]
                replies = await asyncio.gather(*map(self._commander.ask, commands))
                released += sum(reply.body["released"] for reply in replies)
        return {"ok": 1, "released": released}

    # POST /agent

    async def agent(self, body: Body, node_id: str) -> dict[str, Any]:
        """What an agent does. The same `eventId` of a node again is the same answer and no more."""
        event_id = body.get("eventId")
        named = {"commandId": f"agent {node_id} {event_id}"} if event_id else {}
        command = read(ControlAgent, {**body, "commandId": None, **named})
        if command.account_id == PLATFORM:
            raise Invalid("which account?", [Fault("/accountId", "is missing")])
        reply = await self._commander.ask(command)
        return reply.body


def read(kind: type[C], body: Body) -> C:
    """The command that a body asks for, or Invalid with a fault per bad member."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise Invalid("the request is not valid", faults_of(error)) from None


def _source_of(body: Body) -> str | None:
    """Where the SIP request came from, as the edge saw it."""
    for member in ("src_ip", "srcIp"):
        if value := body.get(member):
            try:
                return str(ip_address(value.strip("[]") if isinstance(value, str) else ""))
            except ValueError:
                fault = Fault(f"/{member}", "is not an IP address")
                raise Invalid("the request is not valid", [fault]) from None
    return None


def _addressed(command: M, account_id: AccountId) -> M:
    return command.model_copy(update={"account_id": account_id})


def _timed(body: Body) -> Body:
    return body if body.get("ts") else {**body, "ts": int(time.time() * 1000)}


def _failed(refusal: Refusal, number: int) -> dict[str, Any]:
    errors = [
        {"pointer": f"/events/{number}{fault.pointer}", "detail": fault.detail}
        for fault in refusal.faults
    ]
    return {"ok": 0, "detail": refusal.detail, "errors": errors}


def farewell(refusal: Refusal) -> dict[str, Any]:
    """What stands beside a refused step: a call that is unknown or over is hung up (spec 03)."""
    if isinstance(refusal, NotFound | Gone):
        return {"command": "hangup", "cause": "normal_clearing", "sipCode": NO_CALL}
    return {}


def decode_json(data: bytes) -> Body:
    """A JSON object, or Invalid."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Invalid("the body is not a JSON object")
    return body
