"""Rows: made, changed, deleted; their versions; the names that they own."""

import pytest

from domain.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from domain.resources import NAMED_BY, Claim, Name
from events.resources import KINDS, Did, OutboundRoute, SipUser
from tests.domain.rows import (
    account,
    change,
    changed,
    claimed,
    create,
    created,
    delete,
    deleted,
    released,
)
from tests.support.given import ACCOUNT, CONFIGURATION, given

USER = created("sip_user", "us_1", username="1001")
DID = (
    claimed("e164", "12025550123", "did_1"),
    created("did", "did_1", e164="12025550123", label="Main"),
)
DEVICE = (
    USER,
    claimed("login", "1001@acme.example", "dev_1"),
    created("sip_device", "dev_1", user_id="us_1", auth_username="1001", realm="acme.example"),
)


# Create


def test_a_row_is_made_with_its_defaults() -> None:
    account().when(create("sip_user", "us_1", username="1001")).then(USER)


def test_the_first_row_is_the_account() -> None:
    made = created("account", ACCOUNT, name="Acme")
    given(CONFIGURATION).when(create("account", ACCOUNT, name="Acme")).then(made)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "account"])
def test_no_other_row_comes_before_the_account(kind: str) -> None:
    given(CONFIGURATION).when(create(kind, "x_1")).then_refused(NotFound)


def test_an_id_is_used_once() -> None:
    again = account(USER).when(create("sip_user", "us_1", username="1002"))
    again.then_refused(Conflict)


@pytest.mark.parametrize(
    ("kind", "members", "pointer"),
    [("sip_user", {"username": "1001"}, "/username"), ("extension", {"digits": "200"}, "/digits")],
)
def test_a_name_within_the_account_is_taken_once(
    kind: str, members: dict[str, str], pointer: str
) -> None:
    first = account(created(kind, "x_1", **members))
    first.when(create(kind, "x_2", **members)).then_refused(Conflict, pointer)


def test_a_digit_has_one_option_in_a_queue() -> None:
    queues = (created("queue", "q_1", name="Sales"), created("queue", "q_2", name="Help"))
    option = {"queue_id": "q_1", "digit": "1", "action": "callback"}
    first = account(*queues, created("in_queue_option", "opt_1", **option))
    first.when(create("in_queue_option", "opt_2", **option)).then_refused(Conflict, "/digit")
    first.when(create("in_queue_option", "opt_2", **{**option, "queue_id": "q_2"})).then_given()
    two = first.when(create("in_queue_option", "opt_2", **{**option, "digit": "2"})).then_given()
    two.when(change("in_queue_option", "opt_2", digit="1")).then_refused(Conflict, "/digit")
    gone = two.when(delete("in_queue_option", "opt_1")).then_given()
    gone.when(change("in_queue_option", "opt_2", digit="1")).then_given()


# Change


def test_a_patch_changes_what_it_names_and_says_what_that_was() -> None:
    after = SipUser(username="1001", display_name="Ann", dnd=1)
    patched = account(USER).when(change("sip_user", "us_1", display_name="Ann", dnd=True))
    patched.then(changed("sip_user", "us_1", ("display_name", "dnd"), after))


def test_null_takes_an_optional_member_away() -> None:
    limited = created("sip_user", "us_1", username="1001", max_simultaneous=2)
    patched = account(limited).when(change("sip_user", "us_1", max_simultaneous=None))
    patched.then(changed("sip_user", "us_1", ("max_simultaneous",), SipUser(username="1001")))


@pytest.mark.parametrize(
    "patch", [{}, {"username": "1001"}, {"username": " 1001 ", "dnd": False, "status": "active"}]
)
def test_a_patch_without_difference_writes_nothing(patch: dict[str, object]) -> None:
    account(USER).when(change("sip_user", "us_1", None, **patch)).then_nothing()


def test_a_bad_patch_is_refused_with_the_place_of_its_fault() -> None:
    patched = account(USER).when(change("sip_user", "us_1", dnd=2, colour="red"))
    patched.then_refused(Invalid, "/dnd", "/colour")


@pytest.mark.parametrize(("kind", "id"), [("sip_user", "us_9"), ("queue", "us_1")])
def test_only_a_row_of_that_kind_is_changed_or_deleted(kind: str, id: str) -> None:
    account(USER).when(change(kind, id)).then_refused(NotFound)
    account(USER).when(delete(kind, id)).then_refused(NotFound)


def test_a_name_within_the_account_cannot_be_changed_to_a_taken_one() -> None:
    two = account(USER, created("sip_user", "us_2", username="1002"))
    two.when(change("sip_user", "us_2", username="1001")).then_refused(Conflict, "/username")


# Versions


def test_a_row_counts_its_facts() -> None:
    history = account(USER)
    assert history.state.directory.rows["us_1"].version == 1
    history = history.when(change("sip_user", "us_1", dnd=1)).then_given()
    assert history.state.directory.rows["us_1"].version == 2


def test_a_row_is_changed_and_deleted_only_by_who_has_seen_its_version() -> None:
    seen = account(USER)
    stale = seen.when(change("sip_user", "us_1", dnd=1)).then_given()
    stale.when(change("sip_user", "us_1", 1, dnd=0)).then_refused(PreconditionFailed)
    stale.when(delete("sip_user", "us_1", 1)).then_refused(PreconditionFailed)
    stale.when(change("sip_user", "us_1", 2, dnd=0)).then_given()
    stale.when(delete("sip_user", "us_1", 2)).then(deleted("sip_user", "us_1"))


