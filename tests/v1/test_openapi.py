"""The API document: valid OpenAPI 3.0, complete, and true."""

import re
from typing import Any, get_args

import httpx
import pytest
from jsonschema import Draft4Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from domain.flow.nodes import KINDS as NODES
from domain.rules import DestKind
from gateways.access import SCOPES
from tests.support.sound import wav
from tests.support.system import System, new_call_id
from tests.v1.test_collections import bodies
from tests.v1.test_dnc import upload
from tests.v1.test_rows import Api

METHODS = ("get", "post", "patch", "put", "delete")


@pytest.fixture(scope="module")
def document(system: System) -> dict[str, Any]:
    answer = system.api.get("/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict)
    ]


def test_the_document_is_valid_openapi_3_0(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.0.")
    assert list(OpenAPIV30SpecValidator(document).iter_errors()) == []


def test_every_operation_says_its_name_its_scope_and_its_errors(document: dict[str, Any]) -> None:
    found = operations(document)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(names) == len(set(names)) >= 25
    assert [name for name in names if not re.fullmatch("[a-z]+([A-Z][a-z0-9]*)*", name)] == []
    for method, path, operation in found:
        assert operation["summary"], path
        assert operation["summary"] in operation["description"], path
        assert operation.get("x-required-scope", "*") in SCOPES, path
        assert {"400", "401", "403", "503"} <= operation["responses"].keys(), path
        assert ("404" in operation["responses"]) >= ("{" in path), path
        assert ("409" in operation["responses"]) == (method != "get"), path


def test_every_group_of_operations_says_what_it_is_about(document: dict[str, Any]) -> None:
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used == described.keys()
    assert [name for name, text in described.items() if len(text) < 10] == []


def test_every_body_has_an_example_and_it_is_valid(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        bodies = [operation.get("requestBody", {})]
        bodies += [resolved(document, one) for one in operation["responses"].values()]
        for body in bodies:
            for media_type, content in body.get("content", {}).items():
                if "json" in media_type and "ndjson" not in media_type:
                    faults = faults_of(document, content["schema"], content["example"])
                    assert faults == [], (method, path)


def test_the_unions_say_by_what_they_are_told_apart(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    data = schemas["FlowNode"]["properties"]["data"]
    assert data["discriminator"]["propertyName"] == "kind"
    assert data["discriminator"]["mapping"].keys() == NODES.keys()
    assert len(data["oneOf"]) == len(NODES)
    rule = schemas["NewSchedule"]["properties"]["rules"]["items"]
    assert rule["discriminator"]["mapping"].keys() == {"weekly", "date", "date_range"}
    assert schemas["DestKind"]["enum"] == list(get_args(DestKind))


def test_every_post_takes_a_key_and_every_answer_says_how_often_one_may_ask(
    document: dict[str, Any],
) -> None:
    key = {"$ref": "#/components/parameters/Idempotency-Key"}
    for method, path, operation in operations(document):
        shared = document["components"]["responses"]
        responses = {
            status: shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            for status, one in operation["responses"].items()
        }
        for response in responses.values():
            assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= (
                response["headers"].keys()
            )
        assert "Retry-After" in responses["429"]["headers"]
        assert "application/problem+json" in responses["429"]["content"]
        takes_key = method == "post" and operation.get("security") != []
        assert (key in operation.get("parameters", [])) == takes_key, path
        if takes_key:
            assert "Retry-After" in responses["409"]["headers"]
            done = next(responses[status] for status in responses if status.startswith("2"))
            assert "Idempotent-Replayed" in done["headers"]
        assert ("422" in responses) == takes_key


def test_nothing_secret_is_in_an_answers_schema(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if name.startswith(("New", "Login")) or name.endswith("Patch"):
            continue
        hidden = {"password", "ha1", "ha1b", "credential_ref", "secret_ref", "sha256"}
        if "Media" in name:
            hidden = hidden - {"sha256"}  # of audio, and no secret
        assert not hidden & schema.get("properties", {}).keys(), name


def resolved(document: dict[str, Any], node: Any) -> Any:
    """The schema as JSON Schema draft 4 without references, `nullable` as a null type."""
    if isinstance(node, list):
        return [resolved(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        _, _, kind, name = node["$ref"].split("/")
        return resolved(document, document["components"][kind][name])
    found = {key: resolved(document, value) for key, value in node.items()}
    if found.pop("nullable", False):
        return {"anyOf": [found, {"type": "null"}]}
    return found


SOMETIMES = {"retry-after", "idempotent-replayed"} | {
    f"ratelimit-{what}" for what in ("limit", "remaining", "reset")
}
"""Headers that not every answer has: rate limits are off in the tests."""


def faults_of(document: dict[str, Any], schema: Any, value: Any) -> list[str]:
    found = Draft4Validator(resolved(document, schema)).iter_errors(value)
    return [f"{list(error.path)}: {error.message[:200]}" for error in found]


def check(document: dict[str, Any], operation: dict[str, Any], answer: httpx.Response) -> None:
    """An answer is one that the document has."""
    where = (answer.request.method, answer.request.url.path, answer.status_code)
    assert str(answer.status_code) in operation["responses"], (where, answer.text)
    documented = resolved(document, operation["responses"][str(answer.status_code)])
    named = {name.lower() for name in documented.get("headers", {})}
    assert named - SOMETIMES <= {name.lower() for name in answer.headers}, where
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in documented["content"], where
    if media_type.endswith("json"):
        faults = faults_of(document, documented["content"][media_type]["schema"], answer.json())
        assert faults == [], where


class World:
    """An account with a row of every kind, and whoever asks about it."""

    def __init__(self, system: System, account: dict[str, Any]) -> None:
        account["account"]["is_reseller"] = 1
        account["users"][0]["is_agent"] = 1
        system.apply(account)
        self.api = Api(system, account["account"]["id"])
        self.call_id = new_call_id()
        system.route(self.call_id, account["numbers"][0]["e164"])
        system.report(self.call_id, "end")
        self.queue = self.api.post("/v1/queues", {"name": "Support"}).json()["id"]
        members = f"/v1/queues/{self.queue}/members"
        self.member = self.api.post(members, {"user_id": account["users"][0]["id"]}).json()["id"]
        rows = {path: of_kind[0] for path, of_kind in bodies(account, self.queue).items()}
        rows["/accounts"] = {"name": "Child"}
        self.ids = {
            path: self.api.post(f"/v1{path}", body).json()["id"] for path, body in rows.items()
        }
        self.ids["/flows"] = account["flows"][0]["id"]  # it is published
        self.ids["/dnc"] = upload(self.api, "+14155550100\n").json()["id"]
        self.api.put(f"/v1/media/{self.ids['/media']}/content", wav(), "audio/wav")

    def path(self, path: str) -> str:
        id = (
            self.member if "/members/" in path else self.ids.get("/" + path.split("/")[2], "nobody")
        )
        return path.format(
            id=id,
            call_id=self.call_id,
            number=1,
            queue_id=self.queue,
            message_id="vmm_nobody",
            delivery_id="whd_nobody",
            e164="14155550100",
            ip="198.51.100.7",
        )

    def ask(
        self, method: str, path: str, operation: dict[str, Any], **headers: str
    ) -> httpx.Response:
        """As the examples of the document say."""
        params = {"e164": "+14155550100"} if "dnc" in path and "{" not in path else {}
        params |= {"to": "+14155550100"} if path.endswith("/quote") else {}
        content = operation.get("requestBody", {}).get("content", {})
        sent: dict[str, Any] = {"params": params, "headers": {**self.api.headers, **headers}}
        if "application/json" in content:
            sent["json"] = content["application/json"]["example"]
        elif content:
            sent["content"] = wav() if "media" in path else b"+14155550101\n"
            sent["headers"]["content-type"] = next(iter(content))
        return self.api.client.request(method.upper(), self.path(path), **sent)


@pytest.fixture
def world(system: System, account: dict[str, Any]) -> World:
    return World(system, account)


def test_what_the_service_answers_is_what_the_document_says(
    world: World, document: dict[str, Any]
) -> None:
    found = sorted(operations(document), key=lambda one: METHODS.index(one[0]))
    done = 0
    for method, path, operation in found:
        answer = world.ask(method, path, operation)
        check(document, operation, answer)
        done += answer.is_success
        if method == "get" and not {"{message_id}", "{delivery_id}"} & set(path.split("/")):
            assert answer.status_code == 200, (path, answer.text)
    assert done > len(found) / 2


def test_every_operation_refuses_whom_it_should(
    system: System, world: World, document: dict[str, Any]
) -> None:
    account_id = world.api.get("/v1/whoami").json()["accountId"]
    weak = system.key(account_id, "wallboard")
    for method, path, operation in operations(document):
        if operation.get("security") == []:
            continue
        nobody = world.ask(method, path, operation, **{"x-api-key": "sk_nobody"})
        check(document, operation, nobody)
        assert nobody.status_code == 401, path
        if "x-required-scope" in operation:
            unable = world.ask(method, path, operation, **{"x-api-key": weak})
            check(document, operation, unable)
            assert unable.status_code == 403, path
