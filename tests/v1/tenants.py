"""An account in which there is one of everything that a path of the API can name.

Rows are made from what the API document says of them: the example of a member, its first possible
value, something of its type; what a pointer names is made first. `BODIES` says what cannot be
known from there, `MAKERS` how what is no row comes to be.
"""

import itertools
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from domain.manifest.sections import SECTIONS
from domain.resources import POINTERS
from gateways.http.v1.collections import COLLECTIONS, QUEUES
from gateways.ids import PREFIXES, new_id
from tests.http.test_voicemail import Office
from tests.support.sound import wav
from tests.support.system import System, eventually, new_call_id
from tests.v1.test_dnc import upload

PATHS: dict[str, str] = {one.kind: f"/v1{one.path}" for one in (*COLLECTIONS, QUEUES)}
KINDS = {path: kind for kind, path in PATHS.items()}
_numbers = itertools.count(os.getpid() % 5000 * 1000)

BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "did": lambda: {"e164": f"+1303{next(_numbers) % 10_000_000:07d}"},
    "sip_user": lambda: {"username": f"u{next(_numbers)}", "is_agent": 1},
    "sip_device": lambda: {
        "auth_username": f"u{next(_numbers)}",
        "realm": "tenants.example",
        "password": "the device's secret",
    },
    "sip_domain": lambda: {"domain": f"d{next(_numbers)}.example"},
    "extension": lambda: {"digits": str(next(_numbers))},
    "forward": lambda: {"name": "Mobile", "to": "+14155550100"},
    "in_queue_option": lambda: {"digit": "1", "action": "callback"},
    "call_limit": lambda: {"scope_kind": "account", "period_sec": 60, "max_count": 5},
    "call_flow": lambda: {
        "name": f"Flow {next(_numbers)}",
        "start": "bye",
        "nodes": [{"id": "bye", "type": "hangup", "data": {"kind": "hangup"}}],
        "edges": [],
        "is_published": 1,
    },
    "rate_plan": lambda: {"name": f"Plan {next(_numbers)}", "currency": "USD"},
    "webhook": lambda: {"url": "https://hooks.example/", "status": "paused"},
    "console_user": lambda: {
        "email": f"{new_id('x')}@tenants.example",
        "password": "correct horse battery",
        "role": "agent",
    },
}
"""Kind of row → members that the document gives no example of."""


