"""Calls that are given back and forth by whoever has them, by dice: what holds after every command,
whatever comes twice, late, out of order, or at the same time as somebody hangs up."""

from collections import Counter
from collections.abc import Callable
from random import Random

from domain.acd.floor import Status
from domain.errors import Refusal
from domain.flow import transfer, transfers
from domain.flow.nodes.consult import Stage
from domain.flow.run import FlowRun
from domain.flow.session import Told
from events.base import CallId
from events.flow import FlowCommand, JoinConference
from tests.domain.test_flow_queue import Hotline
from tests.domain.transferring import ALL, Talk

AGENTS = ("us_a", "us_b", "us_c")
USERS = (*AGENTS, "us_dora")
MAX_OPEN = 4
OUTCOMES = ("answered", "no_answer", "busy", "done", "hangup", "poll")
LIKELY = {"ringing": ["answered"] * 12, "dialling": ["no_answer"] * 4 + ["poll"] * 4}
TARGETS = (
    *(("agent", id) for id in AGENTS),
    *(("user", id) for id in USERS),
    *(("queue", "q_1"), ("pstn", "+12025550188"), ("number", "dora")),
)
STEPS = 300


class Shift:
    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.hotline = Hotline(wrap_up_sec=2, agent_ring_timeout_sec=8, max_no_answer=0)
        self.center, self.rows = self.hotline.center, self.hotline.rows
        self.talks: dict[str, Talk] = {}
        self.asked: dict[str, tuple[str, int, FlowCommand]] = {}
        """Call → the last outcome that was reported, with what came of it."""
        self.seen: Counter[str] = Counter()
        self.rows.add_trunk("tr_1", max_channels=1)
        for name in "abc":
            id = self.hotline.agent(name)
            self.rows.change("sip_user", id, allow_pstn_blind_transfer=int(name == "a"))
        self.rows.add_user("dora")

    def go_on(self) -> None:
        """One thing happens."""
        open = [id for id in self.talks if (run := self.run(id)) and run.frames]
        if len(open) < MAX_OPEN and self.chance.random() < 0.3:
            self.come()
        elif open and self.chance.random() < 0.8:
            often = [self.give, self.order, self.report] * 3
            self.chance.choice([*often, self.leave])(self.chance.choice(open))
        elif self.talks and self.chance.random() < 0.3:
            call = self.chance.choice([*self.talks])
            self.chance.choice([self.repeat, self.repeat, self.hang_up, self.order])(call)
        else:
            self.agents_do()
        for id in self.talks:
            self.seen[self.state(id)] += 1

    # What happens

    def come(self) -> None:
        talk, call = Talk.__new__(Talk), f"c{len(self.talks)}"
        talk.hotline, talk.center, talk.rows = self.hotline, self.center, self.rows
        talk.flow = self.hotline.call(call)
        self.talks[call] = talk
        done(talk.flow.start)

    def agents_do(self) -> None:
        for agent in AGENTS:
            if self.center.of(agent).offer is not None and self.chance.random() < 0.8:
                self.center.answer(agent)
        agent, what = self.chance.choice(AGENTS), self.chance.randrange(12)
        if what > 1:
            self.hotline.wait(self.chance.choice([1, 3, 9]))
            self.center.make_available(agent, "q_1")
        elif self.center.of(agent).status is not Status.OFFLINE:
            (self.center.pause if what else self.center.log_out)(agent)

    def report(self, call: str) -> None:
        """The engine reports of its command; sometimes it has not heard of the last one yet."""
        run = self.run(call)
        assert run is not None
        seq = max(1, run.seq - self.chance.choice([0, 0, 0, 1]))
        likely = LIKELY.get(self.state(call), [])
        self.step(call, self.chance.choice([*likely, *OUTCOMES]), seq)

    def leave(self, call: str) -> None:
        run = self.run(call)
        assert run is not None
        self.step(call, "done", run.seq, party=self.chance.choice(["agent", "target"]))

    def step(self, call: str, outcome: str, seq: int, **data: str) -> None:
        flow = self.talks[call].flow
        command = done(lambda: flow.step(outcome, seq, **data))
        if not isinstance(command, Refusal) and flow.told[-1].facts:
            self.asked[call] = (outcome, seq, flow.told[-1].command)

    def repeat(self, call: str) -> None:
        """The answer was lost on the way."""
        flow, run = self.talks[call].flow, self.run(call)
        if run is None or call not in self.asked or flow.session.outcome is not None:
            return
        outcome, seq, command = self.asked[call]
        if seq + 1 in run.commands and (outcome != "hangup" or seq >= run.unasked):
            assert flow.step(outcome, seq) == command
            assert flow.told[-1].all_facts == []

    def give(self, call: str) -> None:
        """Mostly by somebody who has the caller."""
        run, talk = self.run(call), self.talks[call]
        assert run is not None
        parties = [*run.frames[-1].users, self.center.floor.talks.get(CallId(call))]
        user = self.chance.choice([id for id in parties if id] or USERS)
        mode = self.chance.choice(["blind", "attended", "attended"])
        target = self.chance.choice(TARGETS)
        self.twice(call, lambda: talk.ask(*target, user, mode))

    def order(self, call: str) -> None:
        talk = self.talks[call]
        decide = self.chance.choice([transfer.complete, transfer.cancel, transfer.join_all])
        self.twice(call, lambda: talk.take(decide(talk.flow.session, talk.flow.context)))

    def hang_up(self, call: str) -> None:
        self.talks[call].hang_up()

    def twice(self, call: str, decide: Callable[[], object]) -> None:
        """The same wish at the same time once more is the same answer and no news."""
        first = done(decide)
        if isinstance(first, Told) and self.state(call) not in ("forwarded", "recalling", "over"):
            again = done(decide)
            assert isinstance(again, Told)
            assert (again.command, again.all_facts) == (first.command, [])

    # What holds

    def run(self, call: str) -> FlowRun | None:
        return self.talks[call].flow.session.flow

    def state(self, call: str) -> str:
        run = self.run(call)
        return transfer.state_of(run) if run else ""

    def check(self) -> None:
        self.nobody_is_in_a_call_that_is_over()
        self.counters_are_what_calls_hold()
        for call, talk in self.talks.items():
            run = talk.flow.session.flow
            if talk.flow.session.outcome is None and run is not None:
                self.whoever_is_busy_with_a_transfer_is_in_it(call, run)
                self.two_have_a_caller_only_during_a_consultation(call, run)

    def nobody_is_in_a_call_that_is_over(self) -> None:
        over = {CallId(id) for id, talk in self.talks.items() if talk.flow.session.outcome}
        for agent in self.center.floor.agents.values():
            assert agent.talk is None or agent.talk.call_id not in over
            assert not agent.external & over
        assert not over & self.rows.capacity.open.keys()

    def counters_are_what_calls_hold(self) -> None:
        state = self.rows.capacity
        held = [(hold, id) for id, one in state.open.items() for hold in one.all_holds]
        counted = [(hold, id) for hold, calls in state.holders.items() for id in calls]
        assert sorted(held) == sorted(counted)

    def whoever_is_busy_with_a_transfer_is_in_it(self, call: str, run: FlowRun) -> None:
        busy = {id for id in AGENTS if call in self.center.of(id).external}
        has_him = self.center.floor.talks.get(CallId(call))
        assert busy == (transfers.users_in(run.frames) & set(AGENTS)) - {has_him}

    def two_have_a_caller_only_during_a_consultation(self, call: str, run: FlowRun) -> None:
        """And they are in one bridge with him only if that was asked for."""
        talks, command = CallId(call) in self.center.floor.talks, run.commands[run.seq]
        frame = run.frames[-1] if run.frames else None
        is_consult = transfers.of(frame) is not None and frame.node_id == transfers.CONSULT  # type: ignore[union-attr]
        stage = Stage(frame.stage) if frame and is_consult else None
        assert not talks or frame is not None
        if talks and transfers.users_in(run.frames):
            assert stage in (Stage.RINGING, Stage.CONSULTING, Stage.THREE_WAY)
        if isinstance(command, JoinConference) and command.flags == ALL:
            assert stage is Stage.THREE_WAY


def done(happen: Callable[[], object]) -> object:
    try:
        return happen()
    except Refusal as refusal:
        return refusal


def test_whatever_happens_nobody_is_left_behind() -> None:
    seen: Counter[str] = Counter()
    for seed in range(8):
        shift = Shift(Random(seed))
        for _ in range(STEPS):
            shift.go_on()
            shift.check()
        for call in shift.talks:
            shift.hang_up(call)
        shift.check()
        assert not shift.center.floor.talks
        assert not shift.rows.capacity.holders
        assert not any(agent.external for agent in shift.center.floor.agents.values())
        seen += shift.seen
    wanted = {"ringing", "consulting", "three_way", "completed", "cancelled", "dialling"}
    assert wanted | {"recalling", "queued"} <= seen.keys(), "the dice are loaded badly"
