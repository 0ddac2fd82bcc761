"""Configuration as code: a YAML file as wished-for rows, what differs from what is there, and
doing it.

A file is about one account. Sections carry the names of the /v1 collections; a row is found by
its id or, if it has none, by what names it in the real world (a number, a username, a URL).
Applying the same file twice changes nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from psycopg.rows import DictRow

from commands.resources import Kind
from domain import digest, numbers, rules
from domain.errors import Fault, Invalid, NotFound
from events.base import AccountId
from gateways.ids import PREFIXES, new_id
from gateways.provisioning import Provisioner, Written, secret_of, with_ref
from gateways.store.reader import Reader
from gateways.store.secrets import Vault
from projections import directory

SECTIONS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "domains": ("sip_domain", ("domain",)),
    "media": ("media_file", ("name",)),
    "playlists": ("media_playlist", ("name",)),
    "schedules": ("time_schedule", ("name",)),
    "voicemails": ("voicemail", ("name",)),
    "forwards": ("forward", ("name",)),
    "users": ("sip_user", ("username",)),
    "devices": ("sip_device", ("auth_username", "realm")),
    "queues": ("queue", ("name",)),
    "ring_groups": ("ring_group", ("name",)),
    "conferences": ("conference", ("name",)),
    "queue_members": ("agent_queue_assignment", ("queue_id", "user_id")),
    "trunks": ("sip_trunk", ("name",)),
    "routes": ("outbound_route", ("name",)),
    "flows": ("call_flow", ("name",)),
    "extensions": ("extension", ("digits",)),
    "in_queue_options": ("in_queue_option", ("queue_id", "digit")),
    "numbers": ("did", ("e164",)),
    "limits": ("call_limit", ("name",)),
    "rate_plans": ("rate_plan", ("name",)),
    "webhooks": ("webhook", ("url",)),
}
"""Section → kind of its rows and what names one, in the order in which rows can be made."""

_MADE_WITH_IT = {"webhook": {"secret_ref": "made when the row is"}}
"""Members that a row has to have and that no file gives."""
_MANAGED: dict[Kind, tuple[str, ...]] = {"call_flow": ("version",)}
"""Members that count up by themselves once the row is made."""
_IN_CLEAR = ("password", "ha1", "ha1b", "ha1_sha256", "secret", "webhook_secret", "pin")


class Wish(NamedTuple):
    """A row as a file wants it."""

    kind: Kind
    key: str
    """What names it for a human."""
    id: str | None
    members: dict[str, Any]
    place: str
    """JSON pointer to it in the file."""


class Change(NamedTuple):
    """What has to be done for a wish: create, change or nothing."""

    action: str
    wish: Wish
    id: str
    differing: tuple[str, ...] = ()


class Manifest(NamedTuple):
    account_id: AccountId
    wishes: tuple[Wish, ...]


def parse(text: str) -> Manifest:
    """Read a file. Every fault in its shape is named."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(f"the file is not YAML: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("account"), dict):
        raise Invalid("the file is not valid", [Fault("/account", "is missing")])
    account = dict(document["account"])
    account_id = account.pop("id", None)
    if not isinstance(account_id, str):
        raise Invalid("the file is not valid", [Fault("/account/id", "is missing")])
    unknown = [name for name in document if name not in SECTIONS and name != "account"]
    faults = [Fault(f"/{name}", "is not a section") for name in unknown]
    wishes = [Wish("account", account_id, account_id, account, "/account")]
    wishes += _wishes(document, faults)
    if faults:
        raise Invalid("the file is not valid", faults)
    return Manifest(AccountId(account_id), tuple(wishes))


def _wishes(document: Mapping[str, Any], faults: list[Fault]) -> Iterator[Wish]:
    for section, (kind, names) in SECTIONS.items():
        rows = document.get(section) or []
        if not isinstance(rows, list):
            faults.append(Fault(f"/{section}", "is not a list"))
            continue
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                faults.append(Fault(f"/{section}/{number}", "is not an object"))
                continue
            missing = [name for name in names if name not in row] if "id" not in row else []
            faults += [Fault(f"/{section}/{number}/{name}", "is missing") for name in missing]
            members = {name: value for name, value in row.items() if name != "id"}
            key = " ".join(str(members.get(name, "")) for name in names)
            place = f"/{section}/{number}"
            yield Wish(kind, key or str(row.get("id")), row.get("id"), members, place)


