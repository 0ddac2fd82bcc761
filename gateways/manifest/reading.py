"""A YAML file as wishes, and where in it a fault stands."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import yaml

from domain.errors import Fault, Invalid
from domain.manifest.sections import SECTIONS, WRITE_ONLY
from domain.manifest.settling import Wish
from events.base import AccountId
from gateways.provisioning import secret_of

_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(_Safe):  # type: ignore[misc]
    """A date is a text, as everywhere else."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {
        first: [(tag, pattern) for tag, pattern in found if tag != _TIMESTAMP]
        for first, found in _Safe.yaml_implicit_resolvers.items()
    }


MAX_NODES = 2_000_000
"""Values in a file, with those that aliases repeat."""


class Manifest(NamedTuple):
    account_id: AccountId
    wishes: tuple[Wish, ...]
    secrets: Mapping[str, Mapping[str, Any]]
    """Place of a row → its write-only members. Of a flow, `nodes`: number of a node → its
    secret."""
    sections: tuple[str, ...]
    """Those that the file has."""


def parse(text: str) -> Manifest:
    """Read a file. Raises Invalid with every fault in its shape."""
    document = _loaded(text)
    if not isinstance(document, dict) or not isinstance(document.get("account"), dict):
        raise Invalid("the file is not valid", [Fault("/account", "is missing")])
    account = dict(document["account"])
    account_id = account.pop("id", None)
    if not isinstance(account_id, str):
        raise Invalid("the file is not valid", [Fault("/account/id", "is missing")])
    unknown = [name for name in document if name not in SECTIONS and name != "account"]
    faults = [Fault(f"/{name}", "is not a section") for name in unknown]
    wishes = [Wish("account", account_id, account, "/account")]
    secrets: dict[str, Mapping[str, Any]] = {}
    for section, (kind, _) in SECTIONS.items():
        for place, row in _rows(section, document.get(section), faults):
            wish, secret = _split(kind, row, place)
            wishes.append(wish)
            secrets[place] = secret
    if faults:
        raise Invalid("the file is not valid", faults)
    sections = tuple(section for section in SECTIONS if section in document)
    return Manifest(AccountId(account_id), tuple(wishes), secrets, sections)


def located(text: str, refusal: Invalid) -> Invalid:
    """The same refusal with the line of each fault."""
    if not refusal.faults:
        return refusal
    root = yaml.compose(text, Loader=_Loader)
    faults = []
    for fault in refusal.faults:
        line = _line_of(root, fault.pointer)
        faults.append(
            Fault(fault.pointer, f"{fault.detail} (line {line})" if line else fault.detail)
        )
    return Invalid(refusal.detail, faults)


def _loaded(text: str) -> Any:
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is not None and (twice := list(_twice(root))):
            raise Invalid("the file is not valid", twice)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 a safe loader, in C where there is one
    except yaml.YAMLError as error:
        raise Invalid(f"the file is not YAML: {error}") from None


def _twice(root: yaml.Node) -> Iterator[Fault]:
    """Members that are there twice: YAML would take the last one without a word."""
    ahead: list[tuple[yaml.Node, str]] = [(root, "")]
    seen = 0
    while ahead:
        node, pointer = ahead.pop()
        seen += 1
        if seen > MAX_NODES:
            raise Invalid(f"the file has more than {MAX_NODES} values")
        if isinstance(node, yaml.SequenceNode):
            ahead += [(item, f"{pointer}/{number}") for number, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            names = set[str]()
            for key, value in node.value:
                if not isinstance(key.value, str):
                    continue
                if key.value in names:
                    yield Fault(f"{pointer}/{key.value}", "is there twice")
                names.add(key.value)
                ahead.append((value, f"{pointer}/{key.value}"))


def _line_of(node: yaml.Node | None, pointer: str) -> int | None:
    """Where the pointer leads, or as far as it leads; from 1."""
    line = None
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == name), None)
        elif (
            isinstance(node, yaml.SequenceNode) and name.isdecimal() and int(name) < len(node.value)
        ):
            found = (node.value[int(name)],) * 2
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _rows(section: str, rows: Any, faults: list[Fault]) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(rows or [], list):
        faults.append(Fault(f"/{section}", "is not a list"))
        return
    for number, row in enumerate(rows or []):
        place = f"/{section}/{number}"
        if not isinstance(row, dict):
            faults.append(Fault(place, "is not an object"))
            continue
        if not isinstance(row.get("id"), str | None):
            faults.append(Fault(f"{place}/id", "is not a text"))
            continue
        if odd := [name for name in row if not isinstance(name, str)]:
            faults += [Fault(f"{place}/{name}", "is no member's name") for name in odd]
            continue
        yield place, row


def _split(kind: str, row: Mapping[str, Any], place: str) -> tuple[Wish, dict[str, Any]]:
    """The wish, and its secrets. null is as good as not named, but takes a PIN away."""
    hidden = {"id", *WRITE_ONLY.get(kind, ())}
    secrets = {name: row[name] for name in WRITE_ONLY.get(kind, ()) if name in row}
    secrets = {name: value for name, value in secrets.items() if value is not None or name == "pin"}
    members = {name: value for name, value in row.items() if name not in hidden}
    if kind == "call_flow" and isinstance(nodes := members.get("nodes"), list):
        members["nodes"] = [_without_secret(node) for node in nodes]
        found = {
            n: secret for n, node in enumerate(nodes) if (secret := secret_of(node)) is not None
        }
        secrets |= {"nodes": found} if found else {}
    return Wish(kind, row.get("id"), members, place), secrets


def _without_secret(node: Any) -> Any:
    """A node without its secret; a secret that is null takes the stored one away."""
    data = node.get("data") if isinstance(node, dict) else None
    if not isinstance(data, dict) or data.get("kind") != "webhook" or "secret" not in data:
        return node
    rest = {name: value for name, value in data.items() if name != "secret"}
    return {**node, "data": rest if data["secret"] is not None else {**rest, "secretRef": None}}
