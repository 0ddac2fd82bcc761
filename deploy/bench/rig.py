"""What benches run on: `callplane up` in a folder of its own, and a server that does nothing."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import orjson
from litestar import Litestar, post

from deploy import connections, parts
from deploy.connections import Servers
from deploy.embedded import free_port
from deploy.processes import die_with_parent
from deploy.settings import Settings
from gateways import manifest
from gateways.bus.client import Commander
from gateways.http.server import serve
from gateways.ids import new_id

READY_TIMEOUT = 60.0
MENU = {
    "start": "menu",
    "nodes": [
        {
            "id": "menu",
            "type": "menu",
            "data": {"kind": "menu", "promptText": "Press 1", "maxDigits": 1, "timeoutSec": 5},
        }
    ],
    "edges": [{"id": "again", "source": "menu", "target": "menu", "sourceHandle": "digit:1"}],
}
"""A flow in which a call can stay for ever: each 1 leads back to the question."""
NUMBER = "12025550123"
USERNAME, REALM, PASSWORD = "1001", "bench.example", "bench's secret"


@dataclass(frozen=True, slots=True)
class Rig:
    """A running system and where it is."""

    settings: Settings
    servers: Servers
    edge_port: int

    def process(self, name: str) -> int:
        """The process id of a part that runs."""
        running = orjson.loads((self.settings.data_dir / "run.json").read_bytes())
        return int(running["processes"][name])


@asynccontextmanager
async def running_system() -> AsyncIterator[Rig]:
    """All processes of `callplane up`, with an account; ended and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="callplane-bench-"))
    folder.chmod(0o755)  # as root, PostgreSQL runs as another user
    ports = {name: free_port() for name in ("edge_port", "api_port")}
    ports |= {name: free_port() for name in ("realtime_port", "console_port", "hep_port")}
    settings = Settings(data_dir=folder / "data", **ports)
    environment = {f"CALLPLANE_{name.upper()}": str(port) for name, port in ports.items()}
    environment |= {
        "CALLPLANE_DATA_DIR": str(settings.data_dir),
        "CALLPLANE_LOG_LEVEL": "error",
        "CALLPLANE_API_RATE": "0",
        "CALLPLANE_API_STRANGER_RATE": "0",
    }
    callplane = str(Path(sys.executable).with_name("callplane"))
    process = subprocess.Popen(
        [callplane, "up", "--no-demo"],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_ready(settings.edge_port)
        running = orjson.loads((settings.data_dir / "run.json").read_bytes())
        rig = Rig(
            settings, Servers(running["nats_url"], running["database_url"]), settings.edge_port
        )
        await _make_account(rig)
        yield rig
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def empty_server() -> Iterator[int]:
    """The limit: a Litestar handler that takes JSON and gives JSON, on the same HTTP server.
    Yields its port."""
    port = free_port()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_serve_nothing, args=(port, os.getpid()), daemon=True)
    process.start()
    try:
        time.sleep(0.5)
        yield port
    finally:
        process.terminate()
        process.join(5)


def _serve_nothing(port: int, parent: int) -> None:
    import uvloop

    die_with_parent(parent)

    @post("/empty", status_code=200)
    async def empty(data: dict[str, str]) -> dict[str, int]:
        return {"ok": len(data) and 1}

    async def run() -> None:
        app = Litestar([empty], openapi_config=None, logging_config=None)
        await serve(app, "127.0.0.1", port, connections.stop_on_signal())

    uvloop.run(run())


@asynccontextmanager
async def connected(rig: Rig) -> AsyncIterator[Commander]:
    async with (
        connections.bus(rig.servers, "bench") as client,
        connections.commanding(client) as commander,
    ):
        yield commander


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


async def _make_account(rig: Rig) -> None:
    """A number that runs a flow, and a phone."""
    user, flow = new_id("us"), new_id("flow")
    document = {
        "account": {"id": new_id("acc"), "name": "Bench"},
        "users": [{"id": user, "username": USERNAME}],
        "devices": [
            {"user_id": user, "auth_username": USERNAME, "realm": REALM, "password": PASSWORD}
        ],
        "flows": [{"id": flow, "name": "f", "is_published": 1, **MENU}],
        "numbers": [{"e164": NUMBER, "dest_kind": "flow", "dest_id": flow}],
    }
    await configure(rig, document)


async def configure(rig: Rig, document: dict[str, Any]) -> None:
    """Apply a configuration file's content."""
    async with connections.reading(rig.servers) as reader, connected(rig) as commander:
        provisioner = parts.provisioner(rig.settings, commander, reader)
        wished = manifest.parse(orjson.dumps(document).decode())
        vault = parts.vault(rig.settings, reader)
        await manifest.apply(wished, reader, vault, provisioner, "bench")


async def interleaved(runs: int, *works: Callable[[], Awaitable[float]]) -> tuple[list[float], ...]:
    """Each work in turn, `runs` times: ours, limit, ours, limit …"""
    found: tuple[list[float], ...] = tuple([] for _ in works)
    for _ in range(runs):
        for values, work in zip(found, works, strict=True):
            values.append(await work())
    return found
