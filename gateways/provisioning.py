"""Writing configuration: what comes in clear is hashed or sealed here, before anybody else sees it.

Used by /v1 and by `callplane apply` alike. A row's write-only members (`password`, `ha1`,
`secret`) never reach a command: they become references into the encrypted store.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from commands.message import Command
from commands.resources import ChangeRow, CreateRow, DeleteRow, Kind
from domain import digest
from domain.digest import Credential
from domain.errors import Fault, Invalid, NotFound
from domain.rules import faults_of
from events.base import AccountId
from gateways.access import SCOPES, new_key
from gateways.addresses import Network, lies_in
from gateways.bus.client import Commander
from gateways.ids import PREFIXES, new_id
from gateways.store.reader import Reader
from gateways.store.secrets import Vault
from gateways.webhooks.signature import can_sign, new_secret
from projections import directory

C = TypeVar("C", bound=Command)
_UNFIT = "is not whsec_ and the base64 of 24 to 64 bytes"


class Written(NamedTuple):
    """A row that was written, how far the store was then, and what is shown this once."""

    id: str
    position: int
    revealed: dict[str, str]
    repointed: tuple[str, ...] = ()
    """Rows that pointed to one that was deleted by force, and now point to nothing."""


class Provisioner:
    def __init__(
        self,
        commander: Commander,
        reader: Reader,
        vault: Vault,
        insecure_webhooks: tuple[Network, ...],
    ) -> None:
        self._commander = commander
        self._reader = reader
        self._vault = vault
        self._insecure_webhooks = insecure_webhooks

    async def create(
        self,
        account_id: AccountId,
        kind: Kind,
        members: Mapping[str, Any],
        by: str,
        id: str | None = None,
    ) -> Written:
        """Make a row; returns when the read model shows it."""
        members, revealed = await self._sealed(account_id, kind, dict(members), {})
        row_id = id or new_id(PREFIXES[kind])
        command = _built(
            CreateRow, account_id=account_id, kind=kind, id=row_id, by=by, members=members
        )
        reply = await self._commander.ask(command)
        await self._reader.caught_up("directory", reply.position)
        return Written(row_id, reply.position, revealed)

    async def change(
        self,
        account_id: AccountId,
        kind: Kind,
        id: str,
        patch: Mapping[str, Any],
        by: str,
        if_version: int | None = None,
    ) -> Written:
        """Merge `patch` into a row; returns when the read model shows it."""
        before = await self._reader.query(
            lambda cursor: directory.one(cursor, account_id, kind, id)
        )
        if before is None:
            raise NotFound(f"no {kind} {id}")
        patch, revealed = await self._sealed(account_id, kind, dict(patch), before["body"])
        reply = await self._commander.ask(
            ChangeRow(
                account_id=account_id, kind=kind, id=id, by=by, patch=patch, if_version=if_version
            )
        )
        await self._reader.caught_up("directory", reply.position)
        return Written(id, reply.position, revealed)

    async def delete(
        self,
        account_id: AccountId,
        kind: Kind,
        id: str,
        by: str,
        if_version: int | None = None,
        force: bool = False,
    ) -> Written:
        reply = await self._commander.ask(
            DeleteRow(
                account_id=account_id, kind=kind, id=id, by=by, if_version=if_version, force=force
            )
        )
        await self._reader.caught_up("directory", reply.position)
        return Written(id, reply.position, {}, tuple(reply.body["repointed"]))

    async def _sealed(
        self, account_id: AccountId, kind: Kind, members: dict[str, Any], before: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The members without anything in clear, and what is to be shown once."""
        match kind:
            case "sip_device":
                return await self._device(account_id, members, before), {}
            case "sip_trunk":
                return await self._trunk(account_id, members), {}
            case "voicemail":
                return await self._voicemail(account_id, members), {}
            case "call_flow":
                return await self._flow(account_id, members), {}
            case "in_queue_option":
                return await self._option(account_id, members), {}
            case "webhook":
                return await self._webhook(account_id, members, before)
            case "api_key":
                return _key(members, before)
        return members, {}

    async def _device(
        self, account_id: AccountId, members: dict[str, Any], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The password's hashes go into the store; they hold for this login and realm only."""
        members.pop("credential_ref", None)
        password = members.pop("password", None)
        hashes = {name: members.pop(name, None) for name in ("ha1", "ha1b", "ha1_sha256")}
        login = {**before, **members}
        moved = any(
            before.get(member) not in (None, login.get(member))
            for member in ("auth_username", "realm")
        )
        if password is not None:
            _must_be_text("/password", password)
            credential = digest.credential(
                str(login.get("auth_username")), str(login.get("realm")), password
            )
        elif hashes["ha1"] is not None:
            credential = Credential(**{n: _hash(n, h) for n, h in hashes.items()})  # type: ignore[arg-type]
        elif moved:
            detail = "is needed: it was hashed with the old login"
            raise Invalid("the password is needed again", [Fault("/password", detail)])
        else:
            return members
        ref = await asyncio.to_thread(self._vault.put_credential, account_id, credential)
        return {**members, "credential_ref": ref}

    async def _trunk(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        members.pop("auth_secret_ref", None)
        password = members.pop("password", None)
        if password is None:
            return members
        _must_be_text("/password", password)
        ref = await asyncio.to_thread(self._vault.put, account_id, password.encode())
        return {**members, "auth_secret_ref": ref}

    async def _voicemail(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        """The PIN goes into the store; an empty one is none."""
        members.pop("pin_secret_ref", None)
        if "pin" not in members:
            return members
        if not (pin := members.pop("pin")):
            return {**members, "pin_secret_ref": None}
        if not isinstance(pin, str) or not re.fullmatch("[0-9]{4,16}", pin):
            fault = Fault("/pin", "is not 4 to 16 digits")
            raise Invalid("the voicemail is not valid", [fault])
        ref = await asyncio.to_thread(self._vault.put, account_id, pin.encode())
        return {**members, "pin_secret_ref": ref}

    async def _flow(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        """The `secret` of a webhook node signs its requests; the node keeps a reference to it."""
        nodes = members.get("nodes")
        if not isinstance(nodes, list | tuple):
            return members
        sealed = []
        for number, node in enumerate(nodes):
            if (secret := secret_of(node)) is not None:
                pointer = f"/nodes/{number}/data/secret"
                _must_be_text(pointer, secret)
                if not secret.startswith("whsec_"):
                    fault = Fault(pointer, "does not begin with whsec_")
                    raise Invalid("the flow is not valid", [fault])
                ref = await asyncio.to_thread(self._vault.put, account_id, secret.encode())
                node = with_ref(node, ref)
            sealed.append(node)
        return {**members, "nodes": sealed}

    async def _option(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        members.pop("webhook_secret_ref", None)
        secret = members.pop("webhook_secret", None)
        if secret is None:
            return members
        _must_be_text("/webhook_secret", secret)
        if not can_sign(secret):
            raise Invalid("the option is not valid", [Fault("/webhook_secret", _UNFIT)])
        ref = await asyncio.to_thread(self._vault.put, account_id, secret.encode())
        return {**members, "webhook_secret_ref": ref}

    async def _webhook(
        self, account_id: AccountId, members: dict[str, Any], before: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        members.pop("secret_ref", None)
        if "url" in members:
            self._check_url(members["url"])
        if before and "secret" not in members:
            return members, {}
        secret = members.pop("secret", None) or new_secret()
        _must_be_text("/secret", secret)
        if not can_sign(secret):
            raise Invalid("the webhook is not valid", [Fault("/secret", _UNFIT)])
        ref = await asyncio.to_thread(self._vault.put, account_id, secret.encode())
        return {**members, "secret_ref": ref}, {"secret": secret}

    def _check_url(self, url: Any) -> None:
        """https; http only to networks that the operator allows (development: loopback)."""
        _must_be_text("/url", url)
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise Invalid("the webhook is not valid", [Fault("/url", str(error))]) from None
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        if parts.scheme != "https" and not lies_in(host, self._insecure_webhooks):
            raise Invalid("the webhook is not valid", [Fault("/url", "is not an https URL")])


def secret_of(node: Any) -> Any:
    """The secret that a node of a flow brings in clear; None when it brings none."""
    data = node.get("data") if isinstance(node, dict) else None
    is_webhook = isinstance(data, dict) and data.get("kind") == "webhook"
    return data.get("secret") if is_webhook and data else None


def with_ref(node: dict[str, Any], ref: str | None) -> dict[str, Any]:
    """The node with a reference in place of its secret."""
    data = {name: value for name, value in node["data"].items() if name != "secret"}
    return {**node, "data": {**data, "secretRef": ref} if ref else data}


def _built(command: type[C], **members: Any) -> C:
    try:
        return command(**members)
    except ValidationError as error:
        raise Invalid("the row is not valid", faults_of(error)) from None


def _key(
    members: dict[str, Any], before: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    if before:
        return members, {}
    if not members.get("scopes"):
        raise Invalid("a key without scopes opens nothing", [Fault("/scopes", "is empty")])
    unknown = sorted(set(members["scopes"]) - SCOPES)
    if unknown:
        raise Invalid("no such scope", [Fault("/scopes", f"{', '.join(unknown)} is not a scope")])
    key, stored = new_key(str(members.get("kind")))
    return {**members, **stored}, {"key": key}


def _must_be_text(pointer: str, value: Any) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= 2000:
        raise Invalid(
            "a member is not valid", [Fault(pointer, "is not a text of 1 to 2000 letters")]
        )


_DIGITS = {"ha1": 32, "ha1b": 32, "ha1_sha256": 64}
"""Length of each hash of a password, in hex."""


def _hash(member: str, value: Any) -> str | None:
    if value is None:
        return None
    digits = _DIGITS[member]
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
        fault = Fault(f"/{member}", f"is not a hash of {digits} hex digits")
        raise Invalid("a hash is not valid", [fault])
    return value.lower()
