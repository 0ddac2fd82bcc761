"""What a row points to exists; a row that is pointed to stays, or is let go of by force."""

from typing import Any, get_args

import pytest

from domain.errors import Conflict, Invalid
from domain.resources import POINTERS, TARGETS
from domain.rules import DestKind
from events.base import Fact
from events.resources import KINDS, Did, OutboundRoute, RingGroup, RingGroupMember, SipUser
from tests.domain.rows import account, change, changed, create, created, delete, deleted
from tests.support.given import ACCOUNT

FLOW = created("call_flow", "flow_1", name="Main", start="entry", nodes=(), edges=())
ROWS: dict[str, tuple[str, Fact]] = {
    "flow": ("flow_1", FLOW),
    "user": ("us_1", created("sip_user", "us_1", username="1001", is_agent=1)),
    "extension": ("ext_1", created("extension", "ext_1", digits="200")),
    "queue": ("q_1", created("queue", "q_1", name="Support")),
    "voicemail": ("vm_1", created("voicemail", "vm_1")),
    "ring_group": ("rg_1", created("ring_group", "rg_1", name="Sales")),
    "conference": ("conf_1", created("conference", "conf_1", name="Weekly")),
    "trunk": ("tr_1", created("sip_trunk", "tr_1", name="Carrier")),
    "forward": ("fwd_1", created("forward", "fwd_1", name="Mobile", to="12025550123")),
}
"""Kind of target → a row of its kind."""
MEDIA = created("media_file", "media_1", name="Hold")
MAKE: dict[str, dict[str, Any]] = {
    "sip_user": {"username": "1009"},
    "sip_device": {"user_id": "us_1", "auth_username": "1009", "realm": "acme.example"},
    "did": {"e164": "+12025550123"},
    "extension": {"digits": "209"},
    "outbound_route": {},
    "ring_group": {"name": "Shop"},
    "queue": {"name": "Sales"},
    "voicemail": {},
    "conference": {"name": "Daily"},
    "media_playlist": {"name": "Music"},
    "agent_queue_assignment": {"queue_id": "q_1", "user_id": "us_1"},
    "in_queue_option": {"queue_id": "q_1", "digit": "1", "action": "callback"},
    "campaign": {"name": "Spring"},
}
"""Kind of row with pointers → members that make one."""
TARGETS_OF = [
    (kind, member.removesuffix("_kind"))
    for kind, body in KINDS.items()
    for member in body.model_fields
    if member.endswith("_kind") and member != "scope_kind"
]
"""Every member that holds a route target."""
ALL = [fact for _, fact in ROWS.values()]


def _target(prefix: str, kind: str, id: str | None) -> dict[str, Any]:
    return {f"{prefix}_kind": kind, f"{prefix}_id": id}


def test_every_kind_with_route_targets_is_looked_at_here() -> None:
    assert {kind for kind, _ in TARGETS_OF} == {
        "account",
        "sip_user",
        "did",
        "extension",
        "ring_group",
        "queue",
        "in_queue_option",
    }


@pytest.mark.parametrize(("kind", "prefix"), TARGETS_OF)
@pytest.mark.parametrize("target", ROWS)
def test_a_route_target_that_exists_is_accepted(kind: str, prefix: str, target: str) -> None:
    members = _target(prefix, target, ROWS[target][0])
    if kind == "account":
        account(*ALL).when(change("account", ACCOUNT, **members)).then_given()
    else:
        account(*ALL).when(create(kind, "new_1", **MAKE[kind], **members)).then_given()


@pytest.mark.parametrize(("kind", "prefix"), TARGETS_OF)
@pytest.mark.parametrize("target", ROWS)
def test_a_route_target_that_does_not_exist_is_refused(kind: str, prefix: str, target: str) -> None:
    """Neither a missing row, nor one of another kind, nor none at all will do."""
    id, pointer = ("account", ACCOUNT), f"/{prefix}_id"
    for wrong in ("nobody", ACCOUNT, None):
        members = _target(prefix, target, wrong)
        decision = (
            change(*id, **members)
            if kind == "account"
            else create(kind, "new_1", **MAKE[kind], **members)
        )
        account(*ALL).when(decision).then_refused(Invalid, pointer)


def test_hanging_up_needs_no_row() -> None:
    account().when(create("did", "did_1", **MAKE["did"], dest_kind="hangup")).then_given()


