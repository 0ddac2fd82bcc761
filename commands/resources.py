"""Commands about configuration: one way for every kind of row."""

from typing import Any, Literal, get_args

from pydantic import Field

from commands.message import Command, Line, Outcome
from commands.world import World
from domain import resources
from domain.directory import Directory
from domain.resources import Author
from events.resources import KINDS, Changed

Kind = Literal[
    "account",
    "sip_domain",
    "sip_user",
    "sip_device",
    "did",
    "extension",
    "sip_trunk",
    "outbound_route",
    "time_schedule",
    "queue",
    "agent_queue_assignment",
    "in_queue_option",
    "forward",
    "call_flow",
    "voicemail",
    "ring_group",
    "conference",
    "webhook",
    "api_key",
    "call_limit",
    "rate_plan",
    "media_file",
    "media_playlist",
    "contact_list",
    "cid_pool",
    "campaign",
    "console_user",
]
assert set(get_args(Kind)) == set(KINDS), "every kind of row can be asked for"


class _AboutRow(Command):
    kind: Kind
    id: str = Field(min_length=1, max_length=64, pattern=r"^[a-z]+_[0-9a-z]{26}$")
    by: Line = Field(max_length=64)
    """Id of the API key, or who else asked."""


class CreateRow(_AboutRow):
    members: dict[str, Any]


class ChangeRow(_AboutRow):
    patch: dict[str, Any]
    if_version: int | None = None


class DeleteRow(_AboutRow):
    if_version: int | None = None
    force: bool = False


def create_row(command: CreateRow, world: World) -> Outcome:
    facts = resources.create(
        world.office(command.account_id).directory,
        Author(command.account_id, command.by, world.now),
        command.kind,
        command.id,
        command.members,
        world.claim,
    )
    return Outcome(facts, {"ok": 1, "id": command.id})


def change_row(command: ChangeRow, world: World) -> Outcome:
    directory = world.office(command.account_id).directory
    _load_claims(directory, command.id, world)
    facts = resources.change(
        directory,
        Author(command.account_id, command.by, world.now),
        command.kind,
        command.id,
        command.patch,
        command.if_version,
        world.claim,
    )
    return Outcome(facts, {"ok": 1, "id": command.id, "changed": len(facts) > 0})


def delete_row(command: DeleteRow, world: World) -> Outcome:
    directory = world.office(command.account_id).directory
    _load_claims(directory, command.id, world)
    facts = resources.delete(
        directory,
        Author(command.account_id, command.by, world.now),
        command.kind,
        command.id,
        command.if_version,
        command.force,
    )
    repointed = [fact.id for fact in facts if isinstance(fact, Changed)]
    return Outcome(facts, {"ok": 1, "id": command.id, "repointed": repointed})


def _load_claims(directory: Directory, id: str, world: World) -> None:
    """Have the names that the row owns at hand: they exist in the store."""
    if row := directory.rows.get(id):
        for name in resources.names_of(row.body):
            world.known_claim(name)
