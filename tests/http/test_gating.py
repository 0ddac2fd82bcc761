"""Who may use the edge control plane (spec 03, Gating)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.system import System, acme, eventually, new_call_id, running

NODE_PATHS = [
    *("/auth", "/auth/challenge", "/route", "/flow", "/presence/event", "/security/report"),
]


@pytest.fixture(scope="module")
def guarded() -> Iterator[System]:
    """A system that trusts no address, behind a proxy on loopback."""
    with running(
        node_cidrs="192.0.2.0/24",
        trusted_proxies="127.0.0.0/8",
        admin_token="open sesame",
    ) as system:
        yield system


@pytest.mark.parametrize("path", NODE_PATHS)
def test_a_stranger_is_not_let_in(guarded: System, path: str) -> None:
    answer = guarded.edge.post(path, json={})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", NODE_PATHS)
def test_a_bad_token_is_not_let_in(guarded: System, path: str) -> None:
    answer = guarded.edge.post(path, json={}, headers={"x-node-token": "node_guess"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/agent", "/presence/users", "/agent/confirm/acc_1/lease_1/1", "/agent/claim/acc_1/us_1/c"],
)
def test_a_stranger_learns_nothing_about_agents(guarded: System, path: str) -> None:
    answer = guarded.edge.get(path, params={"accountId": "acc_1", "userId": "1001"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_refusal_changes_nothing_and_is_an_event(guarded: System) -> None:
    address = {"x-forwarded-for": "203.0.113.99"}
    answer = guarded.edge.post("/route", json={"callId": new_call_id()}, headers=address)
    assert answer.status_code == 401

    def recorded() -> Any:
        with guarded.database() as connection:
            return connection.execute(
                "SELECT convert_from(state, 'UTF8') AS fact FROM events.stored_events"
                " WHERE topic = 'bans.access_refused.v1'"
                "   AND convert_from(state, 'UTF8') LIKE '%%203.0.113.99%%'"
            ).fetchone()

    assert "/route" in eventually(recorded)["fact"]


def test_a_node_is_let_in_by_its_token_until_that_is_revoked(guarded: System) -> None:
    made = guarded.cli_json("keys", "create", "--kind", "node", "--name", "edge-1")
    token = {"x-node-token": made["key"]}
    call = {"callId": new_call_id(), "from": "1", "to": "2"}

    def asked() -> int:
        return guarded.edge.post("/route", json=call, headers=token).status_code

    eventually(lambda: asked() == 200)
    guarded.cli_json("keys", "revoke", made["id"])
    eventually(lambda: asked() == 401)


def test_a_node_is_let_in_by_the_address_that_the_proxy_saw(guarded: System) -> None:
    near = {"x-forwarded-for": "198.51.100.1, 192.0.2.7"}
    assert guarded.edge.post("/auth/challenge", json={"realm": "x"}, headers=near).is_success
    forged = {"x-forwarded-for": "192.0.2.7, 198.51.100.1"}
    refused = guarded.edge.post("/auth/challenge", json={"realm": "x"}, headers=forged)
    assert refused.status_code == 401


def test_operators_show_an_admin_token_or_a_key_of_that_account(guarded: System) -> None:
    mine, other = acme(), acme()
    guarded.apply(mine)
    guarded.apply(other)
    account_id = mine["account"]["id"]
    key = guarded.key(account_id)
    narrow = guarded.key(account_id, "cdr")

    def asked(account: str, headers: dict[str, str]) -> int:
        params = {"accountId": account}
        return guarded.edge.get("/cac", params=params, headers=headers).status_code

    eventually(lambda: asked(account_id, {"x-api-key": key}) == 200)
    assert asked(account_id, {}) == 401
    assert asked(account_id, {"x-admin-token": "open sesame"}) == 200
    assert asked(account_id, {"x-admin-token": "wrong"}) == 401
    assert asked(other["account"]["id"], {"x-api-key": key}) == 404
    eventually(lambda: asked(account_id, {"x-api-key": narrow}) == 403)


def test_a_trace_is_shown_to_its_own_account_only(guarded: System) -> None:
    mine, other = acme(), acme()
    guarded.apply(mine)
    guarded.apply(other)
    keys = [guarded.key(document["account"]["id"]) for document in (mine, other)]
    call_id, admin = new_call_id(), {"x-forwarded-for": "192.0.2.7"}
    body = {"callId": call_id, "from": "+14155551234", "to": mine["numbers"][0]["e164"]}
    assert guarded.edge.post("/route", json=body, headers=admin).is_success

    def asked(key: str) -> int:
        path = f"/calls/{call_id}/trace"
        return guarded.edge.get(path, headers={"x-api-key": key}).status_code

    eventually(lambda: asked(keys[0]) == 200)
    eventually(lambda: asked(keys[1]) == 404)


def test_health_is_for_everybody_and_v1_is_elsewhere(guarded: System) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert guarded.edge.head(path).status_code == 200
        assert guarded.edge.get(path).status_code == 200
    elsewhere = guarded.edge.get("/v1/calls")
    assert elsewhere.status_code == 501
    assert guarded.api_url in elsewhere.json()["detail"]