def test_every_kind_of_target_leads_somewhere() -> None:
    assert set(TARGETS) == set(get_args(DestKind))
    assert set(ROWS) == set(TARGETS) - {"hangup"}


@pytest.mark.parametrize(
    ("kind", "member"),
    [(kind, member) for kind, pointers in POINTERS.items() for member in pointers],
)
def test_a_pointer_to_nothing_is_refused(kind: str, member: str) -> None:
    wrong: Any = ["nobody"] if member.endswith("_ids") else "nobody"
    wrong = {"nobody": 1} if member == "weights" else wrong
    decision = (
        change(kind, ACCOUNT, None, **{member: wrong})
        if kind == "account"
        else create(kind, "new_1", **{**MAKE[kind], member: wrong})
    )
    account(*ALL).when(decision).then_refused(Invalid, f"/{member}")


def test_every_bad_pointer_is_named() -> None:
    made = account().when(create("agent_queue_assignment", "aqa_1", queue_id="q_9", user_id="us_9"))
    made.then_refused(Invalid, "/queue_id", "/user_id")


def test_only_agents_are_assigned_to_a_queue() -> None:
    clerk = created("sip_user", "us_2", username="1002")
    made = account(*ALL, clerk).when(
        create("agent_queue_assignment", "aqa_1", queue_id="q_1", user_id="us_2")
    )
    made.then_refused(Invalid, "/user_id")


def test_an_agent_is_assigned_to_a_queue_once() -> None:
    members = {"queue_id": "q_1", "user_id": "us_1"}
    first = created("agent_queue_assignment", "aqa_1", **members)
    again = account(*ALL, first).when(create("agent_queue_assignment", "aqa_2", **members))
    again.then_refused(Conflict, "/user_id")
    gone = account(*ALL, first, deleted("agent_queue_assignment", "aqa_1"))
    gone.when(create("agent_queue_assignment", "aqa_2", **members)).then_given()


def test_a_pointer_is_checked_when_it_is_changed() -> None:
    account(*ALL).when(change("sip_user", "us_1", voicemail_id="vm_9")).then_refused(
        Invalid, "/voicemail_id"
    )


@pytest.mark.parametrize("member", ["user_id", "device_id"])
def test_a_member_of_a_ring_group_exists(member: str) -> None:
    members = [{"user_id": "us_1"}, {member: "nobody"}]
    made = account(*ALL).when(create("ring_group", "rg_2", name="Shop", members=members))
    made.then_refused(Invalid, f"/members/1/{member}")


def test_by_force_a_user_leaves_its_ring_groups() -> None:
    both = ({"user_id": "us_1"}, {"user_id": "us_2"})
    used = account(
        *ALL,
        created("sip_user", "us_2", username="1002"),
        created("ring_group", "rg_2", name="Shop", members=both),
    )
    used.when(delete("sip_user", "us_1")).then_refused(Conflict)
    left = RingGroup(name="Shop", members=(RingGroupMember(user_id="us_2"),))
    used.when(delete("sip_user", "us_1", force=True)).then(
        changed("ring_group", "rg_2", ("members",), left), deleted("sip_user", "us_1")
    )


# Deleting what is pointed to


def test_a_row_in_use_stays_and_its_users_are_named() -> None:
    used = account(
        *ALL,
        created("did", "did_1", e164="12025550123", dest_kind="user", dest_id="us_1"),
        created("extension", "ext_2", digits="201", dest_kind="user", dest_id="us_1"),
    )
    refusal = used.when(delete("sip_user", "us_1")).then_refused(Conflict)
    assert refusal.detail == "us_1 is in use by did_1, ext_2"


def test_an_equal_id_in_another_kind_of_pointer_is_no_use() -> None:
    unused = account(
        *ALL, created("did", "did_1", e164="12025550123", dest_kind="queue", dest_id="us_1")
    )
    unused.when(delete("sip_user", "us_1")).then(deleted("sip_user", "us_1"))


def test_by_force_a_route_target_is_pointed_to_nothing() -> None:
    did = {"e164": "12025550123", "label": "Main"}
    used = account(*ALL, created("did", "did_1", **did, dest_kind="queue", dest_id="q_1"))
    used.when(delete("queue", "q_1", force=True)).then(
        changed("did", "did_1", ("dest_kind", "dest_id"), Did(**did)),
        deleted("queue", "q_1"),
    )


