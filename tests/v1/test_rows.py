"""Configuration over /v1: create, read, list, change, delete, each checked (spec 02, spec 07)."""

import random
from base64 import b64encode
from copy import copy
from typing import Any

import httpx
import pytest

from gateways.ids import new_id
from tests.support.system import System, acme, new_call_id


class Api:
    """The public API with a key."""

    def __init__(self, system: System, account_id: str, *scopes: str) -> None:
        self.headers = {"x-api-key": system.key(account_id, *scopes)}
        self.client = system.api

    @classmethod
    def of(cls, system: System, token: str) -> "Api":
        """With this credential."""
        made = cls.__new__(cls)
        made.headers = {"authorization": f"Bearer {token}"}
        made.client = system.api
        return made

    def at(self, client: httpx.Client) -> "Api":
        """The same key at another gateway."""
        other = copy(self)
        other.client = client
        return other

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client.get(path, params=params, headers=self.headers)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.client.post(path, json=body, headers=self.headers)

    def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.client.patch(path, json=body, headers={**self.headers, **headers})

    def put(self, path: str, content: Any, media_type: str) -> httpx.Response:
        headers = {**self.headers, "content-type": media_type}
        return self.client.put(path, content=content, headers=headers)

    def delete(self, path: str, **params: Any) -> httpx.Response:
        return self.client.delete(path, params=params, headers=self.headers)


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


def pointers(answer: httpx.Response, status: int = 400) -> list[str]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return sorted(error["pointer"] for error in answer.json().get("errors", []))


def test_a_user_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.post("/v1/users", {"username": "1003", "display_name": "Carol"})
    assert made.status_code == 201, made.text
    user = made.json()
    assert (user["version"], user["ring_timeout_sec"], user["dnd"]) == (1, 25, 0)
    assert made.headers["etag"] == '"1"'
    assert api.get(f"/v1/users/{user['id']}").json() == user
    changed = api.patch(f"/v1/users/{user['id']}", {"dnd": True})
    assert (changed.json()["dnd"], changed.json()["version"]) == (1, 2)
    assert changed.json()["display_name"] == "Carol"
    gone = api.delete(f"/v1/users/{user['id']}").json()
    assert gone == {"ok": 1, "id": user["id"], "repointed": []}
    assert api.get(f"/v1/users/{user['id']}").status_code == 404


def test_every_bad_member_is_named(api: Api) -> None:
    body = {"username": "a b", "dnd": 7, "ring_timeout_sec": "soon", "colour": "red"}
    assert pointers(api.post("/v1/users", body)) == [
        "/colour",
        "/dnd",
        "/ring_timeout_sec",
        "/username",
    ]
    assert pointers(api.post("/v1/users", {})) == ["/username"]
    assert pointers(api.post("/v1/numbers", {"e164": "no number"})) == ["/e164"]
    assert pointers(api.post("/v1/users", {"username": "1\u0000"})) == ["/username"]


def test_numbers_are_read_in_the_accounts_country(system: System) -> None:
    document = acme(numbers=[])
    document["account"]["country"] = "GB"
    system.apply(document)
    api = Api(system, document["account"]["id"])
    number = f"07{random.randrange(400_000_000, 500_000_000)}"
    made = api.post("/v1/numbers", {"e164": number})
    assert made.status_code == 201, made.text
    assert made.json()["e164"] == "44" + number[1:]


def test_what_a_row_points_to_has_to_exist(api: Api) -> None:
    body = {"e164": "+1 415 555 0000", "dest_kind": "user", "dest_id": "us_nobody"}
    assert pointers(api.post("/v1/numbers", body)) == ["/dest_id"]
    device = {"user_id": "us_nobody", "auth_username": "x", "realm": "x.example"}
    assert pointers(api.post("/v1/devices", device)) == ["/user_id"]


def test_a_name_that_is_taken_is_a_conflict_also_by_another_tenant(
    system: System, api: Api, account: dict[str, Any]
) -> None:
    assert pointers(api.post("/v1/users", {"username": "1001"}), 409) == ["/username"]
    other = acme()
    system.apply(other)
    number = other["numbers"][0]["e164"]
    assert pointers(api.post("/v1/numbers", {"e164": number}), 409) == ["/e164"]


def test_what_is_in_use_is_kept_unless_forced(api: Api, account: dict[str, Any]) -> None:
    user = api.post("/v1/users", {"username": "1009"}).json()
    number = account["numbers"][0]["id"]
    api.patch(f"/v1/numbers/{number}", {"dest_kind": "user", "dest_id": user["id"]})
    kept = api.delete(f"/v1/users/{user['id']}")
    assert kept.status_code == 409
    assert number in kept.json()["detail"]
    assert api.delete(f"/v1/users/{user['id']}", force=1).json()["repointed"] == [number]
    assert api.get(f"/v1/numbers/{number}").json()["dest_kind"] is None


