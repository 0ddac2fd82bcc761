"""The secrets of a file beside those that are stored."""

import asyncio
from collections.abc import Mapping
from typing import Any

from domain import digest
from domain.manifest.sections import refs_of
from domain.manifest.settling import Settled, Wanted
from gateways.store.secrets import Vault

Secrets = Mapping[str, Any]


async def differing_secrets(
    settled: Settled, given: Mapping[str, Secrets], vault: Vault
) -> dict[str, Secrets]:
    """Id → the write-only members that are not the stored ones. `given`: by the place of a row."""
    found: dict[str, Secrets] = {}
    for row in settled.rows:
        if secrets := given.get(row.wish.place):
            differing = await asyncio.to_thread(_differing, row, secrets, vault)
            found |= {row.id: differing} if differing else {}
    return found


def with_secrets(members: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """The members of a row as they are handed to who seals them."""
    plain = {name: value for name, value in secrets.items() if name != "nodes"}
    nodes = members.get("nodes")
    if not (signed := secrets.get("nodes")) or not isinstance(nodes, list):
        return {**members, **plain}
    nodes = [
        {**node, "data": {**node["data"], "secret": signed[number]}} if number in signed else node
        for number, node in enumerate(nodes)
    ]
    return {**members, **plain, "nodes": nodes}


def _differing(row: Wanted, secrets: Secrets, vault: Vault) -> Secrets:
    if row.wish.kind == "call_flow":
        nodes = {
            number: secret
            for number, secret in secrets["nodes"].items()
            if not _is_kept(row.members["nodes"][number]["data"].get("secretRef"), secret, vault)
        }
        return {"nodes": nodes} if nodes else {}
    if row.before is None:
        return secrets
    body = row.before.body.model_dump()
    if row.wish.kind == "sip_device":
        is_same = _is_same_login(body, {**body, **row.members}, secrets, vault)
        return {} if is_same else secrets
    ref = next(iter([body[ref] for ref in refs_of(row.wish.kind)]), None)
    return {n: secret for n, secret in secrets.items() if not _is_kept(ref, secret, vault)}


def _is_same_login(
    stored: Mapping[str, Any], wanted: Mapping[str, Any], secrets: Secrets, vault: Vault
) -> bool:
    """Whether the device's password is the one that is stored: hashed, with its login."""
    ref = stored["credential_ref"]
    known = vault.credential(ref) if ref else None
    if known is None:
        return False
    if "password" in secrets:
        login = str(wanted["auth_username"]), str(wanted["realm"])
        return known == digest.credential(*login, str(secrets["password"]))
    return all(getattr(known, name) == str(value).lower() for name, value in secrets.items())


def _is_kept(ref: str | None, secret: Any, vault: Vault) -> bool:
    if not secret:
        return ref is None
    return ref is not None and vault.get(ref) == str(secret).encode()
