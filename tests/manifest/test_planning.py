"""What a file plans: which rows it means, what they become, and in which order."""

from importlib.resources import files
from typing import Any

import pytest
import yaml

from domain.directory import Directory
from domain.errors import Invalid
from domain.manifest import notes
from domain.manifest.differences import differences
from domain.resources import Name
from events.resources import CallFlow, SipDevice, SipTrunk
from gateways.manifest import parse
from tests.manifest.files import applied, export, id_of, planned
from tests.support.given import ACCOUNT

HANGUP = {"id": "bye", "type": "hangup", "data": {"kind": "hangup"}}


def flow(name: str, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A flow of these nodes' data, none of which leads to another one."""
    drawn = [{"id": f"n{n}", "type": data["kind"], "data": data} for n, data in enumerate(nodes)]
    drawn = drawn or [HANGUP]
    return {"name": name, "start": drawn[0]["id"], "nodes": drawn, "edges": [], **more}


def enqueue(queue: str) -> dict[str, Any]:
    return {"kind": "enqueue", "queueId": queue}


def refused(state: Directory, sections: dict[str, Any], **how: Any) -> dict[str, str]:
    """Pointer → why."""
    with pytest.raises(Invalid) as refusal:
        planned(state, sections, **how)
    return dict(refusal.value.faults)


# Which row


def test_a_row_is_found_by_what_names_it_or_by_its_id() -> None:
    state = applied({"users": [{"username": "1001"}], "numbers": [{"e164": "+12025550123"}]})
    assert planned(state, {"users": [{"username": "1001"}]}).actions == {}
    assert planned(state, {"numbers": [{"e164": "(202) 555-0123"}]}).actions == {}
    (user,) = state.users.values()
    renamed = planned(state, {"users": [{"id": user, "username": "1002"}]})
    assert renamed.actions == {"1002": "change"}
    assert list(renamed.after.users) == ["1002"]


def test_a_name_that_means_no_row_or_several_is_said() -> None:
    two = [{"id": id_of("q"), "name": "Sales"}, {"id": id_of("q"), "name": "Sales"}]
    state = applied({"queues": two})
    found = refused(state, {"queues": [{"name": "Sales"}]})
    assert found["/queues/0"].startswith("2 rows have this name, give the id: q_")
    found = refused(state, {"extensions": [{"digits": "2", "dest_kind": "queue", "dest_id": "X"}]})
    assert found == {"/extensions/0/dest_id": "no queues named X"}
    there = {"digits": "2", "dest_kind": "queue", "dest_id": "Sales"}
    found = refused(state, {"extensions": [there]})
    assert found["/extensions/0/dest_id"].startswith("2 rows are named Sales, give the id")


def test_a_row_stands_in_a_file_once() -> None:
    user = {"username": "1001"}
    assert list(refused(Directory(), {"users": [user, user]})) == ["/users/1"]
    state = applied({"users": [user]})
    (id,) = state.users.values()
    twice = [user, {"id": id, "username": "1001"}]
    assert planned(state, {"users": twice[1:]}).actions == {}
    assert "/users/1" in refused(state, {"users": [{"id": id, **user}, {"id": id, **user}]})


def test_an_id_is_of_the_right_kind_and_of_this_account() -> None:
    state = applied({"queues": [{"name": "Sales"}]})
    (queue,) = (id for id in state.rows if id.startswith("q_"))
    assert refused(state, {"users": [{"id": queue, "username": "1"}]}) == {
        "/users/0/id": "is the id of a queue"
    }
    theirs = id_of("us")
    assert refused(state, {"users": [{"id": theirs, "username": "1"}]}, foreign={theirs}) == {
        "/users/0/id": "is the id of another account's row"
    }
    assert "/users/0/id" in refused(state, {"users": [{"id": "us_1", "username": "1"}]})
    device = {"user_id": queue, "auth_username": "1", "realm": "a.example"}
    assert refused(state, {"devices": [device]}) == {"/devices/0/user_id": f"no sip_user {queue}"}


def test_rows_name_each_other_in_all_sections() -> None:
    target = {"dest_kind": "ring_group", "dest_id": "Shop"}
    made = planned(
        Directory(),
        {
            "media": [{"name": "Hold"}],
            "playlists": [{"name": "Music", "media_ids": ["Hold"]}],
            "schedules": [{"name": "Day"}],
            "voicemails": [{"name": "Box", "greeting_media_id": "Hold"}],
            "users": [{"username": "1001", "is_agent": 1, "voicemail_id": "Box"}],
            "devices": [{"user_id": "1001", "auth_username": "1001", "realm": "A.example"}],
            "queues": [{"name": "Sales", "schedule_id": "Day", "moh_media_id": "Hold"}],
            "queue_members": [{"queue_id": "Sales", "user_id": "1001"}],
            "in_queue_options": [{"queue_id": "Sales", "digit": "1", "action": "route", **target}],
            "ring_groups": [
                {
                    "name": "Shop",
                    "members": [{"user_id": "1001"}, {"device_id": "1001@a.example"}],
                    "exit_dest_kind": "voicemail",
                    "exit_dest_id": "Box",
                }
            ],
            "trunks": [{"name": "Carrier"}],
            "routes": [{"name": "All", "trunk_ids": ["Carrier"]}],
            "flows": [flow("Main", enqueue("Sales"))],
            "extensions": [{"digits": "200", **target}],
            "numbers": [{"e164": "+12025550123", "dest_kind": "extension", "dest_id": "200"}],
            "limits": [
                {
                    "name": "Line",
                    "scope_kind": "did",
                    "scope_id": "202-555-0123",
                    "period_sec": 1,
                    "max_count": 1,
                }
            ],
        },
    )
    assert set(made.actions.values()) == {"create"}
    assert len(made.steps) == len(made.changes)
    ids = {change.title: change.id for change in made.changes}
    group = made.body("Shop")
    assert [one["user_id"] or one["device_id"] for one in group["members"]] == [
        ids["1001"],
        ids["1001@A.example"],
    ]
    assert made.body("Line")["scope_id"] == ids["+12025550123"]
    assert made.body("Main")["nodes"][0]["data"]["queueId"] == ids["Sales"]
    assert made.body("All")["trunk_ids"] == (ids["Carrier"],)


# What it becomes


def test_a_row_is_what_the_file_says_and_no_more() -> None:
    users = [{"username": "1001", "display_name": "Ann", "dnd": 1, "max_simultaneous": 2}]
    state = applied({"users": users})
    after = planned(state, {"users": [{"username": "1001", "display_name": "Ann"}]})
    (change,) = (change for change in after.changes if change.action == "change")
    assert set(change.differing) == {"dnd", "max_simultaneous"}
    body = after.body("1001")
    assert (body["display_name"], body["dnd"], body["max_simultaneous"]) == ("Ann", 0, None)


def test_the_account_keeps_what_is_not_named() -> None:
    state = applied({"account": {"id": ACCOUNT, "name": "Acme", "max_in": 5}})
    assert planned(state, {}).actions == {}
    assert state.account is not None
    assert state.account.max_in == 5


def test_what_is_not_the_files_stays() -> None:
    audio = {"name": "Hold", "object_key": None, "format": "wav", "duration_ms": 5}
    state = applied({"media": [audio], "flows": [flow("Main", is_published=1)]})
    after = planned(state, {"media": [{"name": "Hold"}], "flows": [flow("Main")]})
    assert after.actions == {}
    draft = planned(state, {"flows": [flow("Main", {"kind": "say", "text": "Hello"})]}).after
    (body,) = (row.body for row in draft.rows.values() if isinstance(row.body, CallFlow))
    assert (body.is_published, body.live) == (0, 1)
    assert planned(draft, {"flows": [flow("Main", {"kind": "say", "text": "Hello"})]}).actions == {}


def test_a_nodes_secret_stays_and_is_taken_away_by_null() -> None:
    ref = "sec_" + "0" * 26
    hook = {"kind": "webhook", "url": "https://crm.example/"}
    state = applied({"flows": [flow("Main", {**hook, "secretRef": ref})]})
    assert planned(state, {"flows": [flow("Main", hook)]}).actions == {}
    gone = planned(state, {"flows": [flow("Main", {**hook, "secret": None})]})
    assert "secretRef" not in gone.body("Main")["nodes"][0]["data"]
    assert planned(gone.after, {"flows": [flow("Main", {**hook, "secret": None})]}).actions == {}


def test_a_reference_to_a_secret_is_not_the_files() -> None:
    device = {"auth_username": "1", "realm": "a.example", "credential_ref": "sec_" + "0" * 26}
    found = refused(Directory(), {"users": [{"username": "1"}], "devices": [device]})
    assert "/devices/0/credential_ref" in found


def test_the_pin_of_a_conference_is_a_member_like_others() -> None:
    rooms = {"conferences": [{"name": "Weekly", "pin": "4711"}]}
    state = applied(rooms)
    assert planned(state, rooms).actions == {}
    assert planned(state, {"conferences": [{"name": "Weekly"}]}).actions == {"Weekly": "change"}


def test_null_is_no_secret_but_takes_a_pin_away() -> None:
    file = parse(
        """
        account: {id: acc_1}
        trunks: [{name: T, password: null}]
        voicemails: [{name: V, pin: null}]
        """
    )
    assert [secrets for secrets in file.secrets.values() if secrets] == [{"pin": None}]


def test_a_new_secret_is_a_change() -> None:
    rows = {"voicemails": [{"name": "Box"}]}
    state = applied(rows)
    (id,) = (id for id in state.rows if id.startswith("vm_"))
    after = planned(state, rows, secrets={id: ("pin",)})
    assert after.actions == {"Box": "change"}
    assert [step.has_secrets for step in after.steps] == [True]


def test_all_faults_are_said_at_once() -> None:
    found = refused(
        Directory(),
        {
            "users": [{"username": "a b"}, {"dnd": 1}, {"username": "1", "colour": "red"}],
            "queues": [{"name": "Q", "schedule_id": "Never", "max_wait_sec": -1}],
            "flows": [flow("F", enqueue("Nowhere"))],
        },
    )
    assert set(found) == {
        "/users/0/username",
        "/users/1/username",
        "/users/2/colour",
        "/queues/0/schedule_id",
        "/queues/0/max_wait_sec",
        "/flows/0/nodes/0/data/queueId",
    }


# In which order


def test_rows_that_name_each_other_are_made_in_one_go() -> None:
    made = planned(
        Directory(),
        {
            "account": {
                "id": ACCOUNT,
                "name": "Acme",
                "did_default_dest_kind": "flow",
                "did_default_dest_id": "Main",
            },
            "users": [{"username": "1", "fwd_busy_kind": "ring_group", "fwd_busy_id": "Shop"}],
            "ring_groups": [{"name": "Shop", "members": [{"user_id": "1", "delay_sec": 3}]}],
            "queues": [{"name": "Sales", "timeout_dest_kind": "flow", "timeout_dest_id": "Main"}],
            "flows": [
                flow("Main", enqueue("Sales"), is_published=1),
                flow("A", {"kind": "subflow", "flowId": "B"}, is_published=1),
                flow("B", {"kind": "subflow", "flowId": "A"}, is_published=1),
            ],
        },
    )
    assert set(made.actions.values()) == {"create"}
    ids = {change.title: change.id for change in made.changes}
    assert made.after.account is not None
    assert made.after.account.did_default_dest_id == ids["Main"]
    assert made.body("Sales")["timeout_dest_id"] == ids["Main"]
    assert made.body("1")["fwd_busy_id"] == ids["Shop"]
    for title, node in (("Main", "queueId"), ("A", "flowId"), ("B", "flowId")):
        body = made.body(title)
        assert body["nodes"][0]["data"][node] in ids.values()
        assert (body["is_published"], body["version"], body["live_version"]) == (1, 1, 1)


def test_a_name_passes_from_one_row_to_another() -> None:
    state = applied({"users": [{"username": "1001"}]})
    (old,) = state.users.values()
    after = planned(state, {"users": [{"username": "1001"}, {"id": old, "username": "1002"}]})
    assert after.actions == {"1001": "create", "1002": "change"}
    assert after.after.users["1002"] == old


def test_a_user_becomes_an_agent_before_he_joins_a_queue() -> None:
    state = applied({"users": [{"username": "1001"}]})
    sections = {
        "queues": [{"name": "Sales"}],
        "queue_members": [{"queue_id": "Sales", "user_id": "1001"}],
        "users": [{"username": "1001", "is_agent": 1}],
    }
    assert len(planned(state, sections).after.assignments) == 1
    sections["users"] = [{"username": "1001"}]
    assert list(refused(state, sections)) == ["/queue_members/0/user_id"]


def test_a_name_that_another_account_has_is_said_once() -> None:
    sections = {
        "numbers": [{"e164": "+12025550123"}],
        "limits": [
            {
                "name": "L",
                "scope_kind": "did",
                "scope_id": "+12025550123",
                "period_sec": 1,
                "max_count": 1,
            }
        ],
    }
    found = refused(Directory(), sections, taken=[Name("e164", "12025550123")])
    assert found == {"/numbers/0/e164": "is taken"}


def test_the_examples_are_applied_one_after_the_other() -> None:
    folder = files("deploy") / "examples"
    state = Directory()
    for name in ("quickstart.yaml", "contact-center.yaml"):
        document = yaml.safe_load((folder / name).read_text())
        done = planned(state, document)
        assert set(done.actions.values()) == {"create"}
        state = done.after
        assert planned(state, document).actions == {}
    again = yaml.safe_load(export(state))
    assert planned(state, again, prune=True).actions == {}


# Pruning


def test_rows_that_a_file_does_not_name_stay_unless_it_prunes() -> None:
    rows = {"users": [{"username": "1001"}, {"username": "1002"}], "queues": [{"name": "Sales"}]}
    state = applied(rows)
    fewer = {"users": [{"username": "1001"}]}
    assert planned(state, fewer).actions == {}
    pruned = planned(state, fewer, prune=True)
    assert pruned.actions == {"1002": "delete"}
    assert planned(pruned.after, fewer, prune=True).actions == {}
    assert planned(state, {"queues": None}, prune=True).actions == {"Sales": "delete"}


def test_rows_that_name_each_other_are_pruned_in_one_go() -> None:
    state = applied(
        {
            "queues": [{"name": "Q", "timeout_dest_kind": "flow", "timeout_dest_id": "F"}],
            "flows": [flow("F", enqueue("Q"))],
            "users": [{"username": "1", "is_agent": 1}],
            "queue_members": [{"queue_id": "Q", "user_id": "1"}],
        }
    )
    pruned = planned(state, dict.fromkeys(("queues", "flows", "queue_members"), None), prune=True)
    assert set(pruned.actions.values()) == {"delete"}
    assert len(pruned.after.rows) == 2, "the account and the user"


def test_what_another_row_needs_is_not_pruned() -> None:
    state = applied(
        {
            "queues": [{"name": "Q"}],
            "extensions": [{"digits": "1", "dest_kind": "queue", "dest_id": "Q"}],
        }
    )
    (extension,) = state.extensions.values()
    (detail,) = refused(state, {"queues": []}, prune=True).values()
    assert detail.endswith(f"is in use by {extension}")
    let_go = {"queues": [], "extensions": [{"digits": "1"}]}
    assert planned(state, let_go, prune=True).actions == {"1": "change", "Q": "delete"}


def test_what_is_pruned_cannot_be_named() -> None:
    state = applied({"queues": [{"name": "Q"}]})
    named = {"queues": [], "extensions": [{"digits": "1", "dest_kind": "queue", "dest_id": "Q"}]}
    assert list(refused(state, named, prune=True)) == ["/extensions/0/dest_id"]


# What is said


def test_a_row_says_what_it_lacks() -> None:
    device = SipDevice(user_id="us_1", auth_username="1", realm="a.example")
    assert [*notes.lacking(device, ())] == [
        "has no password: no telephone can register as this device"
    ]
    assert [*notes.lacking(device, ("password",))] == []
    assert [*notes.lacking(SipTrunk(name="x"), ())] == []
    assert len([*notes.lacking(SipTrunk(name="x", do_register=1), ())]) == 1


def test_differences_go_down_to_the_node() -> None:
    def nodes(text: str, *more: str) -> dict[str, Any]:
        ids = ("a", *more)
        return {"name": "F", "nodes": [{"id": id, "data": {"text": text}} for id in ids]}

    assert differences(nodes("x"), nodes("y")) == [("nodes.a.data.text", "x", "y")]
    (added,) = differences(nodes("x"), nodes("x", "b"))
    assert (added.member, added.old) == ("nodes.b", None)
    assert differences({"m": [1, 2]}, {"m": [2, 1]}) == [("m", [1, 2], [2, 1])]
    (turned,) = differences(
        nodes("x", "b"), {**nodes("x"), "nodes": nodes("x", "b")["nodes"][::-1]}
    )
    assert turned == ("nodes", ["a", "b"], ["b", "a"])