def test_a_write_on_an_old_version_is_refused(api: Api, account: dict[str, Any]) -> None:
    user = f"/v1/users/{account['users'][0]['id']}"
    tag = api.get(user).headers["etag"]
    assert api.patch(user, {"dnd": 1}, **{"If-Match": tag}).status_code == 200
    stale = api.patch(user, {"dnd": 0}, **{"If-Match": tag})
    assert stale.status_code == 412
    assert api.get(user).json()["dnd"] == 1
    assert api.patch(user, {"dnd": 0}, **{"If-Match": "nonsense"}).status_code == 400


def test_a_write_is_seen_by_the_next_read_and_by_the_edge(
    system: System, api: Api, account: dict[str, Any]
) -> None:
    for number in range(10):
        e164 = f"+1 303 {int(account['numbers'][0]['e164'][-3:]):03d} {number:04d}"
        made = api.post(
            "/v1/numbers",
            {"e164": e164, "dest_kind": "flow", "dest_id": account["flows"][0]["id"]},
        )
        assert made.status_code == 201, made.text
        row = made.json()
        assert row["id"] in [r["id"] for r in api.get("/v1/numbers").json()["rows"]]
        assert system.route(new_call_id(), row["e164"])["action"] == "flow"


def test_a_list_is_paged_without_repeating_or_skipping(api: Api) -> None:
    made = {
        api.post("/v1/users", {"username": f"20{number:02d}"}).json()["id"] for number in range(7)
    }
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/users", limit=2, **cursor).json()
        assert page["count"] == len(page["rows"]) <= 2
        seen += [row["id"] for row in page["rows"]]
        if "next_cursor" not in page or page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 9
    assert made <= set(seen)
    assert pointers(api.get("/v1/users", cursor="nonsense")) == ["/cursor"]
    assert pointers(api.get("/v1/users", limit=0)) == ["/limit"]
    assert [r["username"] for r in api.get("/v1/users", username="2003").json()["rows"]] == ["2003"]


def test_another_tenants_row_does_not_exist(system: System, api: Api) -> None:
    other = acme()
    system.apply(other)
    for path in ("users", "devices", "numbers"):
        row = f"/v1/{path}/{other[path][0]['id']}"
        assert api.get(row).status_code == 404
        assert api.patch(row, {"status": "disabled"}).status_code == 404
        assert api.delete(row).status_code == 404


def test_a_password_is_never_shown_and_a_login_cannot_move_without_it(
    api: Api, account: dict[str, Any]
) -> None:
    body = {
        "user_id": account["users"][0]["id"],
        "auth_username": "4711",
        "realm": account["domains"][0]["domain"],
        "password": "Sesame",
    }
    made = api.post("/v1/devices", body)
    assert made.status_code == 201, made.text
    assert not {"password", "ha1", "ha1b", "credential_ref"} & made.json().keys()
    device = f"/v1/devices/{made.json()['id']}"
    assert pointers(api.patch(device, {"auth_username": "4712"})) == ["/password"]
    moved = api.patch(device, {"auth_username": "4712", "password": "Sesame"})
    assert moved.json()["auth_username"] == "4712"


def test_webhooks_go_out_over_https_and_show_their_secret_once(api: Api) -> None:
    refused = api.post("/v1/webhooks", {"url": "http://hooks.example/x"})
    assert pointers(refused) == ["/url"]
    made = api.post("/v1/webhooks", {"url": "https://hooks.example/x", "events": ["call.ended"]})
    assert made.status_code == 201, made.text
    assert made.json()["secret"].startswith("whsec_")
    again = api.get(f"/v1/webhooks/{made.json()['id']}").json()
    assert not {"secret", "secret_ref"} & again.keys()


def test_deleting_and_making_again_under_the_same_number_works(api: Api) -> None:
    body = {"e164": "+1 212 555 0199"}
    first = api.post("/v1/numbers", body)
    assert first.status_code == 201, first.text
    api.delete(f"/v1/numbers/{first.json()['id']}")
    second = api.post("/v1/numbers", body)
    assert second.status_code == 201, second.text
    api.delete(f"/v1/numbers/{second.json()['id']}")


@pytest.mark.parametrize(("name", "value"), [("e164", "\0"), ("cursor", "WyJhXHUwMDAwIl0")])
def test_a_nul_in_a_query_is_refused(api: Api, name: str, value: str) -> None:
    assert pointers(api.get("/v1/numbers", **{name: value})) == [f"/{name}"]


def test_nothing_is_found_under_a_nul(api: Api) -> None:
    assert api.get("/v1/numbers/a%00").status_code == 404
    assert api.get("/v1/calls/a%00/trace").status_code == 404
    assert pointers(api.post("/v1/webhooks/test", {"id": "\0"})) == ["/id"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("secret", "whsec_!!"),
        ("secret", "whsec_x"),
        ("secret", "whsec_é"),
        ("secret", "whsec_" + "QUFB" * 7),
        ("secret", "QUFB" * 8),
        ("url", "http://[::1"),
        ("url", "https://[zz]/"),
    ],
)
def test_a_webhook_that_could_never_be_delivered_is_refused(
    api: Api, member: str, value: str
) -> None:
    body = {"url": "https://hooks.example/x", member: value}
    assert pointers(api.post("/v1/webhooks", body)) == [f"/{member}"]