class Tenant:
    """One of each kind, made when it is asked for. The key may do everything."""

    def __init__(self, system: System, document: Mapping[str, Any]) -> None:
        self.system = system
        self.office = Office(system)
        self.account_id, self.api = self.office.account_id, self.office.api
        self._document = document
        self._made = {PATHS["voicemail"]: self.office.mailbox}

    def path(self, template: str) -> str:
        """The path of an operation with its parameters, each the name of something that is."""
        path, known = "", ""
        for part in template.strip("/").split("/"):
            known += f"/{part}"
            path += f"/{self.thing(known)}" if part.startswith("{") else f"/{part}"
        return path

    def thing(self, prefix: str) -> str:
        """What the last parameter of `prefix` names, as `/v1/users/{id}`."""
        if (collection := prefix.rpartition("/")[0]) in KINDS:
            return self.row(KINDS[collection])
        if prefix not in self._made:
            if prefix not in MAKERS:
                pytest.fail(f"say in tests/v1/tenants.py, MAKERS, how {prefix} comes to be")
            self._made[prefix] = MAKERS[prefix](self)
        return self._made[prefix]

    def row(self, kind: str) -> str:
        place = PATHS.get(kind, kind)
        if place not in self._made:
            self._made[place] = self._posted(kind) if kind in PATHS else self._applied(kind)
        return self._made[place]

    def body(self, kind: str) -> dict[str, Any]:
        """Members of a row that is not there yet."""
        pointers = POINTERS.get(kind, {})
        body = BODIES.get(kind, dict)()
        if kind in PATHS:
            operation = self._document["paths"][PATHS[kind]]["post"]
            schema = self._schema(operation["requestBody"]["content"]["application/json"]["schema"])
            needed = schema.get("required", [])
            found = {n: self._value(schema["properties"][n]) for n in needed if n not in pointers}
            body = {**found, **body}
        else:
            needed = [name for name in pointers if name.removesuffix("_id") in ("queue", "user")]
            body.setdefault("name", f"N{next(_numbers)}")
        return {**body, **{name: self.row(pointers[name]) for name in needed if name in pointers}}

    def _posted(self, kind: str) -> str:
        made = self.api.post(PATHS[kind], body := self.body(kind))
        if made.status_code != 201:
            pytest.fail(f"say in tests/v1/tenants.py, BODIES, what a {kind} is: {body} {made.text}")
        return str(made.json()["id"])

    def _applied(self, kind: str) -> str:
        """A row that has no operations of its own yet."""
        section = next(section for section, (of, _) in SECTIONS.items() if of == kind)
        row = {"id": new_id(PREFIXES[kind]), **self.body(kind)}
        self.system.apply({"account": {"id": self.account_id}, section: [row]})
        return str(row["id"])

    def _schema(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        name = node["$ref"].rpartition("/")[2]
        return dict(self._document["components"]["schemas"][name])

    def _value(self, schema: dict[str, Any]) -> Any:
        schema = self._schema(schema)
        if "anyOf" in schema:
            return self._value(schema["anyOf"][0])
        if "example" in schema:
            return schema["example"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "string":
                return f"N{next(_numbers)}"
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "array":
                return []
        return {}

    def request(self, method: str, template: str, operation: Mapping[str, Any]) -> dict[str, Any]:
        """A body that the operation takes: arguments of the HTTP client."""
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return {}
        if "application/json" not in content:
            media_type = next(iter(content))
            data = wav() if media_type.startswith("audio/") else b"+14155550100\n"
            return {"content": data, "headers": {"content-type": media_type}}
        if method == "patch" and (kind := KINDS.get(re.sub(r"/\{id\}$", "", template))):
            return {"json": self._other(kind)}
        schema = self._schema(content["application/json"]["schema"])
        needed = schema.get("required", [])
        return {"json": {name: self._value(schema["properties"][name]) for name in needed}}

    def _other(self, kind: str) -> dict[str, Any]:
        """A change of a row: the members of another one."""
        body = self.body(kind)
        return {name: value for name, value in body.items() if name not in POINTERS.get(kind, {})}


# What is no row of configuration


def _call(tenant: Tenant) -> str:
    call_id = new_call_id()
    tenant.system.route(call_id, tenant.office.number)
    return call_id


def _listed(tenant: Tenant) -> str:
    listed = tenant.api.post("/v1/dnc", {"e164": f"+1303{next(_numbers) % 10_000_000:07d}"})
    return str(listed.json()["id"])


def _session(tenant: Tenant) -> str:
    user = BODIES["console_user"]()
    tenant.api.post("/v1/console-users", user)
    wish = {"email": user["email"], "password": user["password"]}
    tenant.system.api.post("/v1/sessions", json=wish)
    return str(tenant.api.get("/v1/sessions").json()["rows"][0]["id"])


def _child(tenant: Tenant) -> str:
    tenant.api.patch("/v1/account", {"is_reseller": 1})
    return str(tenant.api.post("/v1/accounts", {"name": "Child"}).json()["id"])


def _member(tenant: Tenant) -> str:
    path, user = f"/v1/queues/{tenant.row('queue')}/members", tenant.row("sip_user")
    return str(tenant.api.post(path, {"user_id": user}).json()["id"])


def _delivery(tenant: Tenant) -> str:
    hook = tenant.row("webhook")
    tenant.api.post("/v1/webhooks/test", {"id": hook})
    owed = eventually(lambda: tenant.api.get(f"/v1/webhooks/{hook}/deliveries").json()["rows"])
    return str(owed[0]["id"])


MAKERS: dict[str, Callable[[Tenant], str]] = {
    "/v1/accounts/{id}": _child,
    "/v1/calls/{call_id}": _call,
    "/v1/dnc/{e164}": _listed,
    "/v1/dnc/import/{id}": lambda tenant: str(upload(tenant.api, "+14155550100\n").json()["id"]),
    "/v1/flows/{id}/versions/{number}": lambda tenant: "1",
    "/v1/queues/{queue_id}/members/{id}": _member,
    "/v1/sessions/{id}": _session,
    "/v1/webhooks/{id}/deliveries/{delivery_id}": _delivery,
    "/v1/voicemails/{id}/messages/{message_id}": lambda tenant: tenant.office.leave(),
}
"""Path up to a parameter → makes what the parameter names."""
