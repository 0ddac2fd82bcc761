"""The API document as OpenAPI 3.0: Litestar writes 3.1, most client generators read 3.0.

What differs: `nullable` instead of a null type, one `type` per schema, boolean exclusive limits,
`enum` for `const`, `example` for `examples`, nothing beside a `$ref`.
"""

from typing import Any

import orjson

VERSION = "3.0.3"
_NULL = {"type": "null"}
_DROPPED = (
    *("contentMediaType", "contentEncoding", "$schema", "$comment"),
    *("prefixItems", "propertyNames"),
)


def to_3_0(document: dict[str, Any]) -> dict[str, Any]:
    """A 3.1 document as 3.0.3."""
    found = _converted(orjson.loads(orjson.dumps(document)))
    found["openapi"] = VERSION
    found.pop("jsonSchemaDialect", None)
    found.pop("webhooks", None)
    for path in found.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict):
                _tidy(operation)
    return dict(found)


def _tidy(operation: dict[str, Any]) -> None:
    """Members that Litestar writes empty, and that 3.0 wants to be absent."""
    operation.pop("deprecated", None) if operation.get("deprecated") is False else None
    for parameter in operation.get("parameters", []):
        for flag in ("deprecated", "allowEmptyValue", "allowReserved", "explode", "style"):
            parameter.pop(flag, None)
    for response in operation.get("responses", {}).values():
        for header in (response.get("headers") or {}).values():
            for flag in (
                "deprecated",
                "required",
                "allowEmptyValue",
                "allowReserved",
                "name",
                "in",
            ):
                header.pop(flag, None)


def _converted(node: Any) -> Any:
    if isinstance(node, list):
        return [_converted(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        others = {name: value for name, value in node.items() if name != "$ref"}
        return {"allOf": [{"$ref": node["$ref"]}], **_converted(others)} if others else node
    found = {name: _converted(value) for name, value in node.items() if name not in _DROPPED}
    if "patternProperties" in found:
        found["additionalProperties"] = next(iter(found.pop("patternProperties").values()))
    if found.get("default", found) is None:
        del found["default"]
    if "prefixItems" in node and "items" not in found:
        found["items"] = {}
    _null_out_of_unions(found)
    _one_type(found)
    _limits(found)
    if found.get("required") == []:
        del found["required"]
    if "const" in found and not isinstance(found["const"], dict):
        found["enum"] = [found.pop("const")]
    if found.get("nullable") and None not in found.get("enum", [None]):
        found["enum"] = [*found["enum"], None]
    examples = found.get("examples")
    if isinstance(examples, list):
        del found["examples"]
        if examples:
            first = examples[0]
            found["example"] = first.get("value") if _is_example(first) else first
    return found


def _is_example(node: Any) -> bool:
    return isinstance(node, dict) and "value" in node


def _null_out_of_unions(node: dict[str, Any]) -> None:
    for union in ("anyOf", "oneOf"):
        options = node.get(union)
        if not isinstance(options, list) or _NULL not in options:
            continue
        rest = [option for option in options if option != _NULL]
        node["nullable"] = True
        if len(rest) == 1:
            del node[union]
            if "$ref" in rest[0]:
                node["allOf"] = rest
            else:
                for name, value in rest[0].items():
                    node.setdefault(name, value)
        else:
            node[union] = rest


def _one_type(node: dict[str, Any]) -> None:
    types = node.get("type")
    if isinstance(types, list):
        rest = [one for one in types if one != "null"]
        if len(rest) < len(types):
            node["nullable"] = True
        if len(rest) == 1:
            node["type"] = rest[0]
        else:
            del node["type"]
            node["anyOf"] = [{"type": one} for one in rest]
    if node.get("type") == "array" and "items" not in node:
        node["items"] = {}


def _limits(node: dict[str, Any]) -> None:
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = node.get(exclusive)
        if isinstance(value, int | float) and not isinstance(value, bool):
            node[limit] = value
            node[exclusive] = True