def test_a_secret_of_ones_own_is_taken(api: Api) -> None:
    body = {"url": "https://hooks.example/x", "secret": "whsec_" + "QUFB" * 8}
    assert api.post("/v1/webhooks", body).status_code == 201


def test_a_target_is_a_kind_and_an_id(api: Api) -> None:
    number = f"1202{random.randrange(2_000_000, 9_999_999)}"
    assert pointers(api.post("/v1/numbers", {"e164": number, "dest_id": "x"})) == ["/dest_kind"]
    nobody = api.post("/v1/numbers", {"e164": number, "dest_kind": "user"})
    assert pointers(nobody) == ["/dest_id"]
    assert "None" not in nobody.text


@pytest.mark.parametrize(
    ("member", "value"), [("ha1", "abc"), ("ha1_sha256", "0" * 32), ("ha1b", "z" * 32)]
)
def test_a_hash_that_no_password_has_is_refused(
    account: dict[str, Any], api: Api, member: str, value: str
) -> None:
    user = account["users"][0]["id"]
    device = {"user_id": user, "auth_username": "7007", "realm": "other.example"}
    body = {**device, "ha1": "0" * 32, member: value}
    assert pointers(api.post("/v1/devices", body)) == [f"/{member}"]


def test_a_login_that_is_taken_is_named_by_a_member(account: dict[str, Any], api: Api) -> None:
    taken = account["devices"][0]
    body = {name: taken[name] for name in ("user_id", "auth_username", "realm", "password")}
    assert pointers(api.post("/v1/devices", body), 409) == ["/auth_username"]


def test_a_missing_body_is_said_so(api: Api) -> None:
    answer = api.client.post("/v1/users", headers=api.headers)
    assert pointers(answer) == []
    assert "no body" in answer.json()["detail"]


def test_a_number_stays_what_it_is_when_something_else_is_changed(system: System) -> None:
    document = acme(numbers=[])
    document["account"]["country"] = "DE"
    system.apply(document)
    api = Api(system, document["account"]["id"])
    # 04953 is an area of Germany as well, and not every number in use is in the plans
    e164 = f"494953{random.randrange(1_000_000, 9_999_999)}"
    made = api.post("/v1/numbers", {"e164": "+" + e164}).json()
    path = f"/v1/numbers/{made['id']}"
    assert api.patch(path, {"label": "Front desk"}).json()["e164"] == e164
    assert api.patch(path, {"e164": e164, "label": "Desk"}).json()["e164"] == e164
    short = api.post("/v1/numbers", {"e164": f"+49{e164[3:9]}"}).json()
    changed = api.patch(f"/v1/numbers/{short['id']}", {"label": "Front desk"})
    assert changed.json()["e164"] == short["e164"]


def test_the_options_of_a_queue_are_made_found_and_their_secret_is_kept(
    system: System, api: Api, account: dict[str, Any]
) -> None:
    queue, digits = new_id("q"), {"queue_id": "", "digit": "1", "action": "callback"}
    system.apply({**account, "queues": [{"id": queue, "name": "Support"}]})
    digits["queue_id"] = queue
    path = "/v1/in-queue-options"
    assert pointers(api.post(path, {**digits, "queue_id": new_id("q")})) == ["/queue_id"]
    assert pointers(api.post(path, {**digits, "action": "route"})) == ["/dest_kind"]
    webhook = {**digits, "action": "webhook", "webhook_url": "https://hooks.example/"}
    assert pointers(api.post(path, {**webhook, "webhook_secret": "guess"})) == ["/webhook_secret"]
    secret = f"whsec_{b64encode(b'0' * 32).decode()}"
    made = api.post(path, {**webhook, "webhook_secret": secret})
    assert made.status_code == 201, made.text
    assert made.json()["id"].startswith("opt_")
    assert not {"webhook_secret", "webhook_secret_ref"} & made.json().keys()
    assert pointers(api.post(path, digits), 409) == ["/digit"]
    assert api.get(path, queue_id=queue, digit="1").json()["rows"] == [made.json()]


def test_the_options_of_a_queue_stand_in_a_file(
    system: System, api: Api, account: dict[str, Any]
) -> None:
    queue = new_id("q")
    options = [
        {"queue_id": queue, "digit": "#", "action": "route", "dest_kind": "hangup"},
        {
            "queue_id": queue,
            "digit": "2",
            "action": "webhook",
            "webhook_url": "https://hooks.example/",
            "label": "Tell",
            "webhook_secret": f"whsec_{b64encode(b'1' * 32).decode()}",
        },
    ]
    document = {**account, "queues": [{"id": queue, "name": "Support"}]}
    assert len(system.apply({**document, "in_queue_options": options})) == 3
    assert system.apply({**document, "in_queue_options": options}) == {}
    options[0]["label"] = "Good bye"
    assert len(system.apply({**document, "in_queue_options": options})) == 1
    shown = api.get("/v1/in-queue-options").json()["rows"]
    assert sorted((row["digit"], row["label"]) for row in shown) == [
        ("#", "Good bye"),
        ("2", "Tell"),
    ]
