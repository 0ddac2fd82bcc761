"""What the processes use of the machine, read from /proc when somebody looks.

Prometheus' own process metrics know only the process that is asked; of a `callplane up` any service
answers for all.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Processes(Collector):
    """`running`: name → process id."""

    def __init__(self, running: Callable[[], Mapping[str, int]]) -> None:
        self._running = running

    def describe(self) -> Iterable[Metric]:
        return _families()

    def collect(self) -> Iterable[Metric]:
        cpu, memory, files, started = families = _families()
        booted_at = _booted_at()
        for name, pid in self._running().items():
            try:
                seconds, begun, resident, opened = _looked_at(Path(f"/proc/{pid}"))
            except (OSError, ValueError, IndexError):
                continue  # it has ended
            cpu.add_metric([name], seconds)
            memory.add_metric([name], resident)
            files.add_metric([name], opened)
            started.add_metric([name], booted_at + begun)
        return families


def _families() -> tuple[
    CounterMetricFamily, GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily
]:
    of = ["process"]
    return (
        CounterMetricFamily("callplane_process_cpu_seconds", "Processor time used", labels=of),
        GaugeMetricFamily(
            "callplane_process_resident_memory_bytes", "Memory in use, shared included", labels=of
        ),
        GaugeMetricFamily("callplane_process_open_fds", "Open files and connections", labels=of),
        GaugeMetricFamily(
            "callplane_process_start_time_seconds", "When it was started (epoch)", labels=of
        ),
    )


def _looked_at(folder: Path) -> tuple[float, float, int, int]:
    """Processor seconds, start in seconds after the boot, resident bytes, open files (proc(5))."""
    after_name = (folder / "stat").read_text().rpartition(")")[2].split()
    used, begun = int(after_name[11]) + int(after_name[12]), int(after_name[19])
    resident = int((folder / "statm").read_text().split()[1]) * _PAGE
    return used / _TICKS, begun / _TICKS, resident, len(os.listdir(folder / "fd"))


def _booted_at() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
