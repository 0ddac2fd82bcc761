"""Writing configuration: what comes in clear is hashed or sealed here, before anybody else sees it.

Used by /v1 and by `callplane apply` alike. A row's write-only members (`password`, `ha1`,
`secret`) never reach a command: they become references into the encrypted store.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from psycopg.rows import DictRow
from pydantic import ValidationError

from commands.message import Command
from commands.resources import ChangeRow, CreateRow, DeleteRow, Kind
from domain import digest
from domain.digest import Credential
from domain.errors import Fault, Invalid, NotFound
from domain.rules import faults_of
from events.base import AccountId
from gateways import totp
from gateways.access import SCOPES, SIPS_SCOPES, new_key
from gateways.addresses import Network, lies_in
from gateways.bus.client import Commander
from gateways.draw import Draw, fresh
from gateways.ids import PREFIXES
from gateways.passwords import Passwords, check_password
from gateways.store.reader import Reader
from gateways.store.secrets import Vault
from gateways.webhooks.signature import can_sign, new_secret
from projections import directory

C = TypeVar("C", bound=Command)
OVERLAP_SEC = 86_400
"""For how long a webhook's secret counts after it was rotated."""
_PREVIOUS = {"previous_secret_ref": None, "previous_secret_until": None}
_MANAGED_OF_USERS = ("password_ref", "totp", "totp_ref", "session_epoch")
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
        passwords: Passwords,
    ) -> None:
        self._commander = commander
        self._reader = reader
        self._vault = vault
        self._insecure_webhooks = insecure_webhooks
        self._passwords = passwords

    async def create(
        self,
        account_id: AccountId,
        kind: Kind,
        members: Mapping[str, Any],
        by: str,
        id: str | None = None,
        draw: Draw | None = None,
    ) -> Written:
        """Make a row; returns when the read model shows it. A second time under a draw that is
        kept it makes none and finds the first."""
        draw = draw or fresh()
        members, revealed = await self._sealed(account_id, kind, dict(members), {}, draw)
        row_id = id or draw.id(PREFIXES[kind])
        command = _built(
            CreateRow,
            account_id=account_id,
            command_id=draw.command_id,
            kind=kind,
            id=row_id,
            by=by,
            members=members,
        )
        reply = await self._commander.ask(command)
        await self._reader.until_shown("directory", reply.position)
        return Written(row_id, reply.position, revealed)

    async def change(
        self,
        account_id: AccountId,
        kind: Kind,
        id: str,
        patch: Mapping[str, Any],
        by: str,
        if_version: int | None = None,
        command_id: str | None = None,
    ) -> Written:
        """Merge `patch` into a row; returns when the read model shows it."""
        before = await self._row(account_id, kind, id)
        patch, revealed = await self._sealed(account_id, kind, dict(patch), before["body"], fresh())
        reply = await self._commander.ask(
            ChangeRow(
                account_id=account_id,
                command_id=command_id,
                kind=kind,
                id=id,
                by=by,
                patch=patch,
                if_version=if_version,
            )
        )
        await self._reader.until_shown("directory", reply.position)
        await self._erase(kind, before["body"], {**before["body"], **patch})
        return Written(id, reply.position, revealed)

    async def rotate(
        self,
        account_id: AccountId,
        webhook_id: str,
        by: str,
        secret: str | None = None,
        draw: Draw | None = None,
    ) -> tuple[Written, int]:
        """Give a webhook a new secret; the one before counts for a day more, until the moment that
        is returned (epoch seconds)."""
        row, draw = await self._row(account_id, "webhook", webhook_id), draw or fresh()
        ref, shown = await self._signing(account_id, secret, draw)
        until = int(time.time()) + OVERLAP_SEC
        previous = {"previous_secret_ref": row["body"]["secret_ref"]}
        patch = {"secret_ref": ref, **previous, "previous_secret_until": until}
        about = {"account_id": account_id, "kind": "webhook", "id": webhook_id, "by": by}
        reply = await self._commander.ask(
            _built(
                ChangeRow,
                **about,
                command_id=draw.command_id,
                patch=patch,
                if_version=row["version"],
            )
        )
        await self._reader.until_shown("directory", reply.position)
        return Written(webhook_id, reply.position, {"secret": shown}), until

    async def delete(
        self,
        account_id: AccountId,
        kind: Kind,
        id: str,
        by: str,
        if_version: int | None = None,
        force: bool = False,
    ) -> Written:
        before = await self._row(account_id, kind, id)
        reply = await self._commander.ask(
            DeleteRow(
                account_id=account_id, kind=kind, id=id, by=by, if_version=if_version, force=force
            )
        )
        await self._reader.until_shown("directory", reply.position)
        await self._erase(kind, before["body"], {})
        return Written(id, reply.position, {}, tuple(reply.body["repointed"]))

    async def _row(self, account_id: AccountId, kind: Kind, id: str) -> DictRow:
        row = await self._reader.query(lambda cursor: directory.one(cursor, account_id, kind, id))
        if row is None:
            raise NotFound(f"no {kind} {id}")
        return row

    def check(self, kind: Kind, members: Mapping[str, Any]) -> None:
        """Raises Invalid when something that comes in clear is not fit to be sealed."""
        faults = [*_unfit(kind, members)]
        if kind == "webhook" and "url" in members:
            faults += self._unfit_url(members["url"])
        if faults:
            raise Invalid(f"the {kind} is not valid", faults)

    async def _sealed(
        self,
        account_id: AccountId,
        kind: Kind,
        members: dict[str, Any],
        before: Mapping[str, Any],
        draw: Draw,
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The members without anything in clear, and what is to be shown once."""
        self.check(kind, members)
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
                return await self._webhook(account_id, members, before, draw)
            case "api_key":
                return _key(members, before, draw)
            case "console_user":
                return await self._console_user(account_id, members, before), {}
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
            credential = digest.credential(
                str(login.get("auth_username")), str(login.get("realm")), password
            )
        elif hashes["ha1"] is not None:
            credential = Credential(**{n: h and h.lower() for n, h in hashes.items()})
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
        ref = await asyncio.to_thread(self._vault.put, account_id, password.encode())
        return {**members, "auth_secret_ref": ref}

    async def _voicemail(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        """The PIN goes into the store; an empty one is none."""
        members.pop("pin_secret_ref", None)
        if "pin" not in members:
            return members
        if not (pin := members.pop("pin")):
            return {**members, "pin_secret_ref": None}
        ref = await asyncio.to_thread(self._vault.put, account_id, pin.encode())
        return {**members, "pin_secret_ref": ref}

    async def _flow(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        """The `secret` of a webhook node signs its requests; the node keeps a reference to it."""
        nodes = members.get("nodes")
        if not isinstance(nodes, list | tuple):
            return members
        sealed = []
        for node in nodes:
            if (secret := secret_of(node)) is not None:
                ref = await asyncio.to_thread(self._vault.put, account_id, secret.encode())
                node = with_ref(node, ref)
            sealed.append(node)
        return {**members, "nodes": sealed}

    async def _option(self, account_id: AccountId, members: dict[str, Any]) -> dict[str, Any]:
        members.pop("webhook_secret_ref", None)
        secret = members.pop("webhook_secret", None)
        if secret is None:
            return members
        ref = await asyncio.to_thread(self._vault.put, account_id, secret.encode())
        return {**members, "webhook_secret_ref": ref}

    async def _webhook(
        self, account_id: AccountId, members: dict[str, Any], before: Mapping[str, Any], draw: Draw
    ) -> tuple[dict[str, Any], dict[str, str]]:
        for member in ("secret_ref", *_PREVIOUS):
            members.pop(member, None)
        if before and "secret" not in members:
            return members, {}
        ref, secret = await self._signing(account_id, members.pop("secret", None), draw)
        return {**members, "secret_ref": ref, **_PREVIOUS}, {"secret": secret}

    async def _signing(self, account_id: AccountId, given: Any, draw: Draw) -> tuple[str, str]:
        """A secret to sign with, made when none is given, and the reference to it."""
        secret = given or new_secret(draw.secret("webhook"))
        if detail := _no_key(secret):
            raise Invalid("the webhook is not valid", [Fault("/secret", detail)])
        return await asyncio.to_thread(self._vault.put, account_id, secret.encode()), secret

    async def _console_user(
        self, account_id: AccountId, members: dict[str, Any], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The password's hash goes into the store, not into a fact: there it can be erased. An
        empty secret of codes is none."""
        members = {n: v for n, v in members.items() if n not in _MANAGED_OF_USERS}
        if "totp_secret" in members:
            text, ref = members.pop("totp_secret"), None
            if text:
                secret = totp.secret_from("/totp_secret", text)
                ref = await asyncio.to_thread(self._vault.put, account_id, secret)
            members |= {"totp": int(ref is not None), "totp_ref": ref}
        if before and "password" not in members:
            return members
        password = check_password("/password", members.pop("password", None))
        hash = await self._passwords.hashed(password)
        ref = await asyncio.to_thread(self._vault.put, account_id, hash.encode())
        return {**members, "password_ref": ref}

    async def _erase(self, kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """What a console user does not log in with any more is not kept."""
        if kind != "console_user":
            return
        for member in ("password_ref", "totp_ref"):
            if (ref := before.get(member)) and ref != after.get(member):
                await asyncio.to_thread(self._vault.erase, ref)

    def _unfit_url(self, url: Any) -> Iterator[Fault]:
        """https; http only to networks that the operator allows (development: loopback)."""
        if detail := _no_text(url):
            yield Fault("/url", detail)
            return
        try:
            parts = urlsplit(url)
        except ValueError as error:
            yield Fault("/url", str(error))
            return
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        if parts.scheme != "https" and not lies_in(host, self._insecure_webhooks):
            yield Fault("/url", "is not an https URL")


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
    members: dict[str, Any], before: Mapping[str, Any], draw: Draw
) -> tuple[dict[str, Any], dict[str, str]]:
    if before:
        return members, {}
    if members.get("kind") == "sips":
        members = {"plan": "pro", **members, "scopes": list(SIPS_SCOPES)}
    if not members.get("scopes"):
        raise Invalid("a key without scopes opens nothing", [Fault("/scopes", "is empty")])
    unknown = sorted(set(members["scopes"]) - SCOPES)
    if unknown:
        raise Invalid("no such scope", [Fault("/scopes", f"{', '.join(unknown)} is not a scope")])
    key, stored = new_key(str(members.get("kind")), draw.secret("key"))
    return {**members, **stored}, {"key": key}


def _unfit(kind: Kind, members: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with members that are to be hashed or sealed."""
    for member, fault_in in _FORMS.get(kind, {}).items():
        value = members.get(member)
        if value is not None and (detail := fault_in(value)):
            yield Fault(f"/{member}", detail)
    nodes = members.get("nodes") if kind == "call_flow" else None
    for number, node in enumerate(nodes if isinstance(nodes, list | tuple) else ()):
        if (secret := secret_of(node)) is not None and (detail := _no_prefix(secret)):
            yield Fault(f"/nodes/{number}/data/secret", detail)


def _no_text(value: Any) -> str | None:
    is_text = isinstance(value, str) and 1 <= len(value) <= 2000
    return None if is_text else "is not a text of 1 to 2000 letters"


def _no_prefix(value: Any) -> str | None:
    return _no_text(value) or (None if value.startswith("whsec_") else "does not begin with whsec_")


def _no_key(value: Any) -> str | None:
    return _no_text(value) or (None if can_sign(value) else _UNFIT)


def _no_pin(value: Any) -> str | None:
    is_pin = isinstance(value, str) and re.fullmatch("([0-9]{4,16})?", value)
    return None if is_pin else "is not 4 to 16 digits"


def _no_hash(digits: int) -> Callable[[Any], str | None]:
    """Of a password, in hex."""

    def fault_in(value: Any) -> str | None:
        is_hash = isinstance(value, str) and re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value)
        return None if is_hash else f"is not a hash of {digits} hex digits"

    return fault_in


_FORMS: dict[Kind, dict[str, Callable[[Any], str | None]]] = {
    "sip_device": {
        "password": _no_text,
        "ha1": _no_hash(32),
        "ha1b": _no_hash(32),
        "ha1_sha256": _no_hash(64),
    },
    "sip_trunk": {"password": _no_text},
    "voicemail": {"pin": _no_pin},
    "in_queue_option": {"webhook_secret": _no_key},
    "webhook": {"secret": lambda value: _no_key(value) if value else None},
}
"""Write-only members → what is wrong with a value, if anything is."""
