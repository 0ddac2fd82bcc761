"""What a bench prints: one JSON line, or a table."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Report:
    bench: str
    unit: str
    ours: float
    limit: float | None
    p50_ms: float | None
    p99_ms: float | None
    runs: int
    spread: float
    """(highest − lowest) / median of our runs."""
    detail: dict[str, Any] = field(default_factory=dict)
    machine: str = field(default_factory=lambda: machine())

    def as_dict(self) -> dict[str, Any]:
        ratio = round(self.ours / self.limit, 3) if self.limit else None
        return {**asdict(self), "ratio": ratio}

    def as_rows(self) -> list[dict[str, Any]]:
        """For a table: the figure, then its details."""
        found = self.as_dict()
        main = {name: found[name] for name in ("ours", "limit", "ratio", "p50_ms", "p99_ms")}
        rows = [{"what": f"{self.bench} ({self.unit})", **main, "spread": self.spread}]
        return rows + [{"what": f"  {name}", "ours": value} for name, value in self.detail.items()]


def median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)


def spread(values: Sequence[float]) -> float:
    middle = statistics.median(values)
    return round((max(values) - min(values)) / middle, 3) if middle else 0.0


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """In milliseconds, of seconds."""
    if not sorted_values:
        return 0.0
    place = min(len(sorted_values) - 1, int(len(sorted_values) * share))
    return round(sorted_values[place] * 1000, 2)


def machine() -> str:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}"
