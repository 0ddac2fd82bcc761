"""The API document: valid OpenAPI 3.0, complete, and true."""

from typing import Any

import pytest
from jsonschema import Draft4Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from tests.support.sound import wav
from tests.support.system import System, new_call_id
from tests.v1.test_collections import bodies
from tests.v1.test_dnc import upload
from tests.v1.test_rows import Api


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
    for _, path, operation in found:
        assert operation["summary"], path
        assert "scope" in operation["description"] or "credential" in operation["description"]
        assert {"400", "401", "403"} <= operation["responses"].keys()


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
        assert (key in operation.get("parameters", [])) == (method == "post"), path
        if method == "post":
            assert "Retry-After" in responses["409"]["headers"]
            done = next(responses[status] for status in responses if status.startswith("2"))
            assert "Idempotent-Replayed" in done["headers"]
        assert ("422" in responses) == (method == "post")


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
        name = node["$ref"].rpartition("/")[2]
        return resolved(document, document["components"]["schemas"][name])
    found = {key: resolved(document, value) for key, value in node.items()}
    if found.pop("nullable", False):
        return {"anyOf": [found, {"type": "null"}]}
    return found


def test_what_the_service_answers_is_what_the_document_says(
    system: System, account: dict[str, Any], document: dict[str, Any]
) -> None:
    account["account"]["is_reseller"] = 1
    account["users"][0]["is_agent"] = 1
    system.apply(account)
    api = Api(system, account["account"]["id"])
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    system.report(call_id, "end")
    queue = api.post("/v1/queues", {"name": "Support"}).json()["id"]
    member = api.post(f"/v1/queues/{queue}/members", {"user_id": account["users"][0]["id"]})
    rows = {path: of_kind[0] for path, of_kind in bodies(account, queue).items()}
    rows["/accounts"] = {"name": "Child"}
    ids = {path: api.post(f"/v1{path}", body).json()["id"] for path, body in rows.items()}
    ids["/flows"] = account["flows"][0]["id"]  # it is published
    ids["/dnc"] = upload(api, "+14155550100\n").json()["id"]
    api.put(f"/v1/media/{ids['/media']}/content", wav(), "audio/wav")
    values: dict[str, Any] = {"call_id": call_id, "number": 1, "queue_id": queue}
    checked = 0
    for method, path, operation in operations(document):
        if method != "get":
            continue
        if "{message_id}" in path or "{delivery_id}" in path:
            continue  # they need a call: tests/http/test_voicemail.py, tests/webhooks
        values["id"] = ids.get("/" + path.split("/")[2], "")
        if path.endswith("/members/{id}"):
            values["id"] = member.json()["id"]
        needed = {"e164": "+14155550100"} if path.endswith("/check") else {}
        needed |= {"to": "+14155550100"} if path.endswith("/quote") else {}
        answer = api.get(path.format(**values), **needed)
        assert answer.status_code == 200, (path, answer.text)
        content = operation["responses"]["200"]["content"]
        if "application/json" not in content:
            continue  # audio
        schema = content["application/json"]["schema"]
        problems = list(Draft4Validator(resolved(document, schema)).iter_errors(answer.json()))
        assert problems == [], (path, problems[:2])
        checked += 1
    assert checked >= 40