def test_a_row_made_again_goes_on_with_its_versions() -> None:
    gone = account(USER, deleted("sip_user", "us_1"))
    again = gone.when(create("sip_user", "us_1", username="1001")).then(USER)
    assert again.state.directory.rows["us_1"].version == 3


# Platform-wide names


def test_a_number_is_claimed_with_the_row_in_e164() -> None:
    made = account().when(create("did", "did_1", e164="(202) 555-0123", label="Main"))
    after = made.then(*DID)
    assert after.state.claims == {Name("e164", "12025550123"): Claim("did_1")}


@pytest.mark.parametrize(
    ("kind", "members", "claim"),
    [
        ("sip_domain", {"domain": "Acme.Example"}, ("domain", "acme.example")),
        (
            "sip_device",
            {"user_id": "us_1", "auth_username": "1001", "realm": "Acme.Example"},
            ("login", "1001@acme.example"),
        ),
    ],
)
def test_domains_and_logins_are_claimed_in_lower_case(
    kind: str, members: dict[str, str], claim: tuple[str, str]
) -> None:
    made = account(USER).when(create(kind, "x_1", **members)).then_given()
    assert claimed(*claim, "x_1") in made.facts


@pytest.mark.parametrize(
    ("kind", "members", "claim"),
    [
        ("did", {"e164": "+12025550123"}, ("e164", "12025550123")),
        ("sip_domain", {"domain": "ACME.example"}, ("domain", "acme.example")),
        (
            "sip_device",
            {"user_id": "us_1", "auth_username": "1001", "realm": "acme.example"},
            ("login", "1001@acme.example"),
        ),
    ],
)
def test_a_name_that_belongs_to_another_row_is_refused(
    kind: str, members: dict[str, str], claim: tuple[str, str]
) -> None:
    taken = account(USER, claimed(*claim, "somebody_else"))
    taken.when(create(kind, "x_1", **members)).then_refused(Conflict, NAMED_BY[claim[0]])


def test_a_released_name_may_be_claimed_again() -> None:
    free = account(
        claimed("e164", "12025550123", "did_9"), released("e164", "12025550123", "did_9")
    )
    free.when(create("did", "did_1", e164="+12025550123", label="Main")).then(*DID)


def test_a_changed_name_is_released_and_the_new_one_claimed() -> None:
    account(*DID).when(change("did", "did_1", e164="+12025550199")).then(
        released("e164", "12025550123", "did_1"),
        claimed("e164", "12025550199", "did_1"),
        changed("did", "did_1", ("e164",), Did(e164="12025550199", label="Main")),
    )


def test_a_name_that_stays_is_not_claimed_again() -> None:
    account(*DID).when(change("did", "did_1", label="New")).then(
        changed("did", "did_1", ("label",), Did(e164="12025550123", label="New"))
    )


def test_the_name_of_a_deleted_row_is_free() -> None:
    after = account(*DEVICE).when(delete("sip_device", "dev_1"))
    gone = after.then(
        released("login", "1001@acme.example", "dev_1"), deleted("sip_device", "dev_1")
    )
    assert gone.state.claims[Name("login", "1001@acme.example")] == Claim(None)


# Delete


def test_a_row_that_nobody_points_to_is_deleted() -> None:
    account(USER).when(delete("sip_user", "us_1")).then(deleted("sip_user", "us_1"))


def test_an_account_is_not_deleted() -> None:
    account().when(delete("account", ACCOUNT, force=True)).then_refused(Forbidden)


def test_null_puts_a_member_back_to_its_default() -> None:
    """RFC 7396: a member that is null in the patch is no longer in the row."""
    given = account(created("sip_user", "us_1", username="1001", ring_timeout_sec=40, dnd=1))
    after = SipUser(username="1001", dnd=1)
    patch = change("sip_user", "us_1", ring_timeout_sec=None)
    given.when(patch).then(changed("sip_user", "us_1", ("ring_timeout_sec",), after))
    given.when(change("sip_user", "us_1", username=None)).then_refused(Invalid, "/username")


def test_an_object_is_merged_and_a_list_is_replaced() -> None:
    """RFC 7396 section 1."""
    lists = {"e164": "12025550123", "dest_xform": {"a": "1", "b": "2"}}
    given = account(claimed("e164", "12025550123", "did_1"), created("did", "did_1", **lists))
    after = Did(e164="12025550123", dest_xform={"b": "2", "c": "3"})
    patch = change("did", "did_1", dest_xform={"a": None, "c": "3"})
    given.when(patch).then(changed("did", "did_1", ("dest_xform",), after))


def test_a_trunk_that_goes_leaves_the_weights_of_its_routes() -> None:
    route = created("outbound_route", "route_1", trunk_ids=("tr_1", "tr_2"), weights={"tr_1": 2})
    trunks = [created("sip_trunk", f"tr_{number}", name="x") for number in (1, 2)]
    after = OutboundRoute(trunk_ids=("tr_2",), weights={})
    account(*trunks, route).when(delete("sip_trunk", "tr_1", force=True)).then(
        changed("outbound_route", "route_1", ("trunk_ids", "weights"), after),
        deleted("sip_trunk", "tr_1"),
    )
