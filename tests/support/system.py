"""A running Callplane for tests: real processes, real servers, own ports and data."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import orjson
import psycopg
import yaml
from psycopg.rows import DictRow, dict_row

from deploy import parts
from deploy.cli.session import PATIENCE, Session
from deploy.connections import Servers, bus, commanding, reading
from deploy.embedded import free_port
from deploy.settings import load
from gateways import manifest
from gateways.ids import new_id

T = TypeVar("T")
CALLPLANE = str(Path(sys.executable).with_name("callplane"))
_numbers = count(1)


def eventually(check: Callable[[], T | None], timeout: float = 10.0, every: float = 0.05) -> T:
    """The first result of `check` that is true; its last error or result when time is up."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if found := check():
                return found
        except (AssertionError, httpx.TransportError, LookupError):
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {check()!r}")
        time.sleep(every)


class Gateway(NamedTuple):
    """A process of the public API, and a client of it."""

    process: subprocess.Popen[bytes]
    client: httpx.Client


class System:
    """`callplane up` in a folder of its own."""

    def __init__(self, **settings: str) -> None:
        # world-readable on purpose: as root, PostgreSQL runs as another user
        self.folder = Path(tempfile.mkdtemp(prefix="callplane-test-"))
        self.folder.chmod(0o755)
        ports = {name: str(free_port()) for name in ("EDGE", "API", "REALTIME", "CONSOLE", "HEP")}
        self.environment = {
            "CALLPLANE_DATA_DIR": str(self.folder / "data"),
            "CALLPLANE_LOG_LEVEL": "warning",
            # tests ask as fast as they can, and all from one address
            "CALLPLANE_API_RATE": "0",
            "CALLPLANE_API_STRANGER_RATE": "0",
            # and archive when they say so
            "CALLPLANE_ARCHIVE_EVERY_HOURS": "0",
            **{f"CALLPLANE_{name}_PORT": port for name, port in ports.items()},
            **{f"CALLPLANE_{name.upper()}": value for name, value in settings.items()},
        }
        self.edge_url = f"http://127.0.0.1:{ports['EDGE']}"
        self.api_url = f"http://127.0.0.1:{ports['API']}"
        self.console_url = f"http://127.0.0.1:{ports['CONSOLE']}"
        self.realtime_url = f"http://127.0.0.1:{ports['REALTIME']}"
        self.hep_port = int(ports["HEP"])
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.edge = httpx.Client(base_url=self.edge_url, timeout=10)
        self.api = httpx.Client(base_url=self.api_url, timeout=10)
        self.realtime = httpx.Client(base_url=self.realtime_url, timeout=10)

    # Life

    def start(self, *arguments: str, wait: bool = True) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [CALLPLANE, "up", *(arguments or ("--no-demo",))],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = 60.0) -> None:
        for client in (self.edge, self.api, self.realtime):
            eventually(lambda client=client: client.get("/readyz").status_code == 200, timeout)  # type: ignore[misc]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        self.edge.close()
        self.api.close()
        self.realtime.close()
        if (kept := os.environ.get("CALLPLANE_TEST_LOGS")) and self.log.exists():
            shutil.copy(self.log, Path(kept) / f"{self.folder.name}.log")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> dict[str, Any]:
        """What `run.json` says."""
        found: dict[str, Any] = orjson.loads((self.folder / "data" / "run.json").read_bytes())
        return found

    def pid_of(self, name: str) -> int:
        return int(self.running["processes"][name])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        pid = self.pid_of(name)
        os.kill(pid, number)
        return pid

    @property
    def servers(self) -> Servers:
        running = self.running
        return Servers(running["nats_url"], running["database_url"])

    @contextmanager
    def another_api(self, **settings: str) -> Iterator["Gateway"]:
        """A second process of the public API, on the same servers."""
        port = str(free_port())
        changed = {f"CALLPLANE_{name.upper()}": value for name, value in settings.items()}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [CALLPLANE, "serve", "api"],
                env={**os.environ, **self.environment, "CALLPLANE_API_PORT": port, **changed},
                stdout=log,
                stderr=log,
            )
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            try:
                eventually(lambda: client.get("/readyz").status_code == 200, 60)
                yield Gateway(process, client)
            finally:
                process.kill()
                process.wait(10)

    # Use

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CALLPLANE, *arguments],
            env={**os.environ, **self.environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def cli_json(self, *arguments: str) -> Any:
        done = self.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def with_session(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run `work` with a connection to bus and store."""

        async def connected() -> T:
            settings, _ = load(self.environment, Path("/nonexistent"))
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(bus(self.servers, "test"))
                reader = await stack.enter_async_context(reading(self.servers))
                commander = await stack.enter_async_context(commanding(client, PATIENCE))
                provisioner = parts.provisioner(settings, commander, reader)
                vault = parts.vault(settings, reader)
                return await work(Session(settings, commander, reader, provisioner, vault))

        # in a thread of its own: a browser's driver has a loop running in this one
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, connected()).result()

    def apply(self, document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Apply a configuration; returns what is shown once, by row id."""

        async def work(session: Session) -> dict[str, dict[str, str]]:
            wished = manifest.parse(yaml.safe_dump(dict(document)))
            reader, provisioner = session.reader, session.provisioner
            return await manifest.apply(wished, reader, session.vault, provisioner, "test")

        return self.with_session(work)

    def key(self, account_id: str, *scopes: str) -> str:
        """A new API key of the account."""

        async def work(session: Session) -> str:
            members = {"name": "test", "kind": "sk", "scopes": list(scopes or ("*",))}
            made = await session.provisioner.create(account_id, "api_key", members, "test")  # type: ignore[arg-type]
            return made.revealed["key"]

        return self.with_session(work)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[DictRow]]:
        with psycopg.connect(
            self.servers.database_url, autocommit=True, row_factory=dict_row
        ) as connection:
            yield connection

    # The edge's questions

    def route(self, call_id: str, to: str, from_: str = "+14155551234", **more: Any) -> Any:
        body = {"callId": call_id, "from": from_, "to": to, **more}
        answer = self.edge.post("/route", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["rtjson"]

    def report(self, call_id: str, event: str, ts: int | None = None, **more: Any) -> None:
        body = {"type": "dialog", "callId": call_id, "event": event, **more}
        if ts is not None:
            body["ts"] = ts
        answer = self.edge.post("/presence/event", json=body)
        assert answer.status_code == 200, answer.text

    def call(self, api_key: str, call_id: str) -> Any:
        answer = self.api.get(f"/v1/calls/{call_id}", headers={"x-api-key": api_key})
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(**settings: str) -> Iterator[System]:
    """A system for the block."""
    system = System(**settings)
    try:
        system.start()
        yield system
    finally:
        system.close()


def acme(**more: Any) -> dict[str, Any]:
    """An account of its own: a number with a flow, two users with a device each, a domain.

    `more` replaces or adds sections.
    """
    number = next(_numbers) + os.getpid() % 5000 * 1000
    realm = f"acme{number}.example"
    users = {"alice": new_id("us"), "bob": new_id("us")}
    flow = new_id("flow")
    return {
        "account": {"id": new_id("acc"), "name": f"Acme {number}", "country": "US"},
        "domains": [{"domain": realm, "is_primary": 1}],
        "users": [
            {"id": users["alice"], "username": "1001", "display_name": "Alice"},
            {"id": users["bob"], "username": "1002", "display_name": "Bob"},
        ],
        "devices": [
            {
                "id": new_id("dev"),
                "user_id": users["alice"],
                "auth_username": "1001",
                "realm": realm,
                "password": "alice's secret",
            },
            {
                "id": new_id("dev"),
                "user_id": users["bob"],
                "auth_username": "1002",
                "realm": realm,
                "password": "bob's secret",
            },
        ],
        "flows": [
            {
                "id": flow,
                "name": "Main",
                "start": "bye",
                "is_published": 1,
                "nodes": [{"id": "bye", "type": "hangup", "data": {"kind": "hangup"}}],
                "edges": [],
            }
        ],
        "numbers": [
            {
                "id": new_id("did"),
                "e164": f"1202{number % 10_000_000:07d}",
                "dest_kind": "flow",
                "dest_id": flow,
            }
        ],
        **more,
    }


def new_call_id() -> str:
    return f"{new_id('call')}@test"
