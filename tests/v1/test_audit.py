"""Who changed what: the history of the rows, and nothing secret in it (spec 02)."""

from typing import Any

import pytest

from tests.support.system import System, acme
from tests.v1.test_rows import Api, pointers


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


def test_a_change_is_kept_with_who_when_before_and_after(api: Api) -> None:
    user = api.post("/v1/users", {"username": "1003"}).json()["id"]
    api.patch(f"/v1/users/{user}", {"dnd": 1})
    api.patch(f"/v1/users/{user}", {"dnd": 1})  # changes nothing
    api.delete(f"/v1/users/{user}")
    key = api.get("/v1/keys").json()["keys"][0]["id"]
    gone, changed, made = api.get("/v1/audit", row_id=user).json()["rows"]
    assert [row["action"] for row in (made, changed, gone)] == ["create", "change", "delete"]
    assert {row["by"] for row in (made, changed, gone)} == {key}
    assert (made["before"], made["after"]["dnd"]) == (None, 0)
    assert (changed["changed"], changed["before"]["dnd"], changed["after"]["dnd"]) == (
        ["dnd"],
        0,
        1,
    )
    assert (gone["kind"], gone["before"], gone["after"]) == ("sip_user", changed["after"], None)
    assert made["at"] <= changed["at"] <= gone["at"]


def test_the_rows_that_a_forced_delete_lets_go_are_in_it(api: Api, account: dict[str, Any]) -> None:
    user = api.post("/v1/users", {"username": "1003"}).json()["id"]
    number = account["numbers"][0]["id"]
    api.patch(f"/v1/numbers/{number}", {"dest_kind": "user", "dest_id": user})
    api.delete(f"/v1/users/{user}", force=1)
    latest = api.get("/v1/audit", limit=2).json()["rows"]
    assert [(row["row_id"], row["action"]) for row in latest] == [
        (user, "delete"),
        (number, "change"),
    ]
    assert latest[1]["after"]["dest_id"] is None


def test_the_history_is_filtered_and_paged(api: Api, account: dict[str, Any]) -> None:
    for number in range(5):
        api.post("/v1/extensions", {"digits": f"60{number}"})
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/audit", kind="extension", limit=2, **cursor).json()
        seen += [row["position"] for row in page["rows"]]
        api.post("/v1/extensions", {"digits": f"70{len(seen)}"})  # what comes meanwhile
        if not page.get("next_cursor"):
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    assert {row["by"] for row in api.get("/v1/audit", by="test").json()["rows"]} == {"test"}
    assert api.get("/v1/audit", until=1).json()["rows"] == []
    assert pointers(api.get("/v1/audit", action="steal")) == ["/action"]
    assert pointers(api.get("/v1/audit", cursor="x")) == ["/cursor"]


def test_nothing_secret_is_in_the_history(api: Api, account: dict[str, Any]) -> None:
    user = account["users"][0]["id"]
    device = {"user_id": user, "auth_username": "s", "realm": "s.example", "password": "hidden-1"}
    made = api.post("/v1/devices", device).json()["id"]
    api.patch(f"/v1/devices/{made}", {"password": "hidden-2"})
    api.post("/v1/trunks", {"name": "Carrier", "password": "hidden-3"})
    api.post("/v1/keys/generate", {"name": "CRM", "kind": "sk", "scopes": ["cdr"]})
    text = api.get("/v1/audit").text
    assert "hidden-" not in text
    assert "sec_" not in text
    assert "sha256" not in text


def test_only_ones_own_history_is_shown(system: System, api: Api, account: dict[str, Any]) -> None:
    other = acme()
    system.apply(other)
    rows = Api(system, other["account"]["id"]).get("/v1/audit").json()["rows"]
    assert account["account"]["id"] not in [row["row_id"] for row in rows]
    assert other["account"]["id"] in [row["row_id"] for row in rows]
