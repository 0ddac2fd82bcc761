"""What is wrong with a graph: every fault at its place, all at once; and what a version is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import directory, resources, rules
from domain.directory import Directory
from domain.errors import Conflict, Fault, Invalid
from domain.flow import validation
from events.base import Fact
from events.resources import CHANGED, CallFlow
from tests.domain.flows import graph, node
from tests.domain.graphs import NO_GRAPHS, graphs
from tests.domain.rows import account, change, create, created, delete
from tests.support.given import ACCOUNT, NOW, property_of

SAY = node("s", "say", text="Hello")
END = node("e", "hangup")
MENU = node("m", "menu", maxDigits=1, timeoutSec=5)


def _faults(drawn: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        rules.check("call_flow", {"name": "Main", **drawn}, "US")
    assert all(fault.detail for fault in refused.value.faults)
    return [fault.pointer for fault in refused.value.faults]


QUICKSTART = graph(
    node("hours", "timeCondition", scheduleId="sch_1"),
    node("welcome", "menu", promptText="Press 1 for support", maxDigits=1, timeoutSec=5),
    node("supQ", "enqueue", queueId="q_1"),
    node("vm", "voicemail", mailboxId="vm_1"),
    "hours -in_hours> welcome",
    "hours -out_of_hours> vm",
    "welcome -digit:1> supQ",
    "welcome -timeout> vm",
)


def test_the_quickstarts_flow_is_good() -> None:
    assert validation.faults(QUICKSTART) == []
    assert validation.warnings(QUICKSTART) == []


@pytest.mark.parametrize(
    ("drawn", "pointers"),
    [
        (graph(SAY, start="x"), ["/start"]),
        (graph(start="x"), ["/start"]),
        (graph(node("x", "teleport")), ["/nodes/0/data/kind"]),
        (graph({"id": "x", "type": "say", "data": {}}), ["/nodes/0/data/kind"]),
        (graph(node("x", "say")), ["/nodes/0/data/text"]),
        (graph(node("x", "say", text="a", colour="red")), ["/nodes/0/data/colour"]),
        (graph(node("x", "menu", maxDigits=0, timeoutSec=5)), ["/nodes/0/data/maxDigits"]),
        (
            graph(node("x", "condition", expression=[{"variable": "a", "op": "is", "value": 1}])),
            ["/nodes/0/data/expression/0/op"],
        ),
        (graph(node("x", "callback", number="1")), ["/nodes/0/data/queueId"]),
        (
            graph(node("x", "callback", queueId="q_1", number="1", numberVariable="a")),
            ["/nodes/0/data"],
        ),
        (graph(SAY, SAY), ["/nodes/1/id"]),
        (graph(SAY, "s > x"), ["/edges/0/target"]),
        (graph(SAY, "x > s"), ["/edges/0/source"]),
        (graph(SAY, END, "s > e", "s -default> e"), ["/edges/1/sourceHandle"]),
        (graph(SAY, END, "s -digit:1> e"), ["/edges/0/sourceHandle"]),
        (graph(MENU, END, "m -digit:x> e"), ["/edges/0/sourceHandle"]),
        (graph(MENU, END, "m -digit:> e"), ["/edges/0/sourceHandle"]),
        (graph(SAY, END, "e > s"), ["/edges/0/sourceHandle"]),
        (
            graph(
                node("x", "condition", expression=[{"variable": "a", "op": "exists"}]),
                END,
                "x -match:0> e",
                "x -match:1> e",
                "x -match:00> e",
            ),
            ["/edges/1/sourceHandle", "/edges/2/sourceHandle"],
        ),
        ({**graph(SAY, END, "s > e"), "edges": [{"source": "s", "target": "e"}]}, ["/edges/0/id"]),
    ],
)
def test_a_fault_is_named_at_its_place(drawn: dict[str, Any], pointers: list[str]) -> None:
    assert _faults(drawn) == pointers


def test_every_fault_is_named_at_once() -> None:
    drawn = graph(
        node("a", "teleport"),
        node("b", "say", text="x", colour="red"),
        node("b", "play"),
        "b > nowhere",
        "b -digit:1> b",
        start="c",
    )
    drawn["nodes"][0].pop("type")
    assert set(_faults(drawn)) == {
        "/nodes/0/type",
        "/nodes/0/data/kind",
        "/nodes/1/data/colour",
        "/nodes/2/id",
        "/edges/0/target",
        "/start",
    }


SET = node("v", "setVariable", assignments=[{"name": "a", "value": "1"}])
ASK = node("q", "condition", expression=[{"variable": "a", "op": "exists"}])


@pytest.mark.parametrize(
    ("drawn", "spins"),
    [
        (graph(SET, ASK, "v > q", "q -else> v"), True),
        (graph(SET, "v > v"), True),
        (graph(SAY, SET, ASK, "s > v", "v > q", "q -match:0> s", "q -else> v"), True),
        (graph(node("w", "webhook", url="https://x.example/"), "w -error> w"), True),
        (graph(SAY, SET, ASK, "s > v", "v > q", "q -match:0> s"), False),
        (graph(MENU, "m -timeout> m"), False),
        (graph(SET, ASK, END, "v > q", "q -match:0> e", "q -else> e"), False),
    ],
)
def test_a_circle_in_which_nobody_waits_spins(drawn: dict[str, Any], spins: bool) -> None:
    found = [fault for fault in validation.faults(drawn) if fault.detail.startswith("spins")]
    assert bool(found) is spins


def test_a_long_chain_is_no_circle() -> None:
    nodes = [
        node(str(n), "setVariable", assignments=[{"name": "a", "value": "1"}]) for n in range(1000)
    ]
    drawn = graph(*nodes, *(f"{n} > {n + 1}" for n in range(999)))
    assert validation.faults(drawn) == []
    drawn["edges"].append({"id": "back", "source": "999", "target": "0"})
    assert len(validation.faults(drawn)) == 1


def test_what_cannot_be_reached_is_a_warning() -> None:
    drawn = graph(SAY, END, MENU, "s > e", "m -timeout> e")
    assert validation.faults(drawn) == []
    assert validation.warnings(drawn) == [Fault("/nodes/2", "m cannot be reached")]


def test_a_graph_has_a_size() -> None:
    many = [node(str(n), "hangup") for n in range(validation.MAX_NODES + 1)]
    assert "/nodes" in _faults(graph(*many))


@property_of(examples=300)
@given(NO_GRAPHS | graphs())
def test_whatever_is_sent_is_judged_and_nothing_raises(drawn: dict[str, Any]) -> None:
    assert all(isinstance(fault, Fault) for fault in validation.faults(drawn))
    assert all(isinstance(fault, Fault) for fault in validation.warnings(drawn))
    assert all(pointer.pointer for pointer in validation.pointers(drawn))
    try:
        rules.check("call_flow", {"name": "Main", **drawn}, "US")
    except Invalid:
        return


@property_of(examples=100)
@given(graphs())
def test_a_graph_without_faults_can_be_saved(drawn: dict[str, Any]) -> None:
    if not validation.faults(drawn):
        assert isinstance(rules.check("call_flow", {"name": "Main", **drawn}, "US"), CallFlow)


# What nodes point to


POINTING = [
    (node("x", "timeCondition", scheduleId="gone"), "scheduleId"),
    (node("x", "ringGroup", ringGroupId="gone"), "ringGroupId"),
    (node("x", "enqueue", queueId="gone"), "queueId"),
    (node("x", "callback", queueId="gone"), "queueId"),
    (node("x", "voicemail", mailboxId="gone"), "mailboxId"),
    (node("x", "conference", conferenceId="gone"), "conferenceId"),
    (node("x", "subflow", flowId="gone"), "flowId"),
    (node("x", "play", audioId="gone"), "audioId"),
    (node("x", "play", playlistId="gone"), "playlistId"),
    *(
        (node("x", "menu", maxDigits=1, timeoutSec=5, **{member: "gone"}), member)
        for member in ("promptAudioId", "repromptAudioId", "invalidAudioId")
    ),
    (node("x", "dial", target="user", id="gone"), "id"),
    (node("x", "dial", target="extension", id="gone"), "id"),
    (node("x", "dial", target="forward", id="gone"), "id"),
    (node("x", "forward", dest_kind="queue", dest_id="gone"), "dest_id"),
    (node("x", "forward", dest_kind="trunk"), "dest_id"),
]


@pytest.mark.parametrize(("pointing", "member"), POINTING)
def test_a_node_that_points_to_nothing_is_refused(pointing: dict[str, Any], member: str) -> None:
    made = account().when(create("call_flow", "flow_1", name="Main", **graph(pointing)))
    made.then_refused(Invalid, f"/nodes/0/data/{member}")


def test_faults_and_lost_pointers_are_named_together() -> None:
    drawn = graph(node("x", "enqueue", queueId="gone"), node("y", "say"))
    made = account().when(create("call_flow", "flow_1", name="Main", **drawn))
    made.then_refused(Invalid, "/nodes/1/data/text", "/nodes/0/data/queueId")


@pytest.mark.parametrize("force", [False, True])
def test_what_a_flow_points_to_stays(force: bool) -> None:
    used = account(
        created("queue", "q_1", name="Support"),
        created("call_flow", "flow_1", name="x", **graph(node("x", "enqueue", queueId="q_1"))),
    )
    used.when(delete("queue", "q_1", force=force)).then_refused(Conflict)


# Versions


ONE, TWO, THREE = (graph(node("s", "say", text=text)) for text in ("One", "Two", "Three"))


class Drawn:
    """A flow that is drawn, published and drawn again."""

    def __init__(self, **members: Any) -> None:
        self.facts: list[Fact] = []
        self._do(create("call_flow", "flow_1", name="Main", **members))

    def _do(self, decision: Any) -> None:
        when = account(*self.facts).when(decision)
        self.facts = list(when.then_given().facts[1:])

    def change(self, **patch: Any) -> "Drawn":
        self._do(change("call_flow", "flow_1", **patch))
        return self

    @property
    def state(self) -> Directory:
        return account(*self.facts).state.directory

    @property
    def standing(self) -> tuple[int, int, int | None]:
        """Number and standing of what is worked on, and the number that calls get."""
        body = directory.body_of(self.state, "flow_1", CallFlow)
        assert body is not None
        live = directory.live_flow(self.state, "flow_1")
        assert (live.version if live else None) == body.live == body.live_version
        return body.version, body.is_published, body.live

    def text(self, version: int) -> str:
        flow = directory.flow_of(self.state, "flow_1", version)
        assert flow is not None
        return str(flow.nodes[0].data["text"])


def test_a_new_flow_is_a_draft() -> None:
    assert Drawn(**ONE).standing == (1, 0, None)
    assert Drawn(**ONE, version=7).standing == (7, 0, None)
    assert Drawn(**ONE, is_published=1).standing == (1, 1, 1)


def test_publishing_freezes_a_draft_under_its_number() -> None:
    flow = Drawn(**ONE).change(**TWO).change(is_published=1)
    assert flow.standing == (1, 1, 1)
    assert flow.text(1) == "Two"


def test_calls_keep_what_was_published_while_a_draft_is_worked_on() -> None:
    flow = Drawn(**ONE, is_published=1).change(**TWO)
    assert flow.standing == (2, 0, 1)
    flow.change(**THREE)
    assert flow.standing == (2, 0, 1)
    assert (flow.text(1), flow.text(2)) == ("One", "Three")
    flow.change(is_published=1)
    assert flow.standing == (2, 1, 2)
    assert (flow.text(1), flow.text(2)) == ("One", "Three")


def test_what_is_drawn_and_published_at_once_is_the_next_version() -> None:
    flow = Drawn(**ONE, is_published=1).change(**TWO, is_published=1)
    assert flow.standing == (2, 1, 2)
    assert (flow.text(1), flow.text(2)) == ("One", "Two")


def test_applying_a_file_again_changes_nothing() -> None:
    flow = Drawn(**ONE, version=1, is_published=1).change(**TWO, version=1, is_published=1)
    assert flow.standing == (2, 1, 2)
    before = len(flow.facts)
    flow.change(**TWO, version=1, is_published=1)
    assert (flow.standing, len(flow.facts)) == ((2, 1, 2), before)


def test_a_draft_that_went_back_is_the_version_it_was() -> None:
    flow = Drawn(**ONE, is_published=1).change(**TWO).change(**ONE).change(is_published=1)
    assert flow.standing == (1, 1, 1)


def test_a_name_makes_no_version() -> None:
    assert Drawn(**ONE, is_published=1).change(name="Other").standing == (1, 1, 1)


def test_a_flow_is_taken_from_callers() -> None:
    flow = Drawn(**ONE, is_published=1).change(is_published=0)
    assert flow.standing == (1, 0, None)
    assert flow.change(is_published=1).standing == (1, 1, 1)
    drafted = Drawn(**ONE, is_published=1).change(**TWO).change(live_version=None)
    assert drafted.standing == (2, 0, None)


def test_saving_a_draft_takes_nothing_from_callers() -> None:
    assert Drawn(**ONE, is_published=1).change(**TWO, is_published=0).standing == (2, 0, 1)


def test_nobody_says_himself_what_is_live() -> None:
    assert Drawn(**ONE, live_version=9).standing == (1, 0, None)
    assert Drawn(**ONE, is_published=1).change(live_version=9).standing == (1, 1, 1)


def test_a_flow_that_is_made_anew_under_its_id_goes_on_counting() -> None:
    flow = Drawn(**ONE, is_published=1)
    flow._do(delete("call_flow", "flow_1"))
    flow._do(create("call_flow", "flow_1", name="Main", is_published=1, **TWO))
    assert flow.standing == (2, 1, 2)
    assert (flow.text(1), flow.text(2)) == ("One", "Two")


def test_a_row_of_an_older_release_is_live_as_it_says() -> None:
    old = created("call_flow", "flow_1", name="x", is_published=1, version=3, **ONE)
    state = account(old).state.directory
    live = directory.live_flow(state, "flow_1")
    assert live is not None
    assert live.version == 3


def test_only_the_newest_versions_are_at_hand() -> None:
    flow = CallFlow.model_validate({"name": "x", **ONE})
    state = Directory()
    for version in range(1, 40):
        body = flow.model_copy(update={"version": version, "is_published": 1})
        directory.freeze(state, "flow_1", body)
    assert sorted(state.published["flow_1"]) == list(range(20, 40))


PATCHES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "graph": st.sampled_from([ONE, TWO, THREE]),
            "is_published": st.integers(0, 1),
            "live_version": st.none() | st.integers(1, 5),
            "version": st.integers(1, 5),
        },
    ),
    max_size=8,
)


@property_of(examples=100)
@given(PATCHES)
def test_what_was_published_under_a_number_never_changes(patches: list[dict[str, Any]]) -> None:
    state = account(created("call_flow", "flow_1", name="x", **ONE)).state
    frozen: dict[int, CallFlow] = {}
    author = resources.Author(ACCOUNT, "key_1", NOW)
    for patch in patches:
        drawn = {**patch.pop("graph", {}), **patch}
        made = resources.change(
            state.directory, author, "call_flow", "flow_1", drawn, None, state.claim_of
        )
        for fact in made:
            assert isinstance(fact, CHANGED["call_flow"])
            directory.evolve(state.directory, fact)
        now = state.directory.published.get("flow_1", {})
        assert frozen.items() <= now.items()
        frozen = dict(now)
        body = directory.body_of(state.directory, "flow_1", CallFlow)
        live = directory.live_flow(state.directory, "flow_1")
        assert body is not None
        assert not body.is_published or live is not None
        assert live is None or live.is_published
