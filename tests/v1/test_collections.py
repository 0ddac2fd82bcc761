"""Every kind of row in the one way: made, read, listed, sorted, filtered, changed, deleted."""

from typing import Any

import pytest

from gateways.http.v1.collections import COLLECTIONS, QUEUES, Collection
from tests.support.system import System
from tests.v1.test_rows import Api, pointers

ALL = (QUEUES, *COLLECTIONS)
FLOW = {
    "start": "bye",
    "nodes": [{"id": "bye", "type": "hangup", "data": {"kind": "hangup"}}],
    "edges": [],
}


def bodies(account: dict[str, Any], queue_id: str) -> dict[str, list[dict[str, Any]]]:
    """Path → two rows that can be made, and are not alike."""
    user, number = account["users"][0]["id"], account["numbers"][0]["e164"][-6:]
    return {
        "/queues": [{"name": "Support"}, {"name": "Sales", "strategy": "ring_all"}],
        "/numbers": [{"e164": f"+1303555{number[-4:]}"}, {"e164": f"+1304555{number[-4:]}"}],
        "/users": [{"username": "301"}, {"username": "302", "is_agent": 1}],
        "/devices": [
            {"user_id": user, "auth_username": name, "realm": f"d{number}.example", "password": "x"}
            for name in ("d1", "d2")
        ],
        "/domains": [{"domain": f"a{number}.example"}, {"domain": f"b{number}.example"}],
        "/extensions": [{"digits": "500"}, {"digits": "501", "status": "disabled"}],
        "/ring-groups": [{"name": "Shop", "members": [{"user_id": user}]}, {"name": "Office"}],
        "/schedules": [
            {"name": "Hours", "rules": [{"kind": "weekly", "dow": 1, "start_time": "09:00"}]},
            {"name": "Nights", "timezone": "Europe/Berlin"},
        ],
        "/conferences": [{"name": "Weekly", "pin": "1234"}, {"name": "Daily"}],
        "/trunks": [
            {"name": "Carrier", "proxy": "sbc.example:5060", "password": "secret"},
            {"name": "Backup", "direction": "outbound"},
        ],
        "/routes": [{"name": "All"}, {"name": "Germany", "match_prefix": "49"}],
        "/lists": [{"name": "Spring"}, {"name": "Autumn"}],
        "/cid-pools": [{"name": "East", "numbers": ["+12125550123"]}, {"name": "West"}],
        "/campaigns": [{"name": "Spring"}, {"name": "Autumn", "dial_mode": "preview"}],
        "/rate-plans": [
            {"name": "Retail", "currency": "USD", "rates": [{"micros_per_min": 1}]},
            {"name": "Wholesale", "currency": "EUR"},
        ],
        "/console-users": [
            {"email": f"{name}{number}@acme.example", "password": "correct horse", "role": role}
            for name, role in (("ada", "agent"), ("bob", "admin"))
        ],
        "/limits": [
            {"scope_kind": "account", "period_sec": 60, "max_count": 5},
            {"scope_kind": "user", "period_sec": 60, "max_count": 5, "direction": "out"},
        ],
        "/forwards": [
            {"name": "Mobile", "to": "+14155550100"},
            {"name": "Desk", "to": "sip:a@b.example"},
        ],
        "/in-queue-options": [
            {"queue_id": queue_id, "digit": digit, "action": "callback"} for digit in "12"
        ],
        "/flows": [{"name": "One", **FLOW}, {"name": "Two", **FLOW}],
        "/media": [{"name": "Hold"}, {"name": "Hello", "kind": "greeting"}],
        "/playlists": [{"name": "Music"}, {"name": "Talk"}],
        "/voicemails": [{"name": "Alice", "pin": "1234"}, {"name": "Bob"}],
        "/webhooks": [{"url": "https://one.example/"}, {"url": "https://two.example/"}],
    }


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