def test_by_force_a_row_leaves_every_member_that_names_it() -> None:
    user = {"username": "1002"}
    used = account(
        *ALL,
        created(
            "sip_user",
            "us_2",
            **user,
            voicemail_id="vm_1",
            fwd_busy_kind="voicemail",
            fwd_busy_id="vm_1",
            fwd_always_kind="user",
            fwd_always_id="us_1",
        ),
    )
    members = ("voicemail_id", "fwd_busy_kind", "fwd_busy_id")
    after = SipUser(username="1002", fwd_always_kind="user", fwd_always_id="us_1")
    used.when(delete("voicemail", "vm_1", force=True)).then(
        changed("sip_user", "us_2", members, after), deleted("voicemail", "vm_1")
    )


def test_by_force_a_trunk_leaves_the_lists_of_routes() -> None:
    used = account(
        *ALL,
        created("sip_trunk", "tr_2", name="Other"),
        created("outbound_route", "route_1", trunk_ids=("tr_1", "tr_2")),
    )
    used.when(delete("sip_trunk", "tr_1", force=True)).then(
        changed("outbound_route", "route_1", ("trunk_ids",), OutboundRoute(trunk_ids=("tr_2",))),
        deleted("sip_trunk", "tr_1"),
    )


def test_by_force_the_default_of_the_account_is_let_go_of() -> None:
    used = account(*ALL, did_default_dest_kind="flow", did_default_dest_id="flow_1")
    after = used.when(delete("call_flow", "flow_1", force=True)).then_given().state.directory
    assert after.account is not None
    assert (after.account.did_default_dest_kind, after.account.did_default_dest_id) == (None, None)


def test_by_force_an_account_is_left_without_its_rate_plan() -> None:
    plan = created("rate_plan", "rate_1", name="Retail", currency="USD")
    used = account(*ALL, plan).when(change("account", ACCOUNT, rate_plan_id="rate_1")).then_given()
    used.when(delete("rate_plan", "rate_1")).then_refused(Conflict)
    after = used.when(delete("rate_plan", "rate_1", force=True)).then_given().state.directory
    assert after.account is not None
    assert after.account.rate_plan_id is None
    assert after.tariffs == {}


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        (kind, member)
        for kind, pointers in POINTERS.items()
        for member, wanted in pointers.items()
        if wanted == "media_file"
    ],
)
def test_media_in_use_stays_or_is_let_go_of_by_force(kind: str, member: str) -> None:
    named = ["media_1"] if member.endswith("_ids") else "media_1"
    used = account(*ALL, MEDIA).when(create(kind, "new_1", **{**MAKE[kind], member: named}))
    given = used.then_given()
    given.when(delete("media_file", "media_1")).then_refused(Conflict)
    after = given.when(delete("media_file", "media_1", force=True)).then_given().state
    assert getattr(after.directory.rows["new_1"].body, member) in (None, ())


@pytest.mark.parametrize("key", ["acc_other/a.wav", "system/en-US/male/x.wav", f"{ACCOUNT}/../a"])
def test_media_lie_below_their_own_account(key: str) -> None:
    made = account().when(create("media_file", "media_2", name="x", object_key=key))
    made.then_refused(Invalid, "/object_key")
    there = account(MEDIA).when(change("media_file", "media_1", object_key=key))
    there.then_refused(Invalid, "/object_key")
    good = f"{ACCOUNT}/media_2.wav"
    account().when(create("media_file", "media_2", name="x", object_key=good)).then_given()


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@b\nBcc: c@d", "a b@c.example", "Alice <a@b.example>", "a@b.example,c@d"],
)
def test_mail_goes_to_one_plain_address(address: str) -> None:
    made = account().when(create("voicemail", "vm_2", notify_email=address))
    made.then_refused(Invalid, "/notify_email")
    account().when(create("voicemail", "vm_2", notify_email="a.b+vm@c-d.example")).then_given()


@pytest.mark.parametrize("force", [False, True])
def test_what_a_row_cannot_do_without_stays_even_by_force(force: bool) -> None:
    device = created(
        "sip_device", "dev_1", user_id="us_1", auth_username="1001", realm="acme.example"
    )
    used = account(*ALL, device)
    refusal = used.when(delete("sip_user", "us_1", force=force)).then_refused(Conflict)
    assert "dev_1" in refusal.detail
