"""Whether traces are taken (OpenTelemetry). Off, this module is all there is of them: nothing of
OpenTelemetry is imported, and what would be traced looks here once.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateways.spans import Spans

_spans: "Spans | None" = None


def begin(spans: "Spans") -> None:
    """Called once in a process, before its parts are made."""
    global _spans
    _spans = spans


def spans() -> "Spans | None":
    """None: no traces are taken."""
    return _spans
