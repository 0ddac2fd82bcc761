"""Every operation × every scope × another tenant: from the API document of the running service.

A new operation is in here as soon as it is in the document. What the tests cannot know of it, they
ask for (`tests/v1/tenants.py`).
"""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

import aiohttp
import pytest
from litestar.routes import HTTPRoute

from domain.resources import POINTERS
from gateways.access import ROLES, SCOPES
from gateways.http.v1.app import api as public_api
from gateways.http.v1.context import PUBLIC
from tests.support.system import System
from tests.v1.tenants import BODIES, KINDS, PATHS, Tenant
from tests.v1.test_rows import Api

AT_ONCE = 16
LOG_IN = "logIn"
FOR_ANYBODY = {"whoAmI", "getOwnAccount", "listKeys", "generateKey", "revokeKey", "logOut"}
"""Operations that any good credential may use (spec 07)."""
OF_THE_PLATFORM = {"disallowRange"}
"""Operations whose parameter names something that belongs to no account."""
NAMED_IN_BODIES = {
    ("revokeKey", "key_id"): "api_key",
    ("testWebhook", "id"): "webhook",
    ("controlAgent", "user_id"): "sip_user",
    ("createQueueMember", "user_id"): "sip_user",
}
"""Operation and member of its body → kind of the row that it names."""


class Operation(NamedTuple):
    method: str
    path: str
    said: dict[str, Any]
    """What the document says."""

    @property
    def id(self) -> str:
        return str(self.said["operationId"])

    @property
    def scope(self) -> str | None:
        return self.said.get("x-required-scope")

    @property
    def is_public(self) -> bool:
        return self.said.get("security") == []


class Asked(NamedTuple):
    """A request without a body, with ids of nothing, and what came of it."""

    operation: Operation
    credential: str
    status: int
    detail: str


@pytest.fixture(scope="module")
def document(system: System) -> dict[str, Any]:
    found: dict[str, Any] = system.api.get("/v1/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method, path, said)
        for path, item in document["paths"].items()
        for method, said in item.items()
        if isinstance(said, dict)
    ]


@pytest.fixture(scope="module")
def mine(system: System, document: dict[str, Any]) -> Tenant:
    return Tenant(system, document)


@pytest.fixture(scope="module")
def theirs(system: System, document: dict[str, Any]) -> Tenant:
    return Tenant(system, document)


@pytest.fixture(scope="module")
def keys(mine: Tenant) -> dict[str, str]:
    """Scope → a key that has it and no other."""
    found = {}
    for scope in sorted(SCOPES - {"*"}):
        made = mine.api.post("/v1/keys/generate", {"name": scope, "scopes": [scope]})
        assert made.status_code == 201, made.text
        found[scope] = made.json()["key"]
    return found


def ask(
    system: System, operations: Iterable[Operation], credentials: dict[str, str | None]
) -> list[Asked]:
    """Every operation with every credential (name → key)."""

    async def one(
        http: aiohttp.ClientSession, operation: Operation, name: str, key: str | None
    ) -> Asked:
        path = operation.path.replace("{number}", "1").replace("{", "").replace("}", "")
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        json: dict[str, Any] | None = None if operation.method == "get" else {}
        async with http.request(operation.method, path, json=json, headers=headers) as answer:
            refused = answer.content_type == "application/problem+json"
            detail = (await answer.json())["detail"] if refused else ""
            return Asked(operation, name, answer.status, detail)

    async def run() -> list[Asked]:
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(system.api_url, connector=connector) as http:
            wanted = (
                one(http, operation, name, key)
                for operation in operations
                for name, key in credentials.items()
            )
            return list(await asyncio.gather(*wanted))

    return asyncio.run(run())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_handler_is_in_the_document_and_few_need_no_credential(
    operations: list[Operation],
) -> None:
    app = public_api(None, [], "http://api.example", 1)  # type: ignore[arg-type]
    handlers = {
        (handler.operation_id or route.path, bool(handler.opt.get(PUBLIC)))
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/")
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"}
    }
    documented = {(operation.id, operation.is_public) for operation in operations}
    assert handlers - documented == {("/v1/openapi.json", True)}
    assert {id for id, is_public in documented if is_public} == {LOG_IN}


def test_the_operations_of_a_resource_need_one_scope(operations: list[Operation]) -> None:
    shut = [one for one in operations if not one.is_public]
    assert {one.id for one in shut if one.scope is None} == FOR_ANYBODY
    scopes: dict[str, set[str]] = {}
    for one in shut:
        if one.scope is not None:
            scopes.setdefault(one.path.split("/")[2], set()).add(one.scope)
    assert [resource for resource, needed in scopes.items() if len(needed) > 1] == []
    assert set().union(*scopes.values()) <= SCOPES


def test_nothing_is_opened_without_a_credential(
    system: System, operations: list[Operation]
) -> None:
    shut = [one for one in operations if not one.is_public]
    credentials = {"none": None, "guessed": "sk_guess", "forged": "a.b.c"}
    answers = ask(system, shut, credentials)
    assert [asked for asked in answers if asked.status != 401] == []
    assert len(answers) == 3 * len(shut) > 0


