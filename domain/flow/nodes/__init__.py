"""The kinds of node: what their data is, and what they do."""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.flow.node import Next, NodeData, Visit
from domain.flow.nodes import (
    callback,
    collect,
    condition,
    conference,
    consult,
    dial,
    enqueue,
    entry,
    forward,
    hand_over,
    hangup,
    menu,
    play,
    record,
    ring_group,
    say,
    set_variable,
    subflow,
    time_condition,
    voicemail,
    webhook,
)


class Kind(NamedTuple):
    data: type[NodeData]
    run: Callable[[Any, Visit], Next]


KINDS: dict[str, Kind] = {
    "entry": Kind(entry.Entry, entry.run),
    "play": Kind(play.Play, play.run),
    "say": Kind(say.Say, say.run),
    "menu": Kind(menu.Menu, menu.run),
    "collect": Kind(collect.Collect, collect.run),
    "timeCondition": Kind(time_condition.TimeCondition, time_condition.run),
    "condition": Kind(condition.Condition, condition.run),
    "setVariable": Kind(set_variable.SetVariable, set_variable.run),
    "webhook": Kind(webhook.Webhook, webhook.run),
    "dial": Kind(dial.Dial, dial.run),
    "ringGroup": Kind(ring_group.RingGroup, ring_group.run),
    "enqueue": Kind(enqueue.Enqueue, enqueue.run),
    "callback": Kind(callback.Callback, callback.run),
    "voicemail": Kind(voicemail.Voicemail, voicemail.run),
    "record": Kind(record.Record, record.run),
    "conference": Kind(conference.Conference, conference.run),
    "forward": Kind(forward.Forward, forward.run),
    "subflow": Kind(subflow.Subflow, subflow.run),
    "hangup": Kind(hangup.Hangup, hangup.run),
}
"""`data.kind` → the node's data and its function. In the order of spec 04."""

UNDRAWN: dict[str, Kind] = {
    "handOver": Kind(hand_over.HandOver, hand_over.run),
    "handOverToQueue": Kind(hand_over.HandOverToQueue, hand_over.run_queue),
    "consult": Kind(consult.Consult, consult.run),
}
"""Kinds of which the flow of a transfer is made; nobody can draw them."""
ALL = KINDS | UNDRAWN
