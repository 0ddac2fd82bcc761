"""An export as YAML, which `apply` takes back."""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import yaml

from domain.manifest.document import Exported

WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their section, and nothing is an alias of something else."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(account: Exported, sections: Mapping[str, Sequence[Exported]]) -> str:
    """The file. The same rows make the same text."""
    lines = [
        f"# {_plain(account.members['name'])}, as it was exported. Secrets are not in this file; on"
        " the same account they stay.\n",
        _dumped({"account": account.members}),
    ]
    for section, rows in sections.items():
        lines.append(f"\n{section}:\n")
        for row in rows:
            lines += [f"  # {_plain(note)}\n" for note in row.notes]
            lines.append(_indented(_dumped([row.members])))
    return "".join(lines)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _dumped(value: Any) -> str:
    """Rows member by member; what lies deeper in one line where it is short."""
    dumper = _Dumper(StringIO(), default_flow_style=None, sort_keys=False)
    node = dumper.represent_data(value)
    _open(node, 0)
    text: str = yaml.serialize(node, Dumper=_Dumper, width=WIDTH, allow_unicode=True)
    return text


def _open(node: yaml.Node, depth: int) -> None:
    """Block style for the row itself, and for what is too long for a line. Quotes for what is more
    than one line to YAML."""
    if isinstance(node, yaml.ScalarNode) and not node.value.isprintable():
        node.style = '"'
    if isinstance(node, yaml.CollectionNode):
        node.flow_style = depth > 1 and _length(node) <= WIDTH - 20
        items = node.value
        if isinstance(node, yaml.MappingNode):
            items = [value for _, value in node.value]
        for item in items:
            _open(item, depth + 1)


def _length(node: yaml.Node) -> int:
    if isinstance(node, yaml.MappingNode):
        return sum(_length(key) + _length(value) + 4 for key, value in node.value)
    if isinstance(node, yaml.SequenceNode):
        return sum(_length(item) + 2 for item in node.value)
    return len(node.value) + 2


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.rstrip("\n").split("\n"))
