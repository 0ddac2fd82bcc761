"""Contacts of a device: registered, refreshed, pinged, removed, forgotten."""

from domain import presence
from domain.presence import Contact, ContactKey, Presence
from events.base import Millis
from events.presence import ContactRegistered, RemovalReason
from tests.domain.contacts import (
    DEVICE,
    HOUR,
    KEY,
    SLACK,
    USER,
    qualified,
    qualify,
    refreshed,
    register,
    registered,
    remove,
    removed,
)
from tests.support.given import ACCOUNT, NOW, PRESENCE, given

MINUTE = 60_000


def test_a_device_is_reachable_once_it_has_registered() -> None:
    assert not presence.is_reachable(Presence(), DEVICE)
    after = given(PRESENCE).when(lambda state: register(state, 0)).then(registered(0))
    assert presence.is_reachable(after.state, DEVICE)
    assert not presence.is_reachable(after.state, "dev_2")


def test_a_registration_keeps_what_the_edge_saw() -> None:
    (fact,) = presence.register(
        Presence(),
        ACCOUNT,
        USER,
        KEY,
        Millis(NOW + HOUR),
        NOW,
        NOW,
        received="sip:198.51.100.7:61000",
        user_agent="Phone/1.0",
        node_id="edge-1",
    )
    assert isinstance(fact, ContactRegistered)
    seen = (fact.received, fact.user_agent, fact.node_id)
    assert seen == ("sip:198.51.100.7:61000", "Phone/1.0", "edge-1")


def test_a_refresh_within_the_slack_is_no_fact() -> None:
    before = given(PRESENCE, registered(0))
    before.when(lambda state: register(state, SLACK - 1)).then_nothing()


def test_a_refresh_that_moves_the_expiry_by_the_slack_is_a_fact() -> None:
    before = given(PRESENCE, registered(0))
    after = before.when(lambda state: register(state, SLACK)).then(refreshed(SLACK))
    assert after.state.contacts[KEY].expires_at == NOW + SLACK + HOUR


def test_a_phone_that_registers_every_minute_writes_a_fact_in_five_and_is_never_dropped() -> None:
    state, facts = Presence(), []
    for minute in range(60):
        now = Millis(NOW + minute * MINUTE)
        decided = presence.expire(state, ACCOUNT, now)
        decided += register(state, minute * MINUTE, lasts=2 * MINUTE)
        for fact in decided:
            presence.evolve(state, fact)
        facts += decided
        assert presence.is_reachable(state, DEVICE)
    assert len(facts) == 12


def test_a_refresh_that_was_overtaken_changes_nothing() -> None:
    before = given(PRESENCE, registered(HOUR))
    before.when(lambda state: register(state, 0, lasts=9 * HOUR)).then_nothing()


def test_a_registration_that_is_over_before_it_arrives_is_no_news() -> None:
    now = HOUR + SLACK
    given(PRESENCE).when(lambda state: register(state, 0, now=now)).then_nothing()
    in_time = given(PRESENCE).when(lambda state: register(state, 0, now=now - 1))
    in_time.then(registered(0, now=now - 1))


def test_a_phone_that_unregisters_is_gone() -> None:
    before = given(PRESENCE, registered(0))
    after = before.when(lambda state: remove(state, MINUTE)).then(removed(MINUTE))
    assert not presence.is_reachable(after.state, DEVICE)
    assert after.state.by_device == {}


def test_a_removal_that_was_overtaken_by_a_newer_registration_changes_nothing() -> None:
    before = given(PRESENCE, registered(0), removed(1), registered(MINUTE))
    before.when(lambda state: remove(state, 30_000)).then_nothing()


def test_a_registration_from_before_the_removal_does_not_bring_the_contact_back() -> None:
    gone = given(PRESENCE, registered(0), removed(MINUTE))
    gone.when(lambda state: register(state, 30_000, now=MINUTE)).then_nothing()
    gone.when(lambda state: register(state, MINUTE, now=MINUTE)).then_nothing()


def test_a_registration_after_the_removal_does() -> None:
    gone = given(PRESENCE, registered(0), removed(MINUTE))
    back = registered(MINUTE + 1)
    after = gone.when(lambda state: register(state, MINUTE + 1)).then(back)
    assert after.state.removed == {}


def test_removals_are_remembered_for_an_hour() -> None:
    other = removed(HOUR).model_copy(update={"contact": "sip:1001@192.0.2.2"})
    kept = given(PRESENCE, registered(0), removed(1), other).state
    assert set(kept.removed) == {KEY, ContactKey(DEVICE, "sip:1001@192.0.2.2")}
    later = other.model_copy(update={"at": NOW + HOUR + 1, "ts": NOW + HOUR + 1})
    forgotten = given(PRESENCE, registered(0), removed(1), later).state
    assert set(forgotten.removed) == {ContactKey(DEVICE, "sip:1001@192.0.2.2")}


def test_a_device_with_two_contacts_is_reachable_while_one_answers() -> None:
    second = registered(0).model_copy(update={"contact": "sip:1001@192.0.2.2"})
    both = given(PRESENCE, registered(0), second, qualified(reachable=False, after=1))
    assert presence.is_reachable(both.state, DEVICE)
    one = both.when(lambda state: remove(state, 2)).then(removed(2))
    assert presence.is_reachable(one.state, DEVICE)


def test_a_contact_that_does_not_answer_is_not_reachable_until_it_does() -> None:
    up = given(PRESENCE, registered(0))
    down = up.when(lambda state: qualify(state, False, 1)).then(qualified(False, 1))
    assert not presence.is_reachable(down.state, DEVICE)
    again = down.when(lambda state: qualify(state, True, 2)).then(qualified(True, 2))
    assert presence.is_reachable(again.state, DEVICE)


def test_a_ping_that_finds_what_is_known_is_no_fact() -> None:
    given(PRESENCE, registered(0)).when(lambda state: qualify(state, True, 1)).then_nothing()


def test_a_ping_of_an_unknown_contact_or_from_before_the_last_change_is_no_fact() -> None:
    given(PRESENCE).when(lambda state: qualify(state, False, 1)).then_nothing()
    newer = given(PRESENCE, registered(0), qualified(False, 5))
    newer.when(lambda state: qualify(state, True, 4)).then_nothing()


def test_the_slack_ends_a_registration_of_which_nothing_more_is_heard() -> None:
    before = given(PRESENCE, registered(0))
    due = presence.next_expiry(before.state)
    assert due == NOW + HOUR + SLACK
    before.when(lambda state: presence.expire(state, ACCOUNT, Millis(due - 1))).then_nothing()
    expired = before.when(lambda state: presence.expire(state, ACCOUNT, due)).then_given()
    assert [getattr(fact, "reason", None) for fact in expired.facts] == [
        None,
        RemovalReason.EXPIRED,
    ]
    assert presence.next_expiry(expired.state) is None


def test_the_next_expiry_is_the_soonest() -> None:
    second = registered(0, lasts=MINUTE).model_copy(update={"contact": "sip:1001@192.0.2.2"})
    state = given(PRESENCE, registered(0), second).state
    assert presence.next_expiry(state) == NOW + MINUTE + SLACK


def test_a_state_restored_from_its_parts_is_that_state() -> None:
    state = given(PRESENCE, registered(0), qualified(False, 5)).state
    parts = {KEY: Contact(USER, Millis(NOW + 5), Millis(NOW + HOUR), reachable=False)}
    assert presence.restored(parts, {}) == state
