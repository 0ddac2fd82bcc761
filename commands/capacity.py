"""Commands about an account's channels."""

from commands.message import Command, Outcome
from commands.world import World
from domain import capacity
from domain.errors import NotFound
from events.capacity import ReleaseReason


class ResetCapacity(Command):
    """Release what is held by calls that are over, or (force) by all (spec 06, POST /cac/reset)."""

    force: bool = False


def reset_capacity(command: ResetCapacity, world: World) -> Outcome:
    office = world.office(command.account_id)
    if office.directory.account is None:
        raise NotFound(f"no account {command.account_id}")
    state = office.capacity
    sessions = [] if command.force else world.calls(list(state.open))
    alive = {s.call_id for s in sessions if s.account_id is not None and s.outcome is None}
    facts = [
        fact
        for call_id in state.open
        if call_id not in alive
        for fact in capacity.release(
            state, command.account_id, call_id, ReleaseReason.RESET, world.now
        )
    ]
    return Outcome(facts, {"ok": 1, "released": len(facts)})
