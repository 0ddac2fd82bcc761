"""The look-ups of a directory are exactly what its rows say, whatever happened before."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain import directory
from domain.directory import Directory
from events.base import Fact, Millis
from events.resources import (
    KINDS,
    Account,
    Changed,
    Created,
    Deleted,
    Did,
    Extension,
    InQueueOption,
    OutboundRoute,
    RatePlan,
    SipDevice,
    SipTrunk,
    SipUser,
)
from tests.domain.rows import account, changed, created, deleted
from tests.support.given import ACCOUNT, NOW, property_of

USER = created("sip_user", "us_1", username="1001")


def test_a_row_knows_when_it_was_made_and_changed() -> None:
    later = changed("sip_user", "us_1", ("username",), SipUser(username="1002"))
    row = account(USER, later.model_copy(update={"at": NOW + 5})).state.directory.rows["us_1"]
    assert (row.created_at, row.updated_at, row.version) == (NOW, NOW + 5, 2)


def test_a_body_is_found_by_its_id_and_kind() -> None:
    rows = account(USER).state.directory
    assert directory.body_of(rows, "us_1", SipUser) == SipUser(username="1001")
    assert directory.body_of(rows, "us_1", Did) is None
    assert directory.body_of(rows, "us_2", SipUser) is None
    assert directory.body_of(rows, None, SipUser) is None


def test_the_rows_of_a_kind_come_with_their_ids() -> None:
    rows = account(USER, created("did", "did_1", e164="12025550123")).state.directory
    assert list(directory.rows_of(rows, SipUser)) == [("us_1", SipUser(username="1001"))]


def test_the_options_of_a_queue_come_in_the_order_of_their_digits() -> None:
    def option(id: str, queue: str, digit: str) -> Fact:
        members = {"queue_id": queue, "digit": digit, "action": "hangup"}
        return created("in_queue_option", id, **members)

    rows = (option("opt_1", "q_1", "9"), option("opt_2", "q_1", "0"), option("opt_3", "q_2", "1"))
    state = account(*rows, deleted("in_queue_option", "opt_3")).state.directory
    found = [(id, body.digit) for id, body in directory.options_of(state, "q_1")]
    assert found == [("opt_2", "0"), ("opt_1", "9")]
    assert directory.options_of(state, "q_2") == directory.options_of(state, "q_3") == []


@pytest.mark.parametrize(
    ("facts", "version"),
    [
        ([], 0),
        ([USER], 1),
        ([USER, deleted("sip_user", "us_1")], 2),
        ([USER, deleted("sip_user", "us_1"), USER], 3),
    ],
)
def test_a_version_is_the_length_of_the_stream(facts: list[Fact], version: int) -> None:
    assert directory.version_of(account(*facts).state.directory, "us_1") == version


_NAMES = st.sampled_from(["1001", "1002", "1003"])
_IDS = st.sampled_from(["a_1", "a_2", "a_3"])
_USERS = st.builds(SipUser, username=_NAMES)
_DEVICES = st.builds(
    SipDevice, user_id=_IDS, auth_username=_NAMES, realm=st.sampled_from(["a.example", "b.example"])
)
_OPTIONS = st.builds(
    InQueueOption, queue_id=_IDS, digit=st.sampled_from("12#"), action=st.just("hangup")
)
_BODIES = st.one_of(
    st.tuples(st.just("account"), st.builds(Account, name=_NAMES)),
    st.tuples(st.just("sip_user"), _USERS),
    st.tuples(st.just("sip_device"), _DEVICES),
    st.tuples(st.just("did"), st.builds(Did, e164=_NAMES)),
    st.tuples(st.just("extension"), st.builds(Extension, digits=_NAMES)),
    st.tuples(st.just("in_queue_option"), _OPTIONS),
    st.tuples(st.just("sip_trunk"), st.builds(SipTrunk, name=_NAMES)),
    st.tuples(st.just("outbound_route"), st.builds(OutboundRoute, name=_NAMES)),
    st.tuples(st.just("rate_plan"), st.builds(RatePlan, name=_NAMES, currency=_NAMES)),
)


def _sorted(state: Directory) -> Directory:
    """Without the order of the devices of a user, which nobody reads, and without empty lists."""
    state.options = {queue: digits for queue, digits in state.options.items() if digits}
    state.devices_of = {user: sorted(ids) for user, ids in state.devices_of.items() if ids}
    return state


class Rows(RuleBasedStateMachine):
    """Rows come, change and go; no two of a kind have the same name at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Directory()
        self.clock = int(NOW)

    def _name_is_free(self, id: str, body: object) -> bool:
        match body:
            case SipUser():
                owner = self.state.users.get(body.username)
            case SipDevice():
                owner = self.state.devices.get((body.auth_username, body.realm))
            case Did():
                owner = self.state.dids.get(body.e164)
            case Extension():
                owner = self.state.extensions.get(body.digits)
            case InQueueOption():
                owner = self.state.options.get(body.queue_id, {}).get(body.digit)
            case _:
                owner = None
        return owner in (None, id)

    @rule(id=_IDS, made=_BODIES)
    def put(self, id: str, made: tuple[str, Account]) -> None:
        kind, body = made
        id = f"{kind}-{id}" if kind != "account" else ACCOUNT
        if not self._name_is_free(id, body):
            return
        self.clock += 1
        fact = (
            changed(kind, id, (), body)
            if id in self.state.rows
            else created(kind, id, **body.model_dump())
        )
        assert isinstance(fact, Created | Changed)
        directory.evolve(self.state, fact.model_copy(update={"at": Millis(self.clock)}))

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        rows = [row for row in self.state.rows.values() if row.id != ACCOUNT]
        if rows:
            row = data.draw(st.sampled_from(sorted(rows, key=lambda row: row.id)))
            kind = next(kind for kind, body in KINDS.items() if isinstance(row.body, body))
            fact = deleted(kind, row.id)
            assert isinstance(fact, Deleted)
            directory.evolve(self.state, fact)

    @invariant()
    def a_directory_made_of_its_rows_is_the_same(self) -> None:
        anew = directory.restored(self.state.rows.values(), self.state.gone)
        assert _sorted(anew) == _sorted(self.state)


TestRows = Rows.TestCase
TestRows.settings = property_of(examples=20)
