"""What an owner has in memory: loaded when asked for, numbered as in the store, forgotten when it
did not become true."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from commands import snapshots
from commands.store import History, Snapshot
from commands.world import SNAPSHOT_EVERY, Bounded, Missing, Options, World
from domain import voicemail
from domain.call import CallSession
from domain.directory import Directory
from domain.resources import Claim, Name
from domain.routing import Office, Platform
from domain.voicemail import Owner, Recorded
from events.bans import AccessRefused
from events.base import PLATFORM, AccountId, CallId, Fact, Millis, StreamName
from events.call import CallDialogStarted, Direction, FlowStepped
from events.capacity import ChannelsReleased, ChannelsTaken, Dimension, Hold, ReleaseReason
from events.carrier import NumberAssigned
from events.dnc import Entry, NumbersListed
from events.flow import Dial, Leg
from events.presence import ContactRefreshed
from events.webhooks import WebhookTested
from tests.domain.calls import routed
from tests.domain.contacts import qualified, refreshed, registered, removed
from tests.domain.rows import claimed, created, deleted, released
from tests.support.given import (
    ACCOUNT,
    CALL_ID,
    CAPACITY,
    NOW,
    OTHER_ACCOUNT,
    PRESENCE,
    given,
    property_of,
)

CALL = StreamName(f"call-{CALL_ID}")
NUMBER = Name("e164", "12025550123")
NUMBER_STREAM = StreamName("claim-e164-12025550123")
BANS = StreamName("bans-default")
WEBHOOK = StreamName("webhook-wh_1")
EMPTY = History(None, [])

USER = created("sip_user", "us_1", username="1001")
REFUSED = AccessRefused(account_id=PLATFORM, at=NOW, ip="203.0.113.9", path="/route", status=403)
REPORTED = NumberAssigned(
    account_id=ACCOUNT, at=NOW, carrier="acme", event_id="e-1", e164="12025550123", did_id="did_1"
)
TESTED = WebhookTested(account_id=ACCOUNT, at=NOW, webhook_id="wh_1")


def _world(max_accounts: int = 10, max_calls: int = 10) -> World:
    return World(Options(Platform(), "secret", "sip:media", 0), max_accounts, max_calls)


def _with_account(
    present: History = EMPTY, channels: History = EMPTY, account_id: AccountId = ACCOUNT
) -> World:
    made = _world()
    made.put_account(account_id, Directory(), present, channels, since_sec=0)
    return made


def _taken(number: int) -> ChannelsTaken:
    return ChannelsTaken(
        account_id=ACCOUNT,
        at=Millis(NOW + number),
        call_id=CallId(str(number)),
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        holds=(Hold(Dimension.DID, "did_1"), Hold(Dimension.USER, f"us_{number % 3}")),
    )


def _released(number: int) -> ChannelsReleased:
    return ChannelsReleased(
        account_id=ACCOUNT,
        at=NOW,
        call_id=CallId(str(number)),
        reason=ReleaseReason.ENDED,
        costly_micros=number,
    )


def _started(call_id: str = CALL_ID) -> CallDialogStarted:
    return CallDialogStarted(account_id=ACCOUNT, at=NOW, call_id=CallId(call_id), ts=NOW)


def _missing(ask: Any) -> Missing:
    with pytest.raises(Missing) as missing:
        ask()
    return missing.value


# Asking


def test_an_account_is_missing_until_it_is_put() -> None:
    empty = _world()
    assert _missing(lambda: empty.office(ACCOUNT)).account == ACCOUNT
    assert not empty.has_account(ACCOUNT)
    loaded = _with_account(History(None, [registered()]), History(None, [_taken(1)]))
    office = loaded.office(ACCOUNT)
    assert isinstance(office, Office)
    assert office.presence == given(PRESENCE, registered()).state
    assert office.capacity == given(CAPACITY, _taken(1)).state
    assert loaded.has_account(ACCOUNT)


def test_a_call_that_was_never_heard_of_is_new_or_missing_as_the_asker_thinks() -> None:
    empty = _world()
    assert empty.new_call(CALL_ID) == CallSession(CALL_ID)
    assert _missing(lambda: empty.calls([CALL_ID])).streams == [CALL]


def test_only_the_calls_that_are_not_there_are_missing() -> None:
    some = _world()
    some.put_stream(CALL, History(None, [routed()]))
    absent = _missing(lambda: some.calls([CallId("a"), CALL_ID, CallId("b")]))
    assert absent.streams == ["call-a", "call-b"]


def test_a_loaded_call_is_folded_from_its_facts() -> None:
    loaded = _world()
    loaded.put_stream(CALL, History(None, [routed(), _started()]))
    (session,) = loaded.calls([CALL_ID])
    assert (session.hops, session.started_ts) == ([routed()], NOW)
    assert loaded.new_call(CALL_ID) is session


def test_a_name_that_was_never_heard_of_is_free_or_missing_as_the_asker_thinks() -> None:
    empty = _world()
    assert empty.claim(NUMBER) == Claim()
    assert _missing(lambda: empty.known_claim(NUMBER)).streams == [NUMBER_STREAM]
    empty.put_stream(NUMBER_STREAM, History(None, [claimed(*NUMBER, "did_1")]))
    assert empty.known_claim(NUMBER) == empty.claim(NUMBER) == Claim("did_1")


def test_a_ban_list_and_a_subscription_are_missing_until_they_are_put() -> None:
    empty = _world()
    assert _missing(lambda: empty.bans("default")).streams == [BANS]
    assert _missing(lambda: empty.webhook(WEBHOOK)).streams == [WEBHOOK]
    empty.put_stream(BANS, History(None, [REFUSED]))
    empty.put_stream(WEBHOOK, EMPTY)
    assert list(empty.bans("default").last.values()) == [NOW]
    empty.webhook(WEBHOOK)


def test_a_credential_is_missing_until_it_is_known_that_there_is_one_or_none() -> None:
    loaded = _with_account()
    assert _missing(lambda: loaded.credential(ACCOUNT, "secret_1")).credential == "secret_1"
    loaded.put_credential(ACCOUNT, "secret_1", None)
    assert loaded.credential(ACCOUNT, "secret_1") is None


# Numbering


def test_facts_are_numbered_within_their_streams() -> None:
    made = _with_account()
    made.put_stream(BANS, EMPTY)
    made.put_stream(WEBHOOK, EMPTY)
    facts: list[Fact] = [
        routed(),
        _taken(1),
        _started(),
        registered(),
        claimed(*NUMBER, "did_1"),
        released(*NUMBER, "did_1"),
        _released(1),
        created("account", ACCOUNT, name="Acme"),
        USER,
        deleted("sip_user", "us_1"),
        USER,
        REFUSED,
        TESTED,
        TESTED,
    ]
    numbered = made.apply(facts)
    assert [fact for _, _, fact in numbered] == facts
    assert [stream for stream, _, _ in numbered] == [fact.stream for fact in facts]
    assert [version for _, version, _ in numbered] == [1, 1, 2, 1, 1, 2, 2, 1, 1, 2, 3, 1, 1, 2]


def test_numbers_go_on_from_what_was_loaded() -> None:
    snapshot = _snapshot_of([_taken(1), _taken(2)], version=2)
    made = _with_account(
        present=History(None, [registered()]), channels=History(snapshot, [_released(1)])
    )
    made.put_stream(CALL, History(None, [routed()]))
    made.put_stream(NUMBER_STREAM, History(None, [claimed(*NUMBER, "did_1")]))
    made.put_stream(BANS, History(None, [REFUSED]))
    made.put_stream(WEBHOOK, History(None, [TESTED]))
    facts = [
        _taken(3),
        qualified(False, 5),
        _started(),
        released(*NUMBER, "did_1"),
        REFUSED,
        TESTED,
    ]
    assert [version for _, version, _ in made.apply(facts)] == [4, 2, 2, 2, 2, 2]


def test_applied_facts_are_seen_by_the_next_command() -> None:
    made = _with_account()
    made.apply([routed(), _taken(1), claimed(*NUMBER, "did_1"), USER])
    assert made.new_call(CALL_ID).hops == [routed()]
    assert list(made.office(ACCOUNT).capacity.open) == ["1"]
    assert made.claim(NUMBER) == Claim("did_1")
    assert list(made.office(ACCOUNT).directory.rows) == ["us_1"]


def test_a_fact_that_makes_no_state_is_an_error() -> None:
    class Unheard(Fact):
        @property
        def stream(self) -> StreamName:
            return StreamName("unheard")

    with pytest.raises(TypeError, match="Unheard"):
        _world().apply([Unheard(account_id=ACCOUNT, at=NOW)])


def test_a_call_is_known_to_be_over_when_it_holds_nothing() -> None:
    made = _with_account(channels=History(None, [_taken(1)]))
    assert not made.is_over(ACCOUNT, CallId("1"))
    assert made.is_over(ACCOUNT, CallId("2"))
    assert not made.is_over(OTHER_ACCOUNT, CallId("1")), "who knows?"


# Forgetting


def test_what_did_not_become_durable_is_loaded_again_and_not_taken_for_new() -> None:
    made = _with_account()
    made.put_stream(BANS, EMPTY)
    made.put_stream(WEBHOOK, EMPTY)
    made.put_stream(REPORTED.stream, EMPTY)
    facts = [routed(), claimed(*NUMBER, "did_1"), REFUSED, TESTED, REPORTED, _taken(1)]
    made.forget(made.apply(facts))
    assert _missing(lambda: made.report("acme", "e-1")).streams == [REPORTED.stream]
    assert _missing(lambda: made.new_call(CALL_ID)).streams == [CALL]
    assert _missing(lambda: made.claim(NUMBER)).streams == [NUMBER_STREAM]
    assert _missing(lambda: made.bans("default")).streams == [BANS]
    assert _missing(lambda: made.webhook(WEBHOOK)).streams == [WEBHOOK]
    assert _missing(lambda: made.office(ACCOUNT)).account == ACCOUNT


@pytest.mark.parametrize("fact", [_taken(1), registered(), USER], ids=lambda f: type(f).__name__)
def test_a_fact_about_an_account_drops_the_account_and_no_other(fact: Fact) -> None:
    made = _with_account()
    made.put_account(OTHER_ACCOUNT, Directory(), EMPTY, EMPTY, since_sec=0)
    made.put_stream(CALL, History(None, [routed()]))
    made.forget(made.apply([fact]))
    assert not made.has_account(ACCOUNT)
    assert made.has_account(OTHER_ACCOUNT)
    assert made.new_call(CALL_ID).hops == [routed()]


def test_a_stream_that_was_loaded_after_all_is_trusted_again() -> None:
    made = _with_account()
    made.forget(made.apply([routed(), claimed(*NUMBER, "did_1")]))
    made.put_stream(CALL, EMPTY)
    made.put_stream(NUMBER_STREAM, EMPTY)
    assert made.new_call(CALL_ID) == CallSession(CALL_ID)
    assert made.claim(NUMBER) == Claim()
    assert [version for _, version, _ in made.apply([routed()])] == [1]


def test_a_cleared_world_knows_nothing_and_distrusts_nothing() -> None:
    made = _with_account()
    made.put_stream(BANS, EMPTY)
    made.put_stream(WEBHOOK, EMPTY)
    made.forget(made.apply([routed()]))
    made.apply([_started("another"), claimed(*NUMBER, "did_1")])
    made.clear()
    assert made.new_call(CALL_ID) == CallSession(CALL_ID)
    assert made.new_call(CallId("another")).started_ts is None
    assert made.claim(NUMBER) == Claim()
    for ask in (
        lambda: made.office(ACCOUNT),
        lambda: made.bans("default"),
        lambda: made.webhook(WEBHOOK),
    ):
        _missing(ask)


def test_a_report_of_a_carrier_is_known_once_it_was_taken() -> None:
    made = _with_account()
    assert _missing(lambda: made.report("acme", "e-1")).streams == ["carrier-acme/e-1"]
    made.put_stream(REPORTED.stream, EMPTY)
    assert made.report("acme", "e-1") is None
    made.apply([REPORTED])
    assert made.report("acme", "e-1") == REPORTED
    made.clear()
    _missing(lambda: made.report("acme", "e-1"))
    made.put_stream(REPORTED.stream, History(None, [REPORTED]))
    assert made.report("acme", "e-1") == REPORTED


# Bounds


def test_a_bounded_mapping_forgets_what_was_used_least_recently() -> None:
    kept: Bounded[str, int] = Bounded(2)
    kept.update(a=1, b=2, c=3)
    assert kept.used("a") == 1
    assert kept.used("nothing") is None
    kept.trim()
    assert list(kept) == ["c", "a"]


def test_a_world_stays_within_its_bounds() -> None:
    made = _world(max_accounts=1, max_calls=2)
    for account_id in (ACCOUNT, OTHER_ACCOUNT):
        made.put_account(account_id, Directory(), EMPTY, EMPTY, since_sec=0)
    for call_id in "abc":
        made.put_stream(StreamName(f"call-{call_id}"), History(None, [_started(call_id)]))
        made.put_stream(StreamName(f"claim-e164-{call_id}"), EMPTY)
        made.put_stream(StreamName(f"webhook-{call_id}"), EMPTY)
        made.put_stream(StreamName(f"carrier-acme/{call_id}"), EMPTY)
    made.new_call(CallId("a"))
    made.trim()
    assert not made.has_account(ACCOUNT)
    assert made.has_account(OTHER_ACCOUNT)
    assert _missing(lambda: made.calls([CallId(c) for c in "abc"])).streams == ["call-b"]
    assert made.known_claim(Name("e164", "c")) == Claim()
    assert _missing(lambda: made.known_claim(Name("e164", "a"))).streams == ["claim-e164-a"]
    made.webhook(StreamName("webhook-c"))
    assert _missing(lambda: made.webhook(StreamName("webhook-a"))).streams == ["webhook-a"]
    assert _missing(lambda: made.report("acme", "a")).streams == ["carrier-acme/a"]


# Snapshots


def _snapshot_of(facts: Sequence[Fact], version: int) -> Snapshot:
    data = snapshots.dump_capacity(given(CAPACITY, *facts).state)
    return Snapshot(StreamName(f"capacity-{ACCOUNT}"), version, snapshots.CAPACITY, data)


_NUMBERS = st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=15)
_CHANNELS = _NUMBERS.map(
    lambda numbers: [_taken(n) if is_new else _released(n) for n, is_new in numbers]
)
_CONTACT_FACTS = st.lists(
    st.one_of(
        st.builds(registered, st.integers(0, 10**7)),
        st.builds(refreshed, st.integers(0, 10**7)),
        st.builds(removed, st.integers(0, 10**7)),
        st.builds(qualified, st.booleans(), st.integers(0, 10**7)),
    ).flatmap(
        lambda fact: st.sampled_from("abc").map(
            lambda contact: fact.model_copy(update={"contact": contact})
        )
    ),
    max_size=15,
)


@property_of(examples=30)
@for_all(before=_CHANNELS, after=_CHANNELS)
def test_channels_from_a_snapshot_and_the_facts_after_it_are_those_from_all_facts(
    before: list[Fact], after: list[Fact]
) -> None:
    snapshot = _snapshot_of(before, len(before))
    made = _with_account(channels=History(snapshot, after))
    folded = given(CAPACITY, *before, *after).state
    assert made.office(ACCOUNT).capacity == folded
    assert list(made.office(ACCOUNT).capacity.open) == list(folded.open), "the order counts"
    assert made.apply([_taken(99)])[0].version == len(before) + len(after) + 1


@property_of(examples=30)
@for_all(before=_CONTACT_FACTS, after=_CONTACT_FACTS)
def test_contacts_from_a_snapshot_and_the_facts_after_it_are_those_from_all_facts(
    before: list[Fact], after: list[Fact]
) -> None:
    data = snapshots.dump_presence(given(PRESENCE, *before).state)
    stream = StreamName(f"presence-{ACCOUNT}")
    snapshot = Snapshot(stream, len(before), snapshots.PRESENCE, data)
    made = _with_account(present=History(snapshot, after)).office(ACCOUNT).presence
    folded = given(PRESENCE, *before, *after).state
    assert made == folded
    assert list(made.removed) == list(folded.removed), "the order counts"


def _refreshes(count: int) -> list[ContactRefreshed]:
    return [refreshed(number) for number in range(count)]


def test_a_snapshot_is_due_after_so_many_facts_and_then_after_as_many_again() -> None:
    made = _with_account(present=History(None, [registered()]))
    made.apply(_refreshes(SNAPSHOT_EVERY - 2))
    assert made.due_snapshots([ACCOUNT]) == []
    made.apply(_refreshes(1))
    (due,) = made.due_snapshots([ACCOUNT])
    assert (due.stream, due.version) == (f"presence-{ACCOUNT}", SNAPSHOT_EVERY)
    assert due.name == snapshots.PRESENCE
    assert snapshots.load_presence(due.state) == made.office(ACCOUNT).presence
    assert made.due_snapshots([ACCOUNT]) == []
    made.apply(_refreshes(SNAPSHOT_EVERY))
    assert [due.version for due in made.due_snapshots([ACCOUNT])] == [2 * SNAPSHOT_EVERY]


def test_a_large_state_is_saved_when_twice_as_many_facts_have_come() -> None:
    calls = SNAPSHOT_EVERY
    made = _with_account(channels=History(None, [_taken(number) for number in range(calls)]))
    assert made.due_snapshots([ACCOUNT]) == []
    made.apply([_released(number) for number in range(calls // 4)])
    assert made.due_snapshots([ACCOUNT]) == [], "1250 facts, 750 open calls"
    made.apply([_released(number) for number in range(calls // 4, calls // 2)])
    (due,) = made.due_snapshots([ACCOUNT])
    assert (due.stream, due.name) == (f"capacity-{ACCOUNT}", snapshots.CAPACITY)
    assert snapshots.load_capacity(due.state) == made.office(ACCOUNT).capacity


def test_a_loaded_snapshot_counts_as_saved() -> None:
    made = _with_account(channels=History(_snapshot_of([], SNAPSHOT_EVERY), [_taken(1)]))
    assert made.due_snapshots([ACCOUNT]) == []


def test_an_account_that_is_not_in_memory_has_nothing_to_save() -> None:
    assert _world().due_snapshots([ACCOUNT]) == []


# Do-not-call lists and bans


def _dnc(account_id: AccountId, *numbers: str) -> NumbersListed:
    entries = tuple(Entry(number) for number in numbers)
    return NumbersListed(account_id=account_id, at=NOW, entries=entries, by="key_1")


def test_a_do_not_call_list_is_loaded_when_asked_for_and_forgotten_when_it_did_not_come_true() -> (
    None
):
    made, stream = _world(), StreamName(f"dnc-{ACCOUNT}")
    with pytest.raises(Missing) as missing:
        made.dnc(ACCOUNT)
    assert missing.value.streams == [stream]
    made.put_stream(stream, History(None, [_dnc(ACCOUNT, "14155550100")]))
    decided = made.apply([_dnc(ACCOUNT, "14155550101")])
    assert [numbered.version for numbered in decided] == [2]
    assert len(made.dnc(ACCOUNT).numbers) == 2
    made.forget(decided)
    with pytest.raises(Missing):
        made.dnc(ACCOUNT)


def test_the_list_that_was_not_used_for_longest_goes_first_but_the_last_one_stays() -> None:
    made = World(Options(Platform(), "secret", "sip:media", 0), 10, 10, max_dnc_numbers=3)
    for account_id in (ACCOUNT, OTHER_ACCOUNT):
        history = History(None, [_dnc(account_id, "14155550100", "14155550101")])
        made.put_stream(StreamName(f"dnc-{account_id}"), history)
    made.dnc(ACCOUNT)
    made.trim()
    with pytest.raises(Missing):
        made.dnc(OTHER_ACCOUNT)
    made.apply([_dnc(ACCOUNT, *(f"141555502{number:02d}" for number in range(10)))])
    made.trim()
    assert len(made.dnc(ACCOUNT).numbers) == 12


def test_states_of_long_streams_come_back_from_their_snapshots() -> None:
    made, stream = _world(), StreamName(f"dnc-{ACCOUNT}")
    for number in range(SNAPSHOT_EVERY):
        listed, refused = _dnc(ACCOUNT, "14155550100"), REFUSED
        if number == 0:
            made.put_stream(stream, EMPTY)
            made.put_stream(BANS, EMPTY)
        made.apply([listed, refused.model_copy(update={"path": f"/{number % 7}"})])
    saved = {one.stream: one for one in made.due_snapshots({ACCOUNT, PLATFORM})}
    assert set(saved) == {stream, BANS}
    assert made.due_snapshots({ACCOUNT, PLATFORM}) == []
    again = _world()
    for name, snapshot in saved.items():
        again.put_stream(name, History(snapshot, []))
    assert again.dnc(ACCOUNT) == made.dnc(ACCOUNT)
    assert again.bans("default") == made.bans("default")
    (next_one,) = again.apply([_dnc(ACCOUNT, "14155550102")])
    assert next_one.version == SNAPSHOT_EVERY + 1


def _dialled(group: str | None) -> FlowStepped:
    leg = Leg(aor="sip:1001@acme.example", timeout_ms=1)
    dial = Dial(legs=(leg,), strategy="parallel", caller_id="1", timeout_ms=1, ring_group_id=group)
    return FlowStepped(
        account_id=ACCOUNT,
        at=NOW,
        call_id=CALL_ID,
        hop=1,
        flow_id="flow_1",
        flow_version=1,
        seq=1,
        reported=None,
        data={},
        path=(),
        variables={},
        command=dial,
        frames=(),
    )


def test_a_ring_groups_turns_are_counted() -> None:
    world = _with_account()
    world.apply([routed(), _dialled("rg_1"), _dialled("rg_2"), _dialled("rg_1"), _dialled(None)])
    assert dict(world.turns(ACCOUNT)) == {"rg_1": 2, "rg_2": 1}
    (call,) = world.calls([CALL_ID])
    assert call.flow is not None


def test_a_mailbox_is_loaded_when_asked_for_and_comes_back_from_its_snapshot() -> None:
    made, stream = _world(), StreamName("voicemail-vm_1")
    with pytest.raises(Missing) as missing:
        made.mailbox("vm_1")
    assert missing.value.streams == [stream]
    made.put_stream(stream, EMPTY)
    owner = Owner(ACCOUNT, "vm_1", ("us_1",))
    recorded = Recorded(CallId("call-1"), "1415", "acc/vm/1.wav", 1_000, 16_044)
    made.apply(voicemail.leave(made.mailbox("vm_1"), owner, "vmm_1", recorded, None, NOW))
    for number in range(SNAPSHOT_EVERY):
        is_read = number % 2 == 0
        made.apply(voicemail.mark(made.mailbox("vm_1"), owner, "vmm_1", is_read, NOW))
    (snapshot,) = made.due_snapshots([ACCOUNT])
    assert (snapshot.stream, snapshot.version) == (stream, SNAPSHOT_EVERY + 1)
    assert made.due_snapshots([ACCOUNT]) == []
    again = _world()
    again.put_stream(stream, History(snapshot, []))
    assert again.mailbox("vm_1") == made.mailbox("vm_1")
    decided = made.apply(voicemail.delete(made.mailbox("vm_1"), owner, "vmm_1", NOW))
    assert [numbered.version for numbered in decided] == [SNAPSHOT_EVERY + 2]
    made.forget(decided)
    with pytest.raises(Missing):
        made.mailbox("vm_1")
