"""A caller who talks with an agent of a queue, or with a user, and is given to somebody else."""

from typing import Any

from domain import capacity
from domain.acd import callers
from domain.call import Report, report_dialog
from domain.flow import transfer
from domain.flow.session import Told
from domain.flow.transfer import Refused
from events.base import Fact, Millis
from events.call import DialogEvent
from events.capacity import ReleaseReason
from events.flow import FlowCommand
from tests.domain.test_flow_queue import Hotline
from tests.support.given import ACCOUNT

BACK, CONSULTED, COMPLETED, ALL = (
    ("caller", "agent"),
    ("agent", "target"),
    ("caller", "target"),
    ("caller", "agent", "target"),
)
"""Who is in the bridge of a call."""


class Talk:
    """`dana`, `erik` and `fay` are agents of one queue; dana talks with the caller."""

    def __init__(self, **queue: Any) -> None:
        self.hotline = Hotline(**{"wrap_up_sec": 10, "strategy": "top_down", **queue})
        self.center, self.rows = self.hotline.center, self.hotline.rows
        self.dana = self.hotline.agent("dana", position=1)
        self.erik = self.hotline.agent("erik", position=2)
        self.flow, _ = self.hotline.enter("c1")
        self.center.answer(self.dana)

    def user(self, name: str, **members: Any) -> str:
        """A user with a telephone, who is no agent."""
        return self.rows.add_user(name, **members)

    def blind(self, kind: str, id: str, user: str = "us_dana") -> FlowCommand:
        return self.give(kind, id, user, "blind")

    def consult(self, kind: str = "agent", id: str = "us_erik", user: str = "us_dana") -> Any:
        return self.give(kind, id, user, "attended")

    def give(self, kind: str, id: str, user: str, mode: str) -> FlowCommand:
        decided = self.ask(kind, id, user, mode)
        assert isinstance(decided, Told), decided
        return decided.command

    def ask(self, kind: str, id: str, user: str = "us_dana", mode: str = "blind") -> Told | Refused:
        flow = self.flow
        return self.take(transfer.begin(flow.session, flow.context, user, kind, id, mode))

    def complete(self) -> Told:
        told = self.take(transfer.complete(self.flow.session, self.flow.context))
        assert isinstance(told, Told)
        return told

    def cancel(self) -> Told:
        told = self.take(transfer.cancel(self.flow.session, self.flow.context))
        assert isinstance(told, Told)
        return told

    def join_all(self) -> Told:
        told = self.take(transfer.join_all(self.flow.session, self.flow.context))
        assert isinstance(told, Told)
        return told

    def take(self, decided: Told | Refused) -> Told | Refused:
        facts: list[Fact]
        if isinstance(decided, Refused):
            facts = [*decided.facts]
        else:
            facts = decided.all_facts
            self.flow.told.append(decided)
        self.rows.apply(facts)
        return decided

    @property
    def state(self) -> str:
        run = self.flow.session.flow
        assert run is not None
        return transfer.state_of(run)

    def hang_up(self) -> None:
        """The edge reports the end of the call."""
        flow, now = self.flow, self.center.now
        report = Report(DialogEvent.END, Millis(now))
        ended: list[Fact] = [*report_dialog(flow.session, ACCOUNT, report, now)]
        state = self.rows.capacity
        ended += capacity.release(state, ACCOUNT, flow.call_id, ReleaseReason.ENDED, now)
        self.rows.apply([*ended, *callers.end_call(self.rows.office, flow.call_id, now)])
