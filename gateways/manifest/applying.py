"""A file against the store: what differs, and doing it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from psycopg import Cursor
from psycopg.rows import DictRow

from commands.resources import Kind
from domain import directory as rows_in_memory
from domain.directory import Directory
from domain.errors import Fault, Invalid
from domain.manifest.names import texts_of
from domain.manifest.planning import Change, Step, changes_of, steps_of
from domain.manifest.sections import SECTIONS
from domain.manifest.settling import Settled, country_of, settle
from domain.resources import names_of
from events.base import AccountId
from events.resources import CallFlow, SipDevice
from gateways.ids import PREFIXES, new_id
from gateways.manifest.reading import Manifest
from gateways.manifest.secrets import Secrets, differing_secrets, with_secrets
from gateways.provisioning import Provisioner, Written
from gateways.store.claims import owners
from gateways.store.events import row_of
from gateways.store.reader import Reader
from gateways.store.secrets import Vault
from projections import directory


class Plan(NamedTuple):
    account_id: AccountId
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    secrets: Mapping[str, Secrets]
    """Id → the write-only members that are to be set."""
    texts: Mapping[str, str]
    """Id → name, for people."""


async def stored(reader: Reader, account_id: AccountId) -> Directory:
    """The account's rows; empty when there is no such account."""
    await reader.caught_up("directory")

    def query(cursor: Cursor[DictRow]) -> Directory:
        rows = directory.rows_of_account(cursor, account_id)
        flows = directory.flow_versions(cursor, account_id, rows_in_memory.KEPT_VERSIONS)
        return rows_in_memory.restored(
            [row_of(row) for row in rows if not row["deleted"]],
            {row["id"]: row["version"] for row in rows if row["deleted"]},
            [(row["flow_id"], CallFlow.model_validate(row["body"])) for row in flows],
        )

    return await reader.query(query)


async def plan(
    manifest: Manifest,
    reader: Reader,
    vault: Vault,
    provisioner: Provisioner,
    prune: bool = False,
) -> Plan:
    """What applying the file would do. `prune`: also delete the rows of its sections that it does
    not name. Raises Invalid with every fault of every row, so that a file is not carried out up to
    its first bad row."""
    account_id = manifest.account_id
    state = await stored(reader, account_id)
    unknown = [wish.id for wish in manifest.wishes if wish.id and wish.id not in state.rows]
    foreign = await reader.query(lambda sql: directory.foreign(sql, account_id, unknown))
    pruned = {SECTIONS[section][0] for section in manifest.sections} if prune else set()
    settled = settle(
        state, manifest.wishes, pruned, foreign, lambda kind: new_id(PREFIXES[cast(Kind, kind)])
    )
    settled.faults += _unfit(manifest, provisioner)
    secrets = await differing_secrets(settled, manifest.secrets, vault)
    country = country_of(state, manifest.wishes)
    changes = changes_of(settled, country, {id: tuple(found) for id, found in secrets.items()})
    if faults := _without_password(changes):
        raise Invalid("the file is not valid", faults)
    texts = _texts(state, settled, country)
    wanted = [name for change in changes if change.after for name in names_of(change.after)]
    owned = await reader.query(lambda sql: owners(sql, wanted))
    steps = steps_of(state, account_id, settled, changes, owned)
    return Plan(account_id, tuple(changes), tuple(steps), secrets, texts)


async def carry_out(plan: Plan, provisioner: Provisioner, by: str) -> dict[str, dict[str, str]]:
    """Do what the plan says, step by step; returns the ids of the rows that were written, each with
    what is shown once."""
    revealed: dict[str, dict[str, str]] = {}
    for step in plan.steps:
        secrets = plan.secrets.get(step.id, {}) if step.has_secrets else {}
        written = await _done(plan.account_id, step, secrets, provisioner, by)
        revealed.setdefault(written.id, {}).update(written.revealed)
    return revealed


async def apply(
    manifest: Manifest, reader: Reader, vault: Vault, provisioner: Provisioner, by: str
) -> dict[str, dict[str, str]]:
    """Plan and do it."""
    return await carry_out(await plan(manifest, reader, vault, provisioner), provisioner, by)


async def _done(
    account_id: AccountId, step: Step, secrets: Secrets, provisioner: Provisioner, by: str
) -> Written:
    kind, members = cast(Kind, step.kind), with_secrets(step.members, secrets)
    match step.action:
        case "create":
            return await provisioner.create(account_id, kind, members, by, step.id)
        case "change":
            return await provisioner.change(account_id, kind, step.id, members, by)
    return await provisioner.delete(account_id, kind, step.id, by, force=step.force)


def _unfit(manifest: Manifest, provisioner: Provisioner) -> Iterator[Fault]:
    """What cannot be sealed."""
    for wish in manifest.wishes:
        members = with_secrets(wish.members, manifest.secrets.get(wish.place, {}))
        try:
            provisioner.check(cast(Kind, wish.kind), members)
        except Invalid as invalid:
            for fault in invalid.faults:
                yield Fault(wish.place + fault.pointer, fault.detail)


def _without_password(changes: Sequence[Change]) -> list[Fault]:
    """Devices whose login changes: a stored password holds for the old one only."""
    return [
        Fault(f"{change.place}/password", "is needed: it was hashed with the old login")
        for change in changes
        if isinstance(change.before, SipDevice)
        and change.before.credential_ref
        and not change.secrets
        and not {"auth_username", "realm"}.isdisjoint(change.differing)
    ]


def _texts(state: Directory, settled: Settled, country: str) -> dict[str, str]:
    there = texts_of(state.rows.values(), country)
    return there | {row.id: row.wish.title for row in settled.rows}
