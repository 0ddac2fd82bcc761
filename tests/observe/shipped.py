"""The dashboard and the rules that ship, as what they ask for."""

from pathlib import Path
from typing import Any, NamedTuple

import orjson
import promql_parser
import yaml

FOLDER = Path(__file__).parents[2] / "deploy"
_VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$job": "callplane"}
OF_PROMETHEUS = {"up"}
"""What it says itself of what it scrapes."""


class Asked(NamedTuple):
    """A series that somebody asks for: its name, and the label values that he names."""

    name: str
    labels: dict[str, str]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((FOLDER / "grafana" / "callplane.json").read_bytes())
    return found


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    shown = [target["expr"] for panel in dashboard()["panels"] for target in _targets(panel)]
    return shown + [rule["expr"] for rule in rules()]


def asked(expression: str) -> list[Asked]:
    """The series that an expression names. Raises ValueError if it cannot be read."""
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    found: list[Asked] = []

    def visit(node: promql_parser.Expr) -> bool:
        selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selector, promql_parser.VectorSelector):
            equal = [m for m in selector.matchers.matchers if m.op == promql_parser.MatchOp.Equal]
            found.append(Asked(str(selector.name), {m.name: m.value for m in equal}))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def _targets(panel: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = panel.get("targets", [])
    return found
