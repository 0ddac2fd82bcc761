"""Credentials and scopes of /v1 (spec 07)."""

from typing import Any

import pytest

from tests.support.system import System, acme
from tests.v1.test_rows import Api

OPERATIONS = [
    ("GET", "/v1/calls", "cdr"),
    ("GET", "/v1/calls/x", "cdr"),
    ("GET", "/v1/calls/x/trace", "cdr"),
    ("GET", "/v1/numbers", "numbers"),
    ("POST", "/v1/numbers", "numbers"),
    ("GET", "/v1/numbers/x", "numbers"),
    ("PATCH", "/v1/numbers/x", "numbers"),
    ("DELETE", "/v1/numbers/x", "numbers"),
    ("GET", "/v1/users", "users"),
    ("POST", "/v1/users", "users"),
    ("GET", "/v1/devices", "devices"),
    ("POST", "/v1/devices", "devices"),
    ("GET", "/v1/security/bans", "security"),
    ("GET", "/v1/security/allow", "security"),
    ("POST", "/v1/security/allow", "security"),
    ("DELETE", "/v1/security/allow/x", "security"),
    ("GET", "/v1/dnc", "dnc"),
    ("POST", "/v1/dnc", "dnc"),
    ("GET", "/v1/dnc/check", "dnc"),
    ("DELETE", "/v1/dnc/x", "dnc"),
    ("POST", "/v1/dnc/import", "dnc"),
    ("GET", "/v1/dnc/import/x", "dnc"),
    ("GET", "/v1/limits", "limits"),
    ("POST", "/v1/limits", "limits"),
    ("GET", "/v1/agents", "agents"),
    ("GET", "/v1/agents/events", "agents"),
    ("POST", "/v1/agents/state", "agents"),
    ("GET", "/v1/queues", "queues"),
    ("GET", "/v1/queue-calls", "queues"),
    ("GET", "/v1/forwards", "numbers"),
    ("POST", "/v1/forwards", "numbers"),
    ("GET", "/v1/in-queue-options", "queues"),
    ("POST", "/v1/in-queue-options", "queues"),
    ("GET", "/v1/flows", "flows"),
    ("POST", "/v1/flows", "flows"),
    ("POST", "/v1/flows/x/publish", "flows"),
    ("GET", "/v1/flows/x/versions", "flows"),
    ("GET", "/v1/flows/x/versions/1", "flows"),
    ("POST", "/v1/flows/x/simulate", "flows"),
    ("GET", "/v1/webhooks", "webhooks"),
    ("POST", "/v1/webhooks", "webhooks"),
    ("POST", "/v1/webhooks/test", "webhooks"),
    ("GET", "/v1/webhooks/x/deliveries", "webhooks"),
]


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_an_operation_needs_its_scope_and_a_403_names_it(
    system: System, account: dict[str, Any], method: str, path: str, scope: str
) -> None:
    others = {"cdr", "numbers", "users", "devices", "flows", "webhooks"} - {scope}
    without = {"x-api-key": system.key(account["account"]["id"], *sorted(others))}
    answer = system.api.request(method, path, headers=without, json={})
    assert answer.status_code == 403
    assert f"'{scope}'" in answer.json()["detail"]
    enough = {"x-api-key": system.key(account["account"]["id"], scope)}
    assert system.api.request(method, path, headers=enough, json={}).status_code in (
        *(200, 400, 404),
        415,  # a file is no JSON
    )


def test_a_request_without_a_good_credential_is_refused(system: System) -> None:
    for headers in (
        {},
        {"x-api-key": "sk_guess"},
        {"x-api-key": ""},
        {"authorization": "Bearer sk_guess"},
        {"authorization": "Basic abc"},
    ):
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
