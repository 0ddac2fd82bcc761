"""Commands about sessions of console users."""

from pydantic import Field

from commands.message import Command, Line, Outcome
from commands.world import World
from domain import sessions
from domain.resources import Author


class _AboutSession(Command):
    session_id: Line = Field(min_length=1, max_length=64)


class OpenSession(_AboutSession):
    """A console user has shown a good password."""

    user_id: Line = Field(min_length=1, max_length=64)
    epoch: int
    """His `session_epoch` when the password was looked up."""
    src_ip: Line = Field(max_length=64)


class EndSession(_AboutSession):
    by: Line = Field(max_length=64)


def open_session(command: OpenSession, world: World) -> Outcome:
    facts = sessions.open(
        world.session(command.session_id),
        world.office(command.account_id).directory,
        Author(command.account_id, command.user_id, world.now),
        command.user_id,
        command.epoch,
        command.src_ip,
    )
    return Outcome(facts, {"ok": 1, "id": command.session_id})


def end_session(command: EndSession, world: World) -> Outcome:
    author = Author(command.account_id, command.by, world.now)
    facts = sessions.end(world.session(command.session_id), author)
    return Outcome(facts, {"ok": 1, "id": command.session_id})
