"""A mailbox: what is left, heard and deleted, what phones show of it, and when it is full."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from commands import snapshots
from domain import voicemail
from domain.errors import NotFound
from domain.voicemail import Mailbox, Owner, Recorded, VoicemailFact
from events.base import CallId, Millis
from events.flow import Hangup, Play, Record
from events.voicemail import (
    MessageDeleted,
    MessageLeft,
    MessageRead,
    MessageReplaced,
    MessageUnread,
)
from tests.domain.acme import Acme
from tests.domain.flows import InFlow, node, through
from tests.support.given import ACCOUNT, NOW, Aggregate, given, property_of

MAILBOX = Aggregate(Mailbox, voicemail.evolve)
OWNER = Owner(ACCOUNT, "vm_1", ("us_1", "us_2"))
MESSAGE = {"account_id": ACCOUNT, "at": NOW, "voicemail_id": "vm_1"}
COUNTED = {**MESSAGE, "user_ids": ("us_1", "us_2")}
Decision = Callable[[Mailbox], list[VoicemailFact]]


def _recorded(number: int = 1, size: int = 1_000) -> Recorded:
    return Recorded(CallId(f"call-{number}"), "14155551234", f"acc/vm/{number}.wav", 4_000, size)


def _leave(number: int = 1, size: int = 1_000, id: str | None = None) -> Decision:
    message = id or f"vmm_{number}"
    recorded = _recorded(number, size)
    return lambda state: voicemail.leave(state, OWNER, message, recorded, "a@acme.example", NOW)


def _mark(id: str, is_read: bool) -> Decision:
    return lambda state: voicemail.mark(state, OWNER, id, is_read, NOW)


def _delete(id: str) -> Decision:
    return lambda state: voicemail.delete(state, OWNER, id, NOW)


def _left(number: int, new: int, old: int) -> MessageLeft:
    return MessageLeft(
        **COUNTED,
        message_id=f"vmm_{number}",
        new=new,
        old=old,
        received_at=NOW,
        notify_email="a@acme.example",
        **_recorded(number)._asdict(),
    )


def test_a_message_is_left_heard_and_deleted() -> None:
    one = given(MAILBOX).when(_leave(1)).then(_left(1, 1, 0))
    two = one.when(_leave(2)).then(_left(2, 2, 0))
    read = two.when(_mark("vmm_1", True)).then(
        MessageRead(**COUNTED, message_id="vmm_1", new=1, old=1)
    )
    unread = read.when(_mark("vmm_1", False)).then(
        MessageUnread(**COUNTED, message_id="vmm_1", new=2, old=0)
    )
    unread.when(_delete("vmm_2")).then(MessageDeleted(**COUNTED, message_id="vmm_2", new=1, old=0))
    read.when(_delete("vmm_1")).then(MessageDeleted(**COUNTED, message_id="vmm_1", new=1, old=0))


def test_the_same_recording_again_is_the_same_message() -> None:
    left = given(MAILBOX, _left(1, 1, 0))
    left.when(_leave(1, id="vmm_other")).then_nothing()
    left.when(_leave(1, size=2_000, id="vmm_other")).then(
        MessageReplaced(**MESSAGE, message_id="vmm_1", duration_ms=4_000, size_bytes=2_000)
    )


def test_what_is_not_there_cannot_be_marked_or_deleted() -> None:
    given(MAILBOX).when(_mark("vmm_1", True)).then_refused(NotFound)
    given(MAILBOX).when(_delete("vmm_1")).then_refused(NotFound)


def test_a_message_that_was_read_stays_so_when_it_is_marked_again() -> None:
    given(MAILBOX, _left(1, 1, 0)).when(_mark("vmm_1", False)).then_nothing()


def test_room_is_counted_in_bytes_and_comes_back() -> None:
    mib = 1024 * 1024
    full = given(MAILBOX).when(_leave(1, size=mib - 1)).then_given()
    assert not voicemail.is_full(full.state, 1)
    more = full.when(_leave(2, size=1)).then_given()
    assert voicemail.is_full(more.state, 1)
    assert not voicemail.is_full(more.state, 2)
    beyond = more.when(_leave(3, size=5 * mib)).then_given()
    assert len(beyond.state.messages) == 3, "what was recorded is never turned away"
    emptied = beyond.when(_delete("vmm_3")).then_given().when(_delete("vmm_1")).then_given()
    assert not voicemail.is_full(emptied.state, 1)


def test_a_mailbox_without_quota_takes_nothing() -> None:
    assert voicemail.is_full(Mailbox(), 0)


@property_of(100)
@for_all(st.lists(st.tuples(st.sampled_from("lrud"), st.integers(1, 4)), max_size=30))
def test_what_phones_show_is_what_lies_there(steps: list[tuple[str, int]]) -> None:
    state, shown = Mailbox(), (0, 0)
    for kind, number in steps:
        decisions: dict[str, Decision] = {
            "l": _leave(number),
            "r": _mark(f"vmm_{number}", True),
            "u": _mark(f"vmm_{number}", False),
            "d": _delete(f"vmm_{number}"),
        }
        try:
            facts = decisions[kind](state)
        except NotFound:
            continue
        for fact in facts:
            voicemail.evolve(state, fact)
            if not isinstance(fact, MessageReplaced):
                shown = (fact.new, fact.old)
        old = sum(message.is_read for message in state.messages.values())
        assert shown == (len(state.messages) - old, old)
        assert snapshots.load_mailbox(snapshots.dump_mailbox(state)) == state


@pytest.mark.parametrize(
    ("ago", "allowed"),
    [
        ([], True),
        ([1] * 4, True),
        ([1] * 5, False),
        ([1, 1, 1, 1, 899_999], False),
        ([1, 1, 1, 1, 900_000], True),
    ],
)
def test_after_five_wrong_pins_nobody_may_guess_for_a_while(ago: list[int], allowed: bool) -> None:
    assert voicemail.may_guess([Millis(NOW - one) for one in ago], NOW) is allowed


# In a flow


def _mailbox(**members: Any) -> Acme:
    acme = Acme()
    acme.add("voicemail", "vm_1", **members)
    return acme


def test_a_recording_names_the_mailbox_in_which_it_becomes_a_message() -> None:
    flow = through(node("v", "voicemail", mailboxId="vm_1"), acme=_mailbox())
    flow.start()
    command = flow.step("done")
    assert isinstance(command, Record)
    assert command.voicemail_id == "vm_1"
    assert flow.session.recorded == {command.key: "vm_1"}


def test_a_second_message_of_a_call_lies_beside_the_first() -> None:
    acme = _mailbox()
    acme.add("voicemail", "vm_2")
    one, two = (node(f"v{n}", "voicemail", mailboxId=f"vm_{n}") for n in (1, 2))
    flow = through(one, two, "v1 > v2", acme=acme)
    flow.start()
    first = flow.step("done")
    flow.step("recorded")
    second = flow.step("done")
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert first.key == f"{ACCOUNT}/vm/{flow.call_id}.wav"
    assert second.key != first.key
    assert flow.session.recorded == {first.key: "vm_1", second.key: "vm_2"}


def test_a_full_mailbox_says_goodbye_and_why() -> None:
    flow = Full(_mailbox(quota_mb=7), node("v", "voicemail", mailboxId="vm_1"))
    assert flow.start() == Play(urls=("system/en-US/male/goodbye.wav",))
    assert flow.notes == ["no room: 7 MB are used"]
    assert flow.step("done") == Hangup()
    assert flow.session.recorded == {}


class Full(InFlow):
    """A call in an account whose mailboxes are full."""

    @property
    def context(self) -> Any:
        return replace(super().context, is_full=lambda mailbox_id, quota_mb: quota_mb == 7)