def test_an_operation_needs_its_scope_and_the_refusal_names_it(
    system: System, operations: list[Operation], keys: dict[str, str]
) -> None:
    needing = [one for one in operations if one.scope]
    wrong = []
    for asked in ask(system, needing, dict(keys)):
        named = f"'{asked.operation.scope}'" in asked.detail
        if asked.credential == asked.operation.scope:
            good = asked.status not in (401, 403) and asked.status < 500
        else:
            good = asked.status == 403 and named
        if not good:
            wrong.append(asked)
    assert wrong == []


def test_an_operation_without_a_scope_takes_any_credential(
    system: System, operations: list[Operation], keys: dict[str, str]
) -> None:
    open_to_all = [one for one in operations if not one.scope and not one.is_public]
    answers = ask(system, open_to_all, dict(keys))
    assert [one for one in answers if one.status in (401, 403) or one.status >= 500] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_session_opens_what_its_role_opens(
    system: System, operations: list[Operation], mine: Tenant, role: str
) -> None:
    user = {**BODIES["console_user"](), "role": role}
    assert mine.api.post("/v1/console-users", user).status_code == 201
    wish = {name: user[name] for name in ("email", "password")}
    made = system.api.post("/v1/sessions", json=wish).json()
    scopes = set(made["scopes"])
    lasting = [one for one in operations if not one.is_public and one.id != "logOut"]
    for asked in ask(system, lasting, {role: made["token"]}):
        may = asked.operation.scope is None or not scopes.isdisjoint({asked.operation.scope, "*"})
        assert (asked.status != 403) == may, asked
        assert asked.status != 401, asked


def facts_of(system: System, account_id: str) -> list[Any]:
    """Everything that ever happened in the account."""
    with system.database() as store:
        return store.execute(
            "SELECT originator_id, originator_version, topic FROM events.stored_events"
            " WHERE convert_from(state, 'UTF8')::jsonb->>'account_id' = %s"
            " ORDER BY notification_id",
            (account_id,),
        ).fetchall()


def test_what_another_tenant_has_is_not_there_and_stays_as_it_is(
    system: System, operations: list[Operation], mine: Tenant, theirs: Tenant
) -> None:
    about = [one for one in operations if "{" in one.path and one.id not in OF_THE_PLATFORM]
    paths = {one.path: theirs.path(one.path) for one in about}
    before = facts_of(system, theirs.account_id)
    assert before

    def answer(one: Operation, api: Api) -> int:
        request = mine.request(one.method, one.path, one.said)
        headers = {**api.headers, **request.pop("headers", {})}
        path = paths[one.path]
        found = system.api.request(one.method, path, headers=headers, **request)
        return found.status_code

    found = {one.id: answer(one, mine.api) for one in about}
    assert found == {one.id: 404 for one in about}
    assert facts_of(system, theirs.account_id) == before
    # and all of that was there: its owner finds it (sound before it is heard, and what lies below
    # something before that goes)
    ordered = sorted(
        about, key=lambda one: (one.method == "delete", one.method != "put", -len(one.path))
    )
    shown = {one.id: answer(one, theirs.api) for one in ordered}
    lost = {id: status for id, status in shown.items() if status in (401, 403, 404) or status > 499}
    assert lost == {}


def test_no_row_points_to_what_another_tenant_has(mine: Tenant, theirs: Tenant) -> None:
    for kind, pointers in POINTERS.items():
        for member, wanted in pointers.items() if kind in PATHS else ():
            id = theirs.row(wanted)
            value = [id] if member.endswith("_ids") else id
            refused = mine.api.post(PATHS[kind], {**mine.body(kind), member: value})
            assert refused.status_code == 400, (kind, member, refused.text)
            named = [fault["pointer"] for fault in refused.json()["errors"]]
            assert named[0].startswith(f"/{member}"), (kind, named)


def test_no_body_names_what_another_tenant_has(
    system: System, operations: list[Operation], mine: Tenant, theirs: Tenant
) -> None:
    key = theirs.api.get("/v1/keys").json()["keys"][0]["id"]
    for one in operations:
        if one.path in KINDS or one.path.rpartition("/")[0] in KINDS:
            continue
        body = mine.request(one.method, one.path, one.said).get("json", {})
        for member in [name for name in body if name == "id" or name.endswith("_id")]:
            if (kind := NAMED_IN_BODIES.get((one.id, member))) is None:
                pytest.fail(f"say in NAMED_IN_BODIES which row {one.id} means by {member}")
            body[member] = key if kind == "api_key" else theirs.row(kind)
            path, before = mine.path(one.path), facts_of(system, theirs.account_id)
            refused = system.api.request(one.method, path, headers=mine.api.headers, json=body)
            assert refused.status_code in (400, 404), (one.id, refused.text)
            assert facts_of(system, theirs.account_id) == before
