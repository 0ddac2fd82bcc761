"""What the owner of an account knows of its queues at this moment, and nobody else as exactly."""

from commands.message import Command, Outcome
from commands.world import World
from domain.acd import callers
from domain.acd import desk as desks
from domain.directory import rows_of
from domain.errors import NotFound
from events.resources import Queue


class ShowQueues(Command):
    """How long would somebody wait who came now?"""


def show_queues(command: ShowQueues, world: World) -> Outcome:
    """Queue → expected wait in seconds."""
    office = world.office(command.account_id)
    if office.directory.account is None:
        raise NotFound(f"no account {command.account_id}")
    desk = desks.at_desk(office, world.now)
    known = [id for id, _ in rows_of(office.directory, Queue)]
    return Outcome([], {"ewtSec": {id: callers.ewt_of_next(desk, id) for id in known}})