async def plan(manifest: Manifest, reader: Reader, vault: Vault) -> list[Change]:
    """What applying the file would do. Raises Invalid with every fault of every row, so that a file
    is not carried out up to its first bad row."""
    await reader.caught_up("directory")
    rows = await reader.query(lambda cursor: directory.rows_of_account(cursor, manifest.account_id))
    present = {row["id"]: row for row in rows if not row["deleted"]}
    country = present.get(manifest.account_id, {}).get("body", {}).get("country")
    country = country or manifest.wishes[0].members.get("country", "US")
    changes: list[Change] = []
    faults: list[Fault] = []
    for wish in manifest.wishes:
        try:
            changes.append(await _compared(wish, present, country, vault))
        except Invalid as invalid:
            found = invalid.faults or (Fault("", invalid.detail),)
            faults += [Fault(wish.place + fault.pointer, fault.detail) for fault in found]
    if faults:
        raise Invalid("the file is not valid", faults)
    return changes


async def _compared(
    wish: Wish, present: Mapping[str, DictRow], country: str, vault: Vault
) -> Change:
    row = _found(wish, present, country)
    ours = (*_IN_CLEAR, *(_MANAGED.get(wish.kind, ()) if row else ()))
    plain = {name: value for name, value in wish.members.items() if name not in ours}
    if isinstance(nodes := plain.get("nodes"), list):
        stored = row["body"]["nodes"] if row else []
        plain["nodes"] = await asyncio.to_thread(_with_refs, nodes, stored, vault)
    if row is None:
        rules.check(wish.kind, {**_MADE_WITH_IT.get(wish.kind, {}), **plain}, country)
        return Change("create", wish, wish.id or new_id(PREFIXES[wish.kind]))
    if row["kind"] != wish.kind:
        raise Invalid(f"{row['id']} is a {row['kind']}, not a {wish.kind}")
    wanted = rules.check(wish.kind, {**row["body"], **plain}, country, row["body"]).model_dump(
        mode="json"
    )
    differing = [name for name in wanted if wanted[name] != row["body"].get(name)]
    differing += [
        name
        for name in _IN_CLEAR
        if name in wish.members and not await asyncio.to_thread(_is_kept, name, wish, row, vault)
    ]
    action = "change" if differing else "nothing"
    return Change(action, wish, row["id"], tuple(differing))


def _found(wish: Wish, present: Mapping[str, DictRow], country: str) -> DictRow | None:
    if wish.id is not None:
        return present.get(wish.id)
    names = next(names for kind, names in SECTIONS.values() if kind == wish.kind)
    for row in present.values():
        if row["kind"] == wish.kind and all(
            _same(row["body"][name], wish.members.get(name), country) for name in names
        ):
            return row
    return None


def _same(stored: Any, wished: Any, country: str) -> bool:
    number = numbers.normalise(str(wished), country)
    return bool(stored == wished or stored == str(wished) or (number and stored == number))


def _with_refs(nodes: list[Any], stored: list[dict[str, Any]], vault: Vault) -> list[Any]:
    """The nodes of a flow with the references that are stored, where the secrets are the same."""
    refs = {node["id"]: node["data"].get("secretRef") for node in stored}
    found = []
    for node in nodes:
        if (secret := secret_of(node)) is not None:
            ref = refs.get(node.get("id"))
            is_same = ref is not None and vault.get(ref) == str(secret).encode()
            node = with_ref(node, ref if is_same else None)
        found.append(node)
    return found


def _is_kept(name: str, wish: Wish, row: DictRow, vault: Vault) -> bool:
    """Whether the secret in the file is the one that is stored."""
    body, value = row["body"], str(wish.members[name])
    if wish.kind == "sip_device" and (ref := body.get("credential_ref")):
        known = vault.credential(ref)
        if name == "password":
            login = {**body, **wish.members}
            return known == digest.credential(login["auth_username"], login["realm"], value)
        return known is not None and getattr(known, name) == value
    named = ("secret_ref", "auth_secret_ref", "webhook_secret_ref", "pin_secret_ref")
    ref = next((ref for ref in map(body.get, named) if ref), None)
    if not wish.members[name]:
        return ref is None
    return ref is not None and vault.get(ref) == value.encode()


async def carry_out(
    account_id: AccountId, change: Change, provisioner: Provisioner, by: str
) -> Written | None:
    """Do what a change says; None when there is nothing to do."""
    wish = change.wish
    match change.action:
        case "create":
            return await provisioner.create(account_id, wish.kind, wish.members, by, change.id)
        case "change":
            try:
                return await provisioner.change(account_id, wish.kind, change.id, wish.members, by)
            except NotFound:  # deleted since the plan was made
                return await provisioner.create(account_id, wish.kind, wish.members, by, change.id)
    return None
