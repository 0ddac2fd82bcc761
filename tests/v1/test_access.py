"""Credentials of /v1: what opens it, what does not, and keys (spec 07, spec 10)."""

import re
import time
from typing import Any

import pytest

from tests.support.system import System, acme
from tests.v1.test_rows import Api, pointers


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


def test_a_request_without_a_good_credential_is_refused(system: System) -> None:
    shown: list[dict[str, Any]] = [
        {},
        {"x-api-key": "sk_guess"},
        {"x-api-key": ""},
        {"authorization": "Bearer sk_guess"},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer " + "a" * 7000},
        {"x-api-key": "sips_" + "0" * 40},
        {"x-api-key": b"sk_\xff\xfe"},
        {"x-api-key": "node_guess"},
    ]
    for headers in shown:
        answer = system.api.get("/v1/whoami", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert "www-authenticate" in answer.headers


def test_whoami_says_account_and_scopes(system: System, account: dict[str, Any]) -> None:
    key = system.key(account["account"]["id"], "cdr", "numbers")
    expected = {
        "accountId": account["account"]["id"],
        "scopes": ["cdr", "numbers"],
        "via": "key",
    }
    for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}):
        assert system.api.get("/v1/whoami", headers=headers).json() == expected


def test_a_key_is_shown_once_and_revoked_at_once(system: System, account: dict[str, Any]) -> None:
    api = Api(system, account["account"]["id"])
    made = api.post("/v1/keys/generate", {"name": "CRM", "scopes": ["cdr"]})
    assert made.status_code == 201, made.text
    key = made.json()
    listed = {row["id"]: row for row in api.get("/v1/keys").json()["keys"]}
    assert listed[key["id"]]["prefix"] == key["key"][:11]
    assert key["key"] not in str(listed)
    shown = {"x-api-key": key["key"]}
    assert system.api.get("/v1/calls", headers=shown).status_code == 200
    revoked = system.api.request(
        "DELETE", "/v1/keys/revoke", headers=api.headers, json={"key_id": key["id"]}
    )
    assert revoked.json() == {"revoked": True}
    assert system.api.get("/v1/calls", headers=shown).status_code == 401


def test_nobody_makes_or_revokes_a_key_that_can_do_more_than_his_own(
    system: System, account: dict[str, Any]
) -> None:
    account_id = account["account"]["id"]
    owner, narrow = Api(system, account_id), Api(system, account_id, "cdr")
    more = narrow.post("/v1/keys/generate", {"name": "x", "scopes": ["cdr", "users"]})
    assert more.status_code == 403
    assert narrow.post("/v1/keys/generate", {"name": "x", "scopes": ["*"]}).status_code == 403
    assert narrow.post("/v1/keys/generate", {"name": "x", "scopes": ["cdr"]}).status_code == 201
    strong = owner.post("/v1/keys/generate", {"name": "x", "scopes": ["users"]}).json()
    refused = system.api.request(
        "DELETE", "/v1/keys/revoke", headers=narrow.headers, json={"key_id": strong["id"]}
    )
    assert refused.status_code == 403
    unknown = owner.post("/v1/keys/generate", {"name": "x", "scopes": ["everything"]})
    assert unknown.status_code == 400


def test_another_tenants_key_does_not_exist(system: System, account: dict[str, Any]) -> None:
    other = acme()
    system.apply(other)
    theirs = Api(system, other["account"]["id"])
    id = theirs.get("/v1/keys").json()["keys"][0]["id"]
    mine = Api(system, account["account"]["id"])
    refused = system.api.request(
        "DELETE", "/v1/keys/revoke", headers=mine.headers, json={"key_id": id}
    )
    assert refused.status_code == 404


def test_an_expired_key_is_no_key(system: System, account: dict[str, Any]) -> None:
    api = Api(system, account["account"]["id"])
    made = api.post("/v1/keys/generate", {"name": "x", "scopes": ["cdr"], "expires_at": 1_000})
    headers = {"x-api-key": made.json()["key"]}
    assert system.api.get("/v1/whoami", headers=headers).status_code == 401


