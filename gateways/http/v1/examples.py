"""Examples in the API document, made from the schemas: a member's own example, else what such a
name usually holds (`SAMPLES`), else its default or first choice."""

import re
from collections.abc import Mapping
from typing import Any

from gateways.http.v1.collections import OF_KIND
from gateways.http.v1.schemas import REF
from gateways.ids import PREFIXES

_UUID = "01j3sarpfcz8gdnnabykstr6fw"


def id_of(kind: str) -> str:
    return f"{PREFIXES[kind]}_{_UUID}"


_HANGUP = {"id": "bye", "type": "hangup", "data": {"kind": "hangup"}}
_GREETING = {"kind": "say", "text": "Hello {{from}}, nobody is here."}

SAMPLES: dict[str, Any] = {
    "account_id": id_of("account"),
    "agent_id": id_of("sip_user"),
    "answer_ts": 1_767_225_605_000,
    "at": 1_767_225_600_000,
    "auth_username": "1001",
    "billsec": 60,
    "brand_domain": "pbx.example.com",
    "brand_name": "Example Telecom",
    "by": id_of("api_key"),
    "call_id": "a84b4c76e66710@pc33.example.com",
    "caller": "14155551234",
    "cid_number": "+12025550123",
    "cost_micros": 1500,
    "country": "US",
    "created_at": 1_767_225_600,
    "currency": "USD",
    "description": "To the CRM",
    "detail": "as it was asked for",
    "did_id": id_of("did"),
    "digit": "1",
    "digits": "500",
    "display_name": "Alice",
    "domain": "pbx.example.com",
    "duration_sec": 65,
    "e164": "+14155550100",
    "edges": [{"id": "e1", "source": "hello", "target": "bye"}],
    "email": "ada@example.com",
    "end_date": "2026-12-26",
    "end_time": "17:30",
    "end_ts": 1_767_225_665_000,
    "event": "call.ended",
    "flow_id": id_of("call_flow"),
    "format": "wav",
    "from_num": "14155551234",
    "hangup_by": "caller",
    "hangup_cause": "normal_clearing",
    "ip": "203.0.113.9",
    "jail": "kamailio",
    "key": "sk_Jc0e3QwqU0m1Zp8b4V2y6xYt9RkLhGfDsAaSdFgHjKl",
    "label": "Front desk",
    "language": "en-US",
    "list_id": id_of("contact_list"),
    "live_version": 1,
    "max_count": 30,
    "media_key": f"{id_of('account')}/voicemail/1.wav",
    "name": "Front desk",
    "next_cursor": "WyJpZCJd",
    "node_id": "edge-1",
    "nodes": [{"id": "hello", "type": "say", "data": _GREETING}, _HANGUP],
    "numbers": ["+12025550123"],
    "object_key": f"{id_of('account')}/{id_of('media_file')}.wav",
    "period_sec": 3600,
    "pin": "4711",
    "prefix": "sk_Jc0e3Qwq",
    "proxy": "sbc.example.com:5060",
    "provider": "Example Carrier",
    "published_at": 1_767_225_600,
    "queue_id": id_of("queue"),
    "realm": "pbx.example.com",
    "reason": "asked not to be called",
    "received_at": 1_767_225_600_000,
    "ring_ts": 1_767_225_601_000,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "since": 1_767_225_600_000,
    "source": "import",
    "start": "hello",
    "start_date": "2026-12-25",
    "start_time": "09:00",
    "start_ts": 1_767_225_600_000,
    "timezone": "Europe/Berlin",
    "title": "Answered",
    "to": "+14155550100",
    "to_num": "12025550123",
    "trunk_id": id_of("sip_trunk"),
    "ts": 1_767_225_600_000,
    "updated_at": 1_767_225_600,
    "url": "https://crm.example.com/hooks",
    "user_agent": "Example Phone 1.0",
    "user_id": id_of("sip_user"),
    "username": "1001",
    "voicemail_id": id_of("voicemail"),
    "webhook_id": id_of("webhook"),
}
"""Name of a member → what it may hold."""

_IDS = {one.title: id_of(kind) for kind, one in OF_KIND.items()}
_PLAIN: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.0, "boolean": True}


class Examples:
    """Examples by the document's schemas."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def taken(self, schema: Mapping[str, Any]) -> Any:
        """A body to send: what it needs, and of the rest what is worth showing."""
        found = {n: v for n, v in self.resolved(schema).items() if n != "nullable"}
        if "example" in found or found.get("type") != "object":
            return self._of(found, "", given=False)
        whole = self._of(found, "", given=False)
        members = [name for name in whole if name in found.get("required", ())]
        members += [n for n in whole if n in SAMPLES and n not in members and whole[n] is not None]
        return {name: whole[name] for name in members[:5] or list(whole)[:1]}

    def given(self, schema: Mapping[str, Any]) -> Any:
        """An answer, whole."""
        return self._of(self.resolved(schema), "", given=True)

    def resolved(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self.resolved(self._schemas[schema["$ref"].removeprefix(REF)])
        found = dict(schema)
        if len(found.get("allOf", ())) == 1:
            found = {**self.resolved(found.pop("allOf")[0]), **found}
        return found

    def _of(self, schema: Mapping[str, Any], name: str, *, given: bool) -> Any:
        found = self.resolved(schema)
        if "example" in found:
            return found["example"]
        if "enum" not in found and name in SAMPLES and self._fits(found, SAMPLES[name]):
            return SAMPLES[name]
        if found.get("default") is not None and given is False:
            return found["default"]
        if "enum" in found:
            return found["enum"][0]
        for union in ("oneOf", "anyOf"):
            if union in found:
                return self._of(found[union][0], name, given=given)
        if found.get("nullable"):
            return None
        match found.get("type"):
            case "object":
                return self._object(found, given=given)
            case "array":
                singular = "" if name in SAMPLES else name.removesuffix("s")
                return [self._of(found.get("items", {}), singular, given=given)]
            case "integer" | "number":
                return max(found.get("minimum", 0), min(1, found.get("maximum", 1)))
            case "string" if pattern := found.get("pattern"):
                return next((text for text in ("text", "1", "") if re.search(pattern, text)), "")
            case kind:
                return _PLAIN.get(str(kind), {})

    def _object(self, schema: Mapping[str, Any], *, given: bool) -> dict[str, Any]:
        hidden = "writeOnly" if given else "readOnly"
        title = str(schema.get("title", ""))
        return {
            name: _id(title) if name == "id" and title else self._of(member, name, given=given)
            for name, member in schema.get("properties", {}).items()
            if not member.get(hidden)
        }

    def _fits(self, schema: Mapping[str, Any], sample: Any) -> bool:
        """Whether a sample of that name is one of that type too."""
        match schema.get("type"):
            case "array":
                items = self.resolved(schema.get("items", {}))
                return isinstance(sample, list) and self._fits(items, sample[0])
            case "object":
                return isinstance(sample, dict) and sample.keys() <= schema["properties"].keys()
            case "string":
                return isinstance(sample, str) and bool(
                    re.search(schema.get("pattern", ""), sample)
                )
            case "integer" | "number":
                return isinstance(sample, int | float)
            case _:
                return False


def _id(title: str) -> str:
    """Of a row of a collection, or of something else."""
    return _IDS.get(title.removeprefix("Created"), _UUID)
