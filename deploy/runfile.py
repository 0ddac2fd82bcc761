"""Where a running `callplane up` can be found: `run.json` in the data directory."""

import os
from pathlib import Path

import orjson

from deploy.connections import Servers
from deploy.settings import Settings


class NotRunning(Exception):
    """Nothing is running in this data directory, and no servers are set."""


def write(settings: Settings, servers: Servers, processes: dict[str, int]) -> None:
    file = _file(settings)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_bytes(
        orjson.dumps(
            {
                "pid": os.getpid(),
                "nats_url": servers.nats_url,
                "database_url": servers.database_url,
                "processes": processes,
            },
            option=orjson.OPT_INDENT_2,
        )
    )
    partial.rename(file)


def remove(settings: Settings) -> None:
    _file(settings).unlink(missing_ok=True)


def read(settings: Settings) -> dict[str, object]:
    try:
        found: dict[str, object] = orjson.loads(_file(settings).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return found if Path(f"/proc/{found['pid']}").exists() else {}


def servers(settings: Settings) -> Servers:
    """The bus and the store: as set, or those of the `callplane up` in this data directory."""
    running = read(settings)
    nats_url = settings.nats_url or running.get("nats_url")
    database_url = settings.database_url or running.get("database_url")
    if not isinstance(nats_url, str) or not isinstance(database_url, str):
        raise NotRunning(
            f"nothing runs in {settings.data_dir}: start it with `callplane up`,"
            " or set CALLPLANE_NATS_URL and CALLPLANE_DATABASE_URL"
        )
    return Servers(nats_url, database_url)


def _file(settings: Settings) -> Path:
    return settings.data_dir / "run.json"
