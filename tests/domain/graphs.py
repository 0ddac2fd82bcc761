"""Any graph at all, for properties: well drawn, badly drawn, and not a graph."""

from typing import Any

from hypothesis import strategies as st

IDS = ["a", "b", "c", "d"]
_ID = st.sampled_from(IDS)
_TEXT = st.sampled_from(["Hello", "{{x}}", "{{caller_cid}} {{y}}", "1", "****"])
_NAME = st.sampled_from(["x", "y", "digits"])
_CONDITION = st.fixed_dictionaries(
    {
        "variable": _NAME,
        "op": st.sampled_from(["eq", "ne", "lt", "gt", "matches", "in", "exists"]),
        "value": st.sampled_from(["1", "{{x}}", "[0-9]*", "a,b", "(a|b)*c{2,3}"]),
    }
)
_PROMPTED = {"maxDigits": st.integers(1, 4), "timeoutSec": st.just(5), "promptText": _TEXT}
_DATA: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "entry": {},
    "play": {"audioId": st.just("media_1")},
    "say": {"text": _TEXT},
    "menu": _PROMPTED,
    "collect": {**_PROMPTED, "variable": _NAME, "secret": st.integers(0, 1)},
    "timeCondition": {"scheduleId": st.just("sch_1")},
    "condition": {"expression": st.lists(_CONDITION, min_size=1, max_size=3)},
    "setVariable": {
        "assignments": st.lists(
            st.fixed_dictionaries({"name": _NAME, "value": _TEXT}), min_size=1, max_size=2
        )
    },
    "webhook": {"url": st.just("https://crm.example/{{x}}"), "saveAs": _NAME},
    "dial": {"target": st.just("user"), "id": st.sampled_from(["us_1001", "us_9"])},
    "ringGroup": {"ringGroupId": st.sampled_from(["rg_1", "rg_9"])},
    "enqueue": {"queueId": st.sampled_from(["q_1", "q_9"])},
    "callback": {"queueId": st.sampled_from(["q_1", "q_9"]), "number": st.just("+12025550100")},
    "voicemail": {"mailboxId": st.sampled_from(["vm_1", "vm_9"])},
    "record": {"maxSec": st.just(10), "variable": _NAME},
    "conference": {"conferenceId": st.sampled_from(["conf_1", "conf_9"])},
    "forward": {
        "dest_kind": st.sampled_from(["flow", "queue", "voicemail", "user", "hangup"]),
        "dest_id": st.sampled_from(["flow_1", "flow_2", "q_1", "vm_1", "us_1001", None]),
    },
    "subflow": {"flowId": st.sampled_from(["flow_1", "flow_2", "flow_9"])},
    "hangup": {},
}
HANDLES = st.sampled_from(
    [
        *(None, "default", "digit:1", "digit:2", "timeout", "invalid", "in_hours", "out_of_hours"),
        *("match:0", "match:1", "else", "ok", "error", "answered", "no_answer", "busy", "failed"),
        *("no_agents", "full", "silence", "bad_pin", "nothing"),
    ]
)


@st.composite
def _node(draw: st.DrawFn, id: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(_DATA)))
    data = draw(st.fixed_dictionaries(_DATA[kind]))
    return {"id": id, "type": kind, "data": {"kind": kind, **data}}


@st.composite
def _edges(draw: st.DrawFn) -> list[dict[str, Any]]:
    ends = draw(st.lists(st.tuples(_ID, HANDLES, _ID), max_size=16))
    return [
        {"id": f"e{number}", "source": source, "sourceHandle": handle, "target": target}
        for number, (source, handle, target) in enumerate(ends)
    ]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Nodes whose data is good; edges as they come."""
    nodes = [draw(_node(id)) for id in IDS]
    return {"start": draw(_ID), "nodes": nodes, "edges": draw(_edges())}


_ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
_MEMBERS = st.sampled_from(
    ["kind", "id", "data", "type", "source", "target", "sourceHandle", "text", "maxDigits", "url"]
)
_NEARLY = st.dictionaries(
    _MEMBERS,
    _ANY | st.sampled_from(sorted(_DATA)) | _ID | st.dictionaries(_MEMBERS, _ANY, max_size=4),
    max_size=5,
)
NO_GRAPHS = st.fixed_dictionaries(
    {
        "start": _ANY | _ID,
        "nodes": _ANY | st.lists(_NEARLY | _ANY, max_size=4),
        "edges": _ANY | st.lists(_NEARLY | _ANY, max_size=4),
    }
)
"""What somebody may send instead."""
