"""Console users log in; a session is over when it has to be, on every gateway (spec 06)."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from deploy.settings import load, made_secret
from gateways.access import ROLES
from gateways.ids import new_id
from gateways.sessions import keys_from
from gateways.store.guesses import LIMIT, PERIOD, SPREAD
from tests.support.system import System, acme
from tests.v1.test_rows import Api, pointers

PASSWORD = "correct horse battery"
TOTP_SECRET = b"0123456789abcdef0123"


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


@pytest.fixture(scope="module")
def other_gateway(system: System) -> Iterator[httpx.Client]:
    """A second API server on the same store."""
    with system.another_api() as gateway:
        yield gateway.client


@pytest.fixture(autouse=True)
def nobody_has_guessed(system: System) -> None:
    """All tests come from one address."""
    with system.database() as store:
        store.execute("TRUNCATE access.guess")


def user(api: Api, role: str = "supervisor", **more: Any) -> dict[str, Any]:
    body = {"email": f"{new_id('x')}@acme.example", "password": PASSWORD, "role": role, **more}
    made = api.post("/v1/console-users", body)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def log_in(client: httpx.Client, email: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/v1/sessions", json={"email": email, "password": password, **more})


def token(client: httpx.Client, email: str) -> str:
    made = log_in(client, email)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def status(client: httpx.Client, shown: str) -> int:
    return client.get("/v1/whoami", headers={"authorization": f"Bearer {shown}"}).status_code


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_scopes(system: System, api: Api, role: str) -> None:
    ada = user(api, role)
    made = log_in(system.api, ada["email"].upper())
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    body = made.json()
    assert body["token_type"] == "Bearer"
    assert (body["ok"], body["expires_in"]) == (1, 12 * 3600)
    shown = system.api.get("/v1/whoami", headers={"authorization": f"Bearer {body['token']}"})
    assert shown.json() == {
        "accountId": ada["account_id"],
        "scopes": sorted(ROLES[role]),  # type: ignore[index]
        "via": "session",
    }
    assert body["scopes"] == sorted(ROLES[role])  # type: ignore[index]


def test_a_session_opens_what_its_role_opens(system: System, api: Api) -> None:
    session = Api.of(system, token(system.api, user(api, "analyst")["email"]))
    assert session.get("/v1/calls").status_code == 200
    refused = session.get("/v1/numbers")
    assert (refused.status_code, "'numbers'" in refused.json()["detail"]) == (403, True)


def test_the_console_has_the_same_way_in(system: System, api: Api) -> None:
    ada = user(api)
    with httpx.Client(base_url=system.console_url) as console:
        wish = {"email": ada["email"], "password": PASSWORD}
        for made in (console.post("/login", json=wish), console.post("/login", data=wish)):
            assert made.status_code == 200, made.text
            assert status(system.api, made.json()["token"]) == 200
        assert console.post("/login", json={**wish, "password": "wrong"}).status_code == 401
        assert pointers(console.post("/login", json={"email": 1})) == ["/email", "/password"]


def test_nothing_secret_of_a_user_is_shown(api: Api) -> None:
    ada = user(api, totp_secret=base64.b32encode(TOTP_SECRET).decode())
    shown = api.get(f"/v1/console-users/{ada['id']}").json()
    assert shown == ada
    assert ada["totp"] == 1
    assert not {"password", "password_ref", "totp_ref", "totp_secret", "session_epoch"} & ada.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"role": "agent"},
        {"password": "another horse battery"},
        {"status": "disabled"},
        {"email": "{new}"},
        {"totp_secret": base64.b32encode(TOTP_SECRET).decode()},
        None,
    ],
    ids=str,
)
def test_a_change_of_who_somebody_is_ends_his_sessions_on_every_gateway(
    system: System, api: Api, other_gateway: httpx.Client, change: dict[str, Any] | None
) -> None:
    ada, bob = user(api), user(api)
    tokens = [token(system.api, ada["email"]), token(other_gateway, ada["email"])]
    bobs = token(system.api, bob["email"])
    assert [status(other_gateway, one) for one in (*tokens, bobs)] == [200] * 3
    path = f"/v1/console-users/{ada['id']}"
    if change is None:
        assert api.delete(path).status_code == 200
    else:
        patch = {n: v.replace("{new}", f"{new_id('x')}@acme.example") for n, v in change.items()}
        assert api.patch(path, patch).status_code == 200
    for client in (other_gateway, system.api):
        assert [status(client, one) for one in (*tokens, bobs)] == [401, 401, 200]


def test_logging_out_ends_this_session_on_every_gateway(
    system: System, api: Api, other_gateway: httpx.Client
) -> None:
    ada = user(api)
    first, second = token(system.api, ada["email"]), token(system.api, ada["email"])
    assert status(other_gateway, first) == 200
    out = system.api.delete("/v1/sessions", headers={"authorization": f"Bearer {first}"})
    assert out.status_code == 200, out.text
    assert [status(other_gateway, one) for one in (first, second)] == [401, 200]
    assert api.delete("/v1/sessions").status_code == 409


def test_a_key_is_revoked_on_every_gateway(
    system: System, api: Api, other_gateway: httpx.Client
) -> None:
    made = api.post("/v1/keys/generate", {"name": "x", "scopes": ["*"]}).json()
    shown = {"x-api-key": made["key"]}
    cac = {"accountId": api.get("/v1/whoami").json()["accountId"]}
    assert status(other_gateway, made["key"]) == 200
    assert system.edge.get("/cac", params=cac, headers=shown).status_code == 200
    api.client.request(
        "DELETE", "/v1/keys/revoke", headers=api.headers, json={"key_id": made["id"]}
    )
    assert status(other_gateway, made["key"]) == 401
    assert system.edge.get("/cac", params=cac, headers=shown).status_code == 401


def test_sessions_are_listed_with_their_last_use_and_ended_by_whoever_may(
    system: System, api: Api
) -> None:
    ada = user(api, "owner")
    shown = token(system.api, ada["email"])
    (row,) = api.get("/v1/sessions").json()["rows"]
    assert (row["user_id"], row["email"], row["last_used_at"]) == (ada["id"], ada["email"], None)
    assert row["expires_at"] - row["created_at"] == 12 * 3600
    status(system.api, shown)
    (row,) = api.get("/v1/sessions").json()["rows"]
    assert abs(row["last_used_at"] - time.time()) < 60
    path = f"/v1/sessions/{row['id']}"
    narrow = Api(system, ada["account_id"], "users")
    assert narrow.delete(path).status_code == 403
    stranger = acme()
    system.apply(stranger)
    assert Api(system, stranger["account"]["id"]).delete(path).status_code == 404
    assert api.delete(path).status_code == 200
    assert status(system.api, shown) == 401
    assert api.get("/v1/sessions").json()["rows"] == []
    assert api.delete(path).status_code == 404


def test_nobody_makes_changes_or_deletes_who_can_do_more(system: System, api: Api) -> None:
    owner = user(api, "owner")
    admin = Api.of(system, token(system.api, user(api, "admin")["email"]))
    path = f"/v1/console-users/{owner['id']}"
    mine = {"email": f"{new_id('x')}@acme.example", "password": PASSWORD, "role": "owner"}
    assert admin.post("/v1/console-users", mine).status_code == 403
    assert admin.patch(path, {"password": "taken over"}).status_code == 403
    assert admin.delete(path).status_code == 403
    agent = user(admin, "agent")
    raised = admin.patch(f"/v1/console-users/{agent['id']}", {"role": "owner"})
    assert raised.status_code == 403
    assert admin.get(path).json() == owner


def test_an_e_mail_is_one_persons_on_the_whole_platform(system: System, api: Api) -> None:
    ada = user(api)
    other = acme()
    system.apply(other)
    twin = {"email": ada["email"].upper(), "password": PASSWORD, "role": "agent"}
    theirs = Api(system, other["account"]["id"])
    assert pointers(theirs.post("/v1/console-users", twin), 409) == ["/email"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("password", "short"),
        ("password", None),
        ("password", "x" * 257),
        ("totp_secret", "not base32!"),
        ("totp_secret", "AAAA"),
        ("email", "nobody"),
        ("role", "king"),
        ("totp", 1),
        ("session_epoch", 1),
    ],
)
def test_a_bad_member_is_named(api: Api, member: str, value: Any) -> None:
    body = {"email": f"{new_id('x')}@acme.example", "password": PASSWORD, "role": "agent"}
    assert pointers(api.post("/v1/console-users", {**body, member: value})) == [f"/{member}"]


def test_a_password_that_is_changed_is_erased(system: System, api: Api) -> None:
    ada = user(api)

    def kept() -> int:
        with system.database() as store:
            found = store.execute(
                "SELECT count(*) AS kept FROM secrets.sealed WHERE account_id = %s",
                (ada["account_id"],),
            ).fetchone()
        assert found is not None
        return int(found["kept"])

    before = kept()
    api.patch(f"/v1/console-users/{ada['id']}", {"password": "another horse battery"})
    assert kept() == before
    assert log_in(system.api, ada["email"]).status_code == 401
    assert log_in(system.api, ada["email"], "another horse battery").status_code == 201
    api.delete(f"/v1/console-users/{ada['id']}")
    assert kept() == before - 1


# Guessing


def test_five_wrong_passwords_close_the_way_on_every_gateway(
    system: System, api: Api, other_gateway: httpx.Client
) -> None:
    ada, bob = user(api), user(api)
    for number in range(LIMIT):
        client = (system.api, other_gateway)[number % 2]
        assert log_in(client, ada["email"], "wrong").status_code == 401
    for client in (system.api, other_gateway):
        closed = log_in(client, ada["email"])
        assert closed.status_code == 429
        assert 0 < int(closed.headers["retry-after"]) <= PERIOD // 1000
    assert log_in(system.api, bob["email"]).status_code == 201
    with system.database() as store:
        store.execute("UPDATE access.guess SET since = since - %s", (PERIOD,))
    assert log_in(system.api, ada["email"]).status_code == 201


def test_a_right_password_forgives_the_wrong_ones(system: System, api: Api) -> None:
    ada = user(api)
    for _ in range(2):
        for _ in range(LIMIT - 1):
            assert log_in(system.api, ada["email"], "wrong").status_code == 401
        assert log_in(system.api, ada["email"]).status_code == 201


def test_guesses_that_are_spread_are_counted_too(system: System) -> None:
    emails = [f"{new_id('x')}@acme.example" for _ in range(SPREAD)]
    with system.database() as store:
        store.execute(
            "INSERT INTO access.guess VALUES ('ip 127.0.0.1', %s, %s)",
            (time.time_ns() // 1_000_000, SPREAD - 1),
        )
    assert log_in(system.api, emails[0]).status_code == 401
    assert log_in(system.api, emails[1]).status_code == 429


def test_who_is_not_there_is_refused_like_who_is(system: System, api: Api) -> None:
    ada, off = user(api), user(api, status="disabled")
    answers = [
        log_in(system.api, ada["email"], "wrong"),
        log_in(system.api, off["email"]),
        log_in(system.api, f"{new_id('x')}@acme.example"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]


def test_a_code_is_asked_for_and_counts_once(system: System, api: Api) -> None:
    ada = user(api, totp_secret=base64.b32encode(TOTP_SECRET).decode())
    missing = log_in(system.api, ada["email"])
    assert pointers(missing, 401) == ["/totp"]
    assert "errors" not in log_in(system.api, ada["email"], "wrong").json()
    code = TOTP(TOTP_SECRET, 6, SHA1(), 30).generate(int(time.time())).decode()
    assert log_in(system.api, ada["email"], totp="12345é").status_code == 401
    assert log_in(system.api, ada["email"], totp=code).status_code == 201
    assert log_in(system.api, ada["email"], totp=code).status_code == 401
    path = f"/v1/console-users/{ada['id']}"
    assert api.patch(path, {"totp_secret": ""}).json()["totp"] == 0
    assert log_in(system.api, ada["email"]).status_code == 201


# Tokens of others


HEADERS = (
    b'{"alg":"none"}',
    b'{"alg":"NoNe"}',
    b'{"alg":"RS256","jwk":{}}',
    b'{"alg":["HS256"]}',
    b'{"alg":"HS256","b64":false,"crit":["b64"]}',
    b"[" * 500,
    b"\xff",
    b"null",
)


def _signing_key(system: System) -> bytes:
    settings, _ = load(system.environment, Path("/nonexistent"))
    return keys_from(made_secret(settings, "session_secret"))[0]


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_a_token_that_is_not_quite_ours_is_refused(system: System, api: Api) -> None:
    key, good = _signing_key(system), token(system.api, user(api)["email"])
    header, payload, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    assert status(system.api, jwt.encode(claims, key, "HS256")) == 200

    def ours(**other: Any) -> str:
        made = {name: value for name, value in {**claims, **other}.items() if value is not None}
        return jwt.encode(made, key, "HS256")

    bobs = jwt.decode(token(system.api, user(api)["email"]), options={"verify_signature": False})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        longer = jwt.encode(claims, key, "HS512")
    tokens = [
        *(ours(**{name: None}) for name in claims),
        ours(exp=int(time.time()) - 1),
        ours(iss="somebody"),
        ours(aud="somebody"),
        ours(jti=new_id("ses")),
        ours(jti={"a": 1}),
        ours(jti=bobs["jti"]),
        ours(sub=bobs["sub"]),
        ours(acc=new_id("acc")),
        ours(ver=claims["ver"] + 1),
        longer,
        jwt.encode(claims, b"0" * 32, "HS256"),
        jwt.encode(claims, "", "none"),
        *(f"{_encoded(other)}.{payload}.{signature}" for other in HEADERS),
        f"{_encoded(HEADERS[0])}.{payload}.",
        f"{_encoded(b'[' * 300)}..",
        f"{header}.{_encoded(b'not json')}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-2]}",
        f"{header}.{payload}.!!!",
        "..",
        "a.b.c",
        "%00.%00.%00",
        f"{header}.{payload}{'A' * 8000}.{signature}",
        good + ".x",
    ]
    for one in tokens:
        answer = system.api.get("/v1/whoami", headers={"authorization": f"Bearer {one}"})
        assert answer.status_code == 401, one
        assert answer.headers["content-type"] == "application/problem+json"
        assert "www-authenticate" in answer.headers
    assert status(system.api, good) == 200
    assert system.api.get("/v1/whoami", headers={"x-api-key": good}).status_code == 401


def test_a_token_of_an_older_key_holds_while_keys_change(system: System, api: Api) -> None:
    ada = user(api)
    old = token(system.api, ada["email"])
    settings, _ = load(system.environment, Path("/nonexistent"))
    both = "a new secret," + made_secret(settings, "session_secret")
    with system.another_api(session_secret=both) as (_, changed):
        new = token(changed, ada["email"])
        assert [status(changed, one) for one in (old, new)] == [200, 200]
    assert status(system.api, new) == 401


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["/email", "/password"]),
        ({"email": "a\0@x.example", "password": "x"}, ["/email"]),
        ({"email": "a@x.example", "password": ["x"]}, ["/password"]),
        ({"email": "a@x.example", "password": "x" * 1001}, ["/password"]),
        ({"email": "a" * 255, "password": "x"}, ["/email"]),
        ({"email": "a@x.example", "password": "x", "admin": 1}, ["/admin"]),
    ],
)
def test_a_login_that_is_none_is_refused_by_name(
    system: System, body: dict[str, Any], named: list[str]
) -> None:
    assert pointers(system.api.post("/v1/sessions", json=body)) == named


def test_logging_out_ends_ones_own_session_whoever_one_acts_for(system: System, api: Api) -> None:
    api.patch("/v1/account", {"is_reseller": 1})
    child = api.post("/v1/accounts", {"name": "Child"}).json()["id"]
    shown = token(system.api, user(api, "owner")["email"])
    headers = {"authorization": f"Bearer {shown}", "x-account-id": child}
    assert system.api.get("/v1/whoami", headers=headers).json()["accountId"] == child
    assert system.api.delete("/v1/sessions", headers=headers).status_code == 200
    assert status(system.api, shown) == 401