def generated(api: Api, **body: Any) -> Any:
    made = api.post("/v1/keys/generate", body)
    assert made.status_code == 201, made.text
    return made.json()


def test_a_key_for_diagnosis_is_what_is_made_by_default(api: Api, system: System) -> None:
    made = generated(api, name="Production monitoring")
    assert re.fullmatch("sips_[0-9a-f]{40}", made["key"])
    assert made["key"].startswith(made["prefix"])
    for headers in ({"x-api-key": made["key"]}, {"authorization": f"Bearer {made['key']}"}):
        found = system.api.get("/v1/whoami", headers=headers).json()
        assert (found["scopes"], found["via"]) == (["analyze"], "key")
        refused = system.api.get("/v1/calls", headers=headers)
        assert (refused.status_code, "'cdr'" in refused.json()["detail"]) == (403, True)
    (listed,) = [row for row in api.get("/v1/keys").json()["keys"] if row["id"] == made["id"]]
    assert (listed["kind"], listed["plan"], listed["revoked"]) == ("sips", "pro", False)
    assert made["key"] not in str(listed)


def test_a_key_for_diagnosis_makes_its_like_and_no_more(api: Api, system: System) -> None:
    small = Api.of(system, generated(api, name="x")["key"])
    teams = Api.of(system, generated(api, name="x", plan="teams")["key"])
    assert small.post("/v1/keys/generate", {"name": "y"}).status_code == 201
    assert small.post("/v1/keys/generate", {"name": "y", "plan": "teams"}).status_code == 403
    assert small.post("/v1/keys/generate", {"name": "y", "scopes": ["cdr"]}).status_code == 403
    like = generated(teams, name="y")
    plans = {row["id"]: row["plan"] for row in teams.get("/v1/keys").json()["keys"]}
    assert plans[like["id"]] == "teams"
    revoked = small.client.request(
        "DELETE", "/v1/keys/revoke", headers=small.headers, json={"key_id": like["id"]}
    )
    assert revoked.json() == {"revoked": True}
    assert Api.of(system, like["key"]).get("/v1/keys").status_code == 401


def test_who_may_not_diagnose_makes_no_such_key(system: System, account: dict[str, Any]) -> None:
    narrow = Api(system, account["account"]["id"], "cdr")
    assert narrow.post("/v1/keys/generate", {"name": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "kind": "sk"}, "/scopes"),
        ({"name": "x", "kind": "sips", "scopes": ["cdr"]}, "/scopes"),
        ({"name": "x", "scopes": ["cdr"], "plan": "pro"}, "/plan"),
        ({"name": "x", "plan": "free"}, "/plan"),
        ({"name": "x", "kind": "node"}, "/kind"),
        ({}, "/name"),
    ],
)
def test_a_key_that_cannot_be_is_refused(api: Api, body: dict[str, Any], pointer: str) -> None:
    answer = api.post("/v1/keys/generate", body)
    assert pointers(answer) == [pointer]
    assert answer.json()["error"] == answer.json()["detail"]


def test_the_last_use_of_a_key_is_listed_and_written_once_a_minute(
    api: Api, system: System
) -> None:
    made = generated(api, name="x", scopes=["cdr"])

    def last_use() -> int | None:
        rows = {row["id"]: row for row in api.get("/v1/keys").json()["keys"]}
        found: int | None = rows[made["id"]]["last_used_at"]
        return found

    assert last_use() is None
    with system.database() as store:
        before = store.execute("SELECT count(*) AS facts FROM events.stored_events").fetchone()
        key = Api.of(system, made["key"])
        for _ in range(3):
            assert key.get("/v1/calls").status_code == 200
        after = store.execute("SELECT count(*) AS facts FROM events.stored_events").fetchone()
        (row,) = store.execute(
            "SELECT xmin::text AS written_by, at FROM access.last_used WHERE id = %s",
            (made["id"],),
        ).fetchall()
        assert key.get("/v1/calls").status_code == 200
        (again,) = store.execute(
            "SELECT xmin::text AS written_by, at FROM access.last_used WHERE id = %s",
            (made["id"],),
        ).fetchall()
    assert before == after, "a request is no fact"
    assert row == again
    assert abs((last_use() or 0) - time.time()) < 60
