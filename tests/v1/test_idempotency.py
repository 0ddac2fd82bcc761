"""Idempotency-Key on every POST of /v1 (spec 07, Writes)."""

import signal
from typing import Any

import httpx
import pytest

from gateways.ids import new_id
from tests.support.system import System, acme, eventually
from tests.v1.test_rows import Api, pointers

USERS = "/v1/users"


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


def send(api: Api, path: str, body: Any, key: str) -> httpx.Response:
    headers = {**api.headers, "idempotency-key": key}
    return api.client.post(path, json=body, headers=headers)


def is_replayed(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotent-replayed") == "true")


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """Whether the second says what the first said, and says that it does."""
    names = ("content-type", "etag", "location", "cache-control")
    return (
        first.content == second.content
        and first.status_code == second.status_code
        and [first.headers.get(n) for n in names] == [second.headers.get(n) for n in names]
        and not is_replayed(first)
        and is_replayed(second)
    )


def test_the_same_request_gets_the_same_answer_and_makes_one_row(api: Api) -> None:
    key = new_id("k")
    first = send(api, USERS, {"username": "3001"}, key)
    assert first.status_code == 201, first.text
    assert same(first, send(api, USERS, {"username": "3001"}, key))
    assert len(api.get(USERS, username="3001").json()["rows"]) == 1


def test_a_secret_that_is_shown_once_is_shown_again_under_its_key_and_never_stored(
    system: System, api: Api
) -> None:
    key = new_id("k")
    wish = {"name": "CRM", "scopes": ["cdr"]}
    first = send(api, "/v1/keys/generate", wish, key)
    assert first.status_code == 201, first.text
    assert same(first, send(api, "/v1/keys/generate", wish, key))
    shown = {"x-api-key": first.json()["key"]}
    assert system.api.get("/v1/whoami", headers=shown).status_code == 200
    hook = send(api, "/v1/webhooks", {"url": "https://hooks.example/x"}, key + "h")
    assert same(hook, send(api, "/v1/webhooks", {"url": "https://hooks.example/x"}, key + "h"))
    with system.database() as connection:
        rows = connection.execute("SELECT * FROM idempotency.request").fetchall()
    stored = b"".join(bytes(row["seed"]) + bytes(row["answer"] or b"") for row in rows)
    assert len(rows) >= 2
    for secret in (first.json()["key"], hook.json()["secret"], "CRM"):
        assert secret.encode() not in stored


def test_another_body_or_path_under_a_key_is_refused(api: Api) -> None:
    key = new_id("k")
    assert send(api, USERS, {"username": "3002"}, key).status_code == 201
    for path, body in (
        (USERS, {"username": "3003"}),
        ("/v1/console-users", {"username": "3002"}),
        ("/v1/forwards", {"username": "3002"}),
    ):
        assert pointers(send(api, path, body, key), 422) == ["/Idempotency-Key"]


def test_a_key_is_its_principals_own(system: System, api: Api, account: dict[str, Any]) -> None:
    other = Api(system, account["account"]["id"])
    key = new_id("k")
    wish = {"name": "Mobile", "to": "+14155550100"}
    made = [send(one, "/v1/forwards", wish, key) for one in (api, other)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json()["id"] != made[1].json()["id"]


def test_a_refusal_of_the_request_is_kept_as_well(api: Api) -> None:
    key = new_id("k")
    first = send(api, USERS, {"username": ""}, key)
    assert first.status_code == 400
    assert same(first, send(api, USERS, {"username": ""}, key))
    taken = new_id("k")
    send(api, USERS, {"username": "3004"}, new_id("k"))
    conflict = send(api, USERS, {"username": "3004"}, taken)
    assert conflict.status_code == 409
    assert same(conflict, send(api, USERS, {"username": "3004"}, taken))


def test_who_may_not_do_it_is_not_answered_from_the_book(
    system: System, account: dict[str, Any]
) -> None:
    account_id = account["account"]["id"]
    api, owner = Api(system, account_id, "users"), Api(system, account_id)
    key = new_id("k")
    assert send(api, USERS, {"username": "3005"}, key).status_code == 201
    id = api.get("/v1/keys").json()["keys"]
    mine = next(row["id"] for row in id if row["scopes"] == ["users"])
    system.api.request(
        "DELETE", "/v1/keys/revoke", headers=owner.headers, json={"key_id": mine}
    ).raise_for_status()
    assert send(api, USERS, {"username": "3005"}, key).status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    headers = {**api.headers, "idempotency-key": key.encode("latin-1")}
    answer = api.client.post(USERS, json={"username": "3006"}, headers=headers)  # type: ignore[arg-type]
    assert pointers(answer) == ["/Idempotency-Key"]
    assert api.get(USERS, username="3006").json()["rows"] == []


def test_two_keys_in_one_request_are_refused(api: Api) -> None:
    headers = [*api.headers.items(), ("idempotency-key", "a"), ("idempotency-key", "b")]
    answer = api.client.post(USERS, json={"username": "3007"}, headers=headers)
    assert pointers(answer) == ["/Idempotency-Key"]


def test_every_other_method_pays_no_attention_to_it(api: Api) -> None:
    key = {"Idempotency-Key": "x" * 300}
    user = api.post(USERS, {"username": "3008"}).json()["id"]
    assert api.patch(f"{USERS}/{user}", {"dnd": 1}, **key).status_code == 200


def test_what_is_refused_for_the_moment_is_tried_again(api: Api, account: dict[str, Any]) -> None:
    """A wrong PIN too many: the same request under the same key is a new try."""
    box = api.post("/v1/voicemails", {"name": "x", "pin": "4711"}).json()["id"]
    path = f"/v1/voicemails/{box}/verify-pin"
    for _ in range(20):
        if (last := send(api, path, {"pin": "1"}, new_id("k"))).status_code == 429:
            break
    assert last.status_code == 429
    key = new_id("k")
    for _ in range(2):
        again = send(api, path, {"pin": "1"}, key)
        assert again.status_code == 429
        assert not is_replayed(again)


def test_a_file_is_read_once(api: Api) -> None:
    headers = {**api.headers, "content-type": "text/csv", "idempotency-key": new_id("k")}
    answers = [
        api.client.post("/v1/dnc/import", content=content, headers=headers)
        for content in ("+14155550100\n", "+14155550100\n", "+14155550101\n")
    ]
    assert [one.status_code for one in answers] == [202, 202, 422]
    assert same(answers[0], answers[1])


def test_a_503_frees_the_key_though_what_was_asked_is_done_later(own_system: System) -> None:
    """The worker hangs, the gateway gives up, and then the worker does what it was told to."""
    document = acme()
    own_system.apply(document)
    api = Api(own_system, document["account"]["id"])
    key, wish = new_id("k"), {"name": "Mobile", "to": "+14155550100"}
    own_system.kill("worker-1", signal.SIGSTOP)
    late = send(api, "/v1/forwards", wish, key)
    assert late.status_code == 503
    assert late.headers["retry-after"]
    own_system.kill("worker-1", signal.SIGCONT)
    (id,) = eventually(lambda: [r["id"] for r in api.get("/v1/forwards").json()["rows"]])

    def asked() -> httpx.Response | None:
        answer = send(api, "/v1/forwards", wish, key)
        return answer if answer.status_code == 201 else None

    again = eventually(asked)
    assert again.json()["id"] == id
    assert len(api.get("/v1/forwards").json()["rows"]) == 1
    assert same(again, send(api, "/v1/forwards", wish, key))
