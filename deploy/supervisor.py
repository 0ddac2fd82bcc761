"""`callplane up`: embedded servers and all processes under one parent.

Guarantees: a child that dies is started again (after a pause that grows while it keeps dying);
SIGINT or SIGTERM stops all in order and waits; when the parent is killed, the kernel ends every
child. Children are forks of a parent that has everything imported and runs no thread, so they
start at once and share memory.
"""

import contextlib
import fcntl
import gc
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO

from deploy import observing, runfile
from deploy.connections import Servers
from deploy.embedded import Nats, Postgres, Server
from deploy.processes import die_with_parent
from deploy.settings import Settings

log = logging.getLogger("callplane.supervisor")

GRACE = 10.0
"""Seconds that a child may take to stop before it is killed."""
STEADY = 10.0
"""Seconds of life after which a child's next death counts as its first."""
TICK = 0.1
RELAUNCH_PAUSE = 0.3


@dataclass
class Child:
    """A process to keep alive. Lower `stage` starts first and stops last."""

    name: str
    run: Callable[[], None]
    stage: int
    restart: bool = True
    niceness: int = 0
    pid: int = 0
    started_at: float = 0.0
    deaths: int = 0
    due_at: float = 0.0


@dataclass
class Supervisor:
    settings: Settings
    children: list[Child] = field(default_factory=list)
    embedded: list[tuple[Nats | Postgres, Server]] = field(default_factory=list)
    _stopping: bool = False
    _lock: IO[str] | None = None

    def claim_data_dir(self) -> None:
        """One `up` per data directory."""
        self.settings.data_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._lock = (self.settings.data_dir / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"callplane already runs in {self.settings.data_dir}") from None
        shutil.rmtree(metrics_dir(self.settings), ignore_errors=True)
        metrics_dir(self.settings).mkdir(parents=True)

    def start_servers(self) -> Servers:
        """Start the embedded servers that no setting replaces, and wait until they answer."""
        postgres = None if self.settings.database_url else Postgres(self.settings.data_dir)
        nats = None if self.settings.nats_url else Nats(self.settings.data_dir)
        for server in (postgres, nats):
            if server is not None:
                self.embedded.append((server, server.launch()))
        for server, _ in self.embedded:
            server.wait()
        return Servers(
            nats.url if nats else self.settings.nats_url,
            postgres.url if postgres else self.settings.database_url,
        )

    def run(self, servers: Servers) -> None:
        """Keep all children alive until a signal comes; then stop all."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        gc.collect()
        gc.freeze()  # what is imported stays shared between the children
        for child in sorted(self.children, key=lambda child: child.stage):
            self._start(child)
        runfile.write(self.settings, servers, {child.name: child.pid for child in self.children})
        while not self._stopping:
            if self._look_after():
                pids = {child.name: child.pid for child in self.children if child.pid}
                runfile.write(self.settings, servers, pids)
            time.sleep(TICK)
        self.stop()

    def stop(self) -> None:
        """Children stage by stage, then the servers."""
        for stage in sorted({child.stage for child in self.children}, reverse=True):
            self._stop_stage([c for c in self.children if c.stage == stage and c.pid])
        for _, server in reversed(self.embedded):
            server.stop()
        runfile.remove(self.settings)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self, child: Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be(child, parent)
        child.pid = pid
        child.started_at = time.monotonic()

    def _be(self, child: Child, parent: int) -> None:
        """In the child: run, and never return."""
        code = 1
        end: Callable[[], None] = _nothing
        try:
            os.setpgid(0, 0)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            die_with_parent(parent)
            os.nice(child.niceness)
            end = observing.begin(self.settings, child.name, partial(_running, self.settings))
            tune_interpreter()
            child.run()
            code = 0
        except KeyboardInterrupt:
            code = 0
        except BaseException:
            logging.getLogger("callplane").exception("%s failed", child.name)
        finally:
            with contextlib.suppress(Exception):
                end()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _look_after(self) -> bool:
        """Notice deaths and start again what is due; whether anything was started."""
        started = False
        now = time.monotonic()
        for child in self.children:
            if child.pid and _has_ended(child.pid):
                self._mourn(child, now)
            elif not child.pid and child.restart and now >= child.due_at:
                self._start(child)
                started = True
        for number, (server, running) in enumerate(self.embedded):
            if running.process.poll() is not None:
                log.error("%s died with %s", running.name, running.process.returncode)
                self.embedded[number] = (server, self._launched_again(server, running))
        return started

    def _launched_again(self, server: Nats | Postgres, dead: Server) -> Server:
        """A server in place of a dead one; the dead one when it does not start, so that the next
        look tries again: what the other left (shared memory, a port) may take a moment to go."""
        try:
            replacement = server.launch()
            server.wait()
        except (RuntimeError, OSError) as error:
            log.error("%s", error)
            time.sleep(RELAUNCH_PAUSE)
            return dead
        return replacement

    def _mourn(self, child: Child, now: float) -> None:
        _forget_metrics(child.pid)
        child.pid = 0
        child.deaths = 1 if now - child.started_at > STEADY else child.deaths + 1
        pause = min(5.0, 0.05 * 2**child.deaths)
        child.due_at = now + pause
        if child.restart:
            log.error("%s died; it is started again in %.1f s", child.name, pause)

    def _stop_stage(self, children: list[Child]) -> None:
        for child in children:
            _signal(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        waiting = list(children)
        while waiting and time.monotonic() < deadline:
            waiting = [child for child in waiting if not _has_ended(child.pid)]
            time.sleep(0.01)
        for child in waiting:
            log.error("%s does not stop; it is killed", child.name)
            _signal(child.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, 0)
        for child in children:
            child.pid = 0


def tune_interpreter() -> None:
    """Rarer garbage collection (states are long-lived and free of cycles), quicker hand-over of the
    interpreter lock to the thread that waits for the store."""
    gc.set_threshold(20_000, 20, 100)
    sys.setswitchinterval(0.001)


def _nothing() -> None:
    return


def _running(settings: Settings) -> Mapping[str, int]:
    """The processes of this `up`, by name."""
    found = runfile.read(settings)
    parent, children = found.get("pid"), found.get("processes")
    if not isinstance(parent, int) or not isinstance(children, dict):
        return {}
    return {"supervisor": parent, **children}


def metrics_dir(settings: Settings) -> Path:
    return settings.data_dir / "metrics"


def _has_ended(pid: int) -> bool:
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return ended == pid


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _forget_metrics(pid: int) -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]
