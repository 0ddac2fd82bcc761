"""Commands about the defence of a node group: who was refused."""

from commands.message import Command, Outcome, Printable
from commands.world import World
from domain import bans

GROUP = "default"


class ReportFailedAuth(Command):
    """A digest was refused."""

    ip: Printable
    username: Printable
    realm: Printable
    reason: Printable


def report_failed_auth(command: ReportFailedAuth, world: World) -> Outcome:
    facts = bans.fail_auth(
        world.bans(GROUP), command.ip, command.username, command.realm, command.reason, world.now
    )
    return Outcome(facts, {"ok": 1})


class ReportRefusedAccess(Command):
    """A caller without the right to do so knocked at a gated endpoint."""

    ip: Printable
    path: Printable
    status: int


def report_refused_access(command: ReportRefusedAccess, world: World) -> Outcome:
    facts = bans.refuse_access(
        world.bans(GROUP), command.ip, command.path, command.status, world.now
    )
    return Outcome(facts, {"ok": 1})