@pytest.fixture
def made(api: Api, account: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    queue = api.post("/v1/queues", {"name": "For options"}).json()["id"]
    return bodies(account, queue)


def test_every_collection_is_looked_at_here(made: dict[str, Any]) -> None:
    assert {one.path for one in ALL} <= made.keys()


@pytest.mark.parametrize("one", ALL, ids=[one.path for one in ALL])
def test_a_row_lives_from_post_to_delete(
    api: Api, made: dict[str, list[dict[str, Any]]], one: Collection
) -> None:
    path = f"/v1{one.path}"
    first, second = [api.post(path, body) for body in made[one.path]]
    assert (first.status_code, second.status_code) == (201, 201), first.text + second.text
    rows = [first.json(), second.json()]
    for sent, row in zip(made[one.path], rows, strict=True):
        shown = {name: value for name, value in sent.items() if name in row}
        assert sent.keys() - shown.keys() <= one.write_only.keys(), "what is taken is shown"
        assert not one.hidden or not row.keys() & set(one.hidden)
    row = api.get(f"{path}/{rows[0]['id']}").json()
    assert row == {name: value for name, value in rows[0].items() if name not in one.shown_once}
    listed = api.get(path, sort="-id").json()["rows"]
    assert [found["id"] for found in listed][:2] == [rows[1]["id"], rows[0]["id"]]
    for name in one.filters:
        if rows[0].get(name) is None:
            continue
        found = api.get(path, **{name: rows[0][name]}).json()["rows"]
        assert rows[0]["id"] in [other["id"] for other in found]
        assert {other[name] for other in found} == {rows[0][name]}
    same = api.patch(f"{path}/{row['id']}", {})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    assert pointers(api.patch(f"{path}/{row['id']}", {"colour": "red"})) == ["/colour"]
    assert api.delete(f"{path}/{row['id']}").status_code == 200
    assert api.get(f"{path}/{row['id']}").status_code == 404


def test_a_list_is_sorted_by_what_is_asked_and_pages_keep_to_it(api: Api) -> None:
    names = ["delta", "Alpha", "charlie", "alpha", "", "Bravo", "echo"]
    for number, name in enumerate(names):
        api.post("/v1/voicemails", {"name": name, "quota_mb": 10 + number})
    for sort, wanted in (("name", sorted(names)), ("-name", sorted(names, reverse=True))):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get("/v1/voicemails", limit=2, sort=sort, **cursor).json()
            seen += [row["name"] for row in page["rows"]]
            if not page.get("next_cursor"):
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == wanted
    elsewhere = api.get("/v1/voicemails", limit=2, sort="-name", **cursor)
    assert elsewhere.status_code == 200
    assert pointers(api.get("/v1/voicemails", limit=2, sort="name", **cursor)) == ["/cursor"]
    assert pointers(api.get("/v1/voicemails", sort="colour")) == ["/sort"]


def test_null_puts_a_member_back_to_its_default(api: Api, account: dict[str, Any]) -> None:
    user = f"/v1/users/{account['users'][0]['id']}"
    api.patch(user, {"ring_timeout_sec": 40, "out_cid_number": "+1 202 555 0101"})
    back = api.patch(user, {"ring_timeout_sec": None, "out_cid_number": None}).json()
    assert (back["ring_timeout_sec"], back["out_cid_number"]) == (25, None)
    assert pointers(api.patch(user, {"username": None})) == ["/username"]


def test_an_agent_is_put_into_a_queue_and_taken_out(api: Api, account: dict[str, Any]) -> None:
    queue = api.post("/v1/queues", {"name": "Support"}).json()["id"]
    other = api.post("/v1/queues", {"name": "Sales"}).json()["id"]
    clerk, agent = (user["id"] for user in account["users"])
    api.patch(f"/v1/users/{agent}", {"is_agent": 1})
    members = f"/v1/queues/{queue}/members"
    assert pointers(api.post(members, {"user_id": clerk})) == ["/user_id"]
    made = api.post(members, {"user_id": agent, "tier_level": 2})
    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["queue_id"], row["user_id"], row["tier_level"]) == (queue, agent, 2)
    assert made.headers["location"] == f"{members}/{row['id']}"
    assert pointers(api.post(members, {"user_id": agent}), 409) == ["/user_id"]
    assert api.patch(f"{members}/{row['id']}", {"position": 3}).json()["position"] == 3
    assert [found["id"] for found in api.get(members).json()["rows"]] == [row["id"]]
    assert api.get(f"/v1/queues/{other}/members").json()["rows"] == []
    assert api.get(f"/v1/queues/{other}/members/{row['id']}").status_code == 404
    assert api.delete(f"/v1/queues/{other}/members/{row['id']}").status_code == 404
    assert api.get("/v1/queues/q_nobody/members").status_code == 404
    assert api.delete(f"/v1/queues/{queue}").status_code == 409  # an agent is in it
    assert api.delete(f"{members}/{row['id']}").status_code == 200
    assert api.delete(f"/v1/queues/{queue}").status_code == 200
