"""POST /auth and /auth/challenge over the real contract (spec 03)."""

from typing import Any

import pytest

from domain.digest import Algorithm
from tests.support.phone import authorization, challenge
from tests.support.system import System, acme, eventually, new_call_id


def test_a_good_digest_names_account_user_and_device(
    system: System, account: dict[str, Any]
) -> None:
    device = account["devices"][0]
    body = authorization(device, challenge(system, device["realm"]))
    answer = system.edge.post("/auth", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": 1,
        "accountId": account["account"]["id"],
        "userId": device["user_id"],
        "deviceId": device["id"],
        "username": "1001",
        "displayName": "Alice",
        "cid": "1001",
        "maxContacts": 5,
    }


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_both_algorithms_are_taken_as_json_and_as_form(
    system: System, account: dict[str, Any], algorithm: Algorithm, form: bool
) -> None:
    device = account["devices"][0]
    body = authorization(device, challenge(system, device["realm"]), algorithm=algorithm)
    as_form, as_json = (body, None) if form else (None, body)
    answer = system.edge.post("/auth", data=as_form, json=as_json)
    assert answer.status_code == 200, answer.text


def test_a_phone_may_send_its_domain_with_its_name(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    name = f"1001@{device['realm']}"
    body = authorization(device, challenge(system, device["realm"]), username=name)
    assert system.edge.post("/auth", json=body).status_code == 200


def refused(system: System, body: dict[str, Any]) -> str:
    answer = system.edge.post("/auth", json=body)
    assert answer.status_code == 401
    assert answer.json()["ok"] == 0
    assert answer.json()["nonce"]
    reason: str = answer.json()["reason"]
    return reason


def test_a_wrong_password_is_a_bad_response(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    nonce = challenge(system, device["realm"])
    assert refused(system, authorization(device, nonce, password="guess")) == "bad_response"


def test_a_name_that_does_not_exist_is_an_unknown_user(
    system: System, account: dict[str, Any]
) -> None:
    device = {**account["devices"][0], "auth_username": "4711"}
    assert refused(system, authorization(device, challenge(system, "x"))) == "unknown_user"
    elsewhere = {**device, "realm": "nowhere.example"}
    assert refused(system, authorization(elsewhere, challenge(system, "x"))) == "unknown_user"


def test_a_counter_is_good_once(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    nonce = challenge(system, device["realm"])
    first = authorization(device, nonce)
    assert system.edge.post("/auth", json=first).status_code == 200
    assert refused(system, first) == "stale"
    second = authorization(device, nonce, nc="00000002")
    assert system.edge.post("/auth", json=second).status_code == 200


def test_phones_that_were_challenged_in_the_same_second_do_not_disturb_each_other(
    system: System, account: dict[str, Any]
) -> None:
    """Their nonces are equal."""
    alice, bob = account["devices"]
    nonce = challenge(system, alice["realm"])
    for device in (alice, bob):
        body = authorization(device, nonce)
        assert system.edge.post("/auth", json=body).status_code == 200
        assert refused(system, body) == "stale"
    other_phone = authorization(alice, nonce, cnonce="0b5f224c")
    assert system.edge.post("/auth", json=other_phone).status_code == 200


def test_a_nonce_without_counter_is_good_once(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    body = authorization(device, challenge(system, device["realm"]), qop=None)
    assert system.edge.post("/auth", json=body).status_code == 200
    assert refused(system, body) == "stale"


def test_a_foreign_nonce_is_stale_unless_the_edge_has_verified_it(
    system: System, account: dict[str, Any]
) -> None:
    body = authorization(account["devices"][0], "bm90IG91cnM=")
    assert refused(system, body) == "stale"
    assert system.edge.post("/auth", json={**body, "nonceVerified": 1}).status_code == 200


def test_the_nonce_in_a_refusal_can_be_used(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    answer = system.edge.post("/auth", json=authorization(device, "stale"))
    body = authorization(device, answer.json()["nonce"])
    assert system.edge.post("/auth", json=body).status_code == 200


def test_a_disabled_user_and_a_suspended_account_are_named(
    system: System, account: dict[str, Any]
) -> None:
    device = account["devices"][0]
    account["users"][0]["status"] = "disabled"
    system.apply(account)
    body = authorization(device, challenge(system, device["realm"]))
    assert refused(system, body) == "disabled"
    account["users"][0]["status"] = "active"
    account["account"]["status"] = "suspended"
    system.apply(account)
    body = authorization(device, challenge(system, device["realm"]))
    assert refused(system, body) == "suspended"


def test_a_changed_password_counts_at_once(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    old = dict(device)
    nonce = challenge(system, device["realm"])
    assert system.edge.post("/auth", json=authorization(old, nonce)).status_code == 200
    device["password"] = "another secret"
    system.apply(account)
    assert refused(system, authorization(old, nonce, nc="00000002")) == "bad_response"
    new = authorization(device, nonce, nc="00000003")
    assert system.edge.post("/auth", json=new).status_code == 200


def test_a_failed_login_is_recorded_once_a_minute(system: System, account: dict[str, Any]) -> None:
    device = {**account["devices"][0], "auth_username": "mallory"}
    for _ in range(3):
        refused(system, authorization(device, challenge(system, "x")))

    def recorded() -> list[Any]:
        with system.database() as connection:
            return connection.execute(
                "SELECT 1 FROM events.stored_events WHERE topic = 'bans.auth_failed.v1'"
                " AND convert_from(state, 'UTF8') LIKE %s",
                (f"%mallory%{device['realm']}%",),
            ).fetchall()

    assert len(eventually(recorded)) == 1


def test_no_password_and_no_hash_is_in_any_fact_or_read_model(system: System) -> None:
    document = acme()
    document["devices"][0]["password"] = "Sesame-4711"
    system.apply(document)
    with system.database() as connection:
        facts = connection.execute(
            "SELECT string_agg(convert_from(state, 'UTF8'), '') AS text FROM events.stored_events"
        ).fetchone()
        rows = connection.execute(
            "SELECT string_agg(body::text, '') AS text FROM views.resource"
        ).fetchone()
        sealed = connection.execute(
            "SELECT string_agg(encode(ciphertext, 'escape'), '') AS text FROM secrets.sealed"
        ).fetchone()
    for found in (facts, rows, sealed):
        assert found is not None
        assert "Sesame" not in found["text"]
        assert '"ha1"' not in found["text"]


@pytest.mark.parametrize("missing", ["username", "realm", "nonce", "response", "method"])
def test_what_is_missing_is_named(system: System, account: dict[str, Any], missing: str) -> None:
    body = authorization(account["devices"][0], "n")
    del body[missing]
    answer = system.edge.post("/auth", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{missing}"]


def test_a_response_outside_ascii_is_a_bad_response(
    system: System, account: dict[str, Any]
) -> None:
    device = account["devices"][0]
    body = authorization(device, challenge(system, device["realm"]))
    assert refused(system, {**body, "response": "é" * 32}) == "bad_response"


@pytest.mark.parametrize("source", ["nowhere", {"ip": "192.0.2.1"}, 7, "192.0.2.1\0"])
def test_a_source_that_is_no_address_is_named(
    system: System, account: dict[str, Any], source: Any
) -> None:
    device = account["devices"][0]
    body = authorization(device, challenge(system, device["realm"]), password="wrong")
    answer = system.edge.post("/auth", json={**body, "src_ip": source})
    assert answer.status_code == 400, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/src_ip"]


@pytest.mark.parametrize("algorithm", ["", "md5", "Md5"])
def test_the_algorithm_may_be_left_out_and_has_no_case(
    system: System, account: dict[str, Any], algorithm: str
) -> None:
    device = account["devices"][0]
    body = authorization(device, challenge(system, device["realm"]), cnonce=new_call_id())
    form = {**body, "algorithm": algorithm, "nonceVerified": ""}
    assert system.edge.post("/auth", data=form).json()["ok"] == 1
