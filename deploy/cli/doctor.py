"""`doctor`, `status`, `config show`: is all well, and what is set?"""

import asyncio
import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import orjson
import psycopg
import typer

from deploy import connections, parts, runfile
from deploy.cli import Json, say, table
from deploy.settings import SECRETS, Settings, load
from gateways.addresses import networks
from gateways.speech.voice import NotSpoken, SpeechFailed
from gateways.store.connections import Connections
from gateways.store.migrate import pending
from gateways.store.rotation import rows_per_key

TIMEOUT = 10.0
"""Seconds; a machine under load is slow but well."""

config = typer.Typer(help="Settings.", no_args_is_help=True)


@config.command("show")
def show(json: bool = Json) -> None:
    """Every setting, its value and where it came from."""
    _, origins = load()
    rows = [
        {
            "name": name.upper(),
            "value": ("(set)" if origin.value else "") if name in SECRETS else str(origin.value),
            "from": origin.source,
        }
        for name, origin in origins.items()
    ]
    if json:
        say(rows, True)
    else:
        table(rows, ["name", "value", "from"])


def status(json: bool = Json) -> None:
    """The services of this machine, and how far each read model is."""
    settings, _ = load()
    services = {
        "edge": settings.edge_port,
        "api": settings.api_port,
        "realtime": settings.realtime_port,
        "console": settings.console_port,
    }
    answers = {name: _ready(settings, port) for name, port in services.items()}
    report = {
        "ok": all(answer["ok"] for answer in answers.values()),
        "services": answers,
        "processes": runfile.read(settings).get("processes", {}),
    }
    if json:
        say(report, True)
    else:
        rows = [
            {"service": name, "port": services[name], "ready": "yes" if a["ok"] else "no", **a}
            for name, a in answers.items()
        ]
        table(rows, ["service", "port", "ready", "bus", "store", "partitions", "reason"])
        projections: dict[str, Any] = next(
            (a["projections"] for a in answers.values() if "projections" in a), {}
        )
        lags = [{"projection": name, **row} for name, row in projections.items()]
        table(lags, ["projection", "lag", "error"])
    if not report["ok"]:
        raise typer.Exit(4)


def _ready(settings: Settings, port: int) -> dict[str, Any]:
    try:
        with urlopen(f"http://{settings.bind}:{port}/readyz", timeout=TIMEOUT) as answer:
            return dict(orjson.loads(answer.read()))
    except HTTPError as error:
        return dict(orjson.loads(error.read()))
    except (URLError, OSError, ValueError) as error:
        return {"ok": 0, "reason": str(error)}


def doctor(json: bool = Json) -> None:
    """Check everything that can be wrong, and say the fix."""
    settings, _ = load()
    findings = [*_about_settings(settings), *_about_servers(settings)]
    wrong = [f for f in findings if f["state"] == "bad"]
    if json:
        say({"ok": not wrong, "findings": findings}, True)
    else:
        table(findings, ["state", "what", "fix"])
    if wrong:
        raise typer.Exit(1)


def _finding(good: bool, what: str, fix: str, bad: str = "bad") -> dict[str, str]:
    return {"state": "ok" if good else bad, "what": what, "fix": "" if good else fix}


def _about_settings(settings: Settings) -> list[dict[str, str]]:
    """Combinations of settings that are risky."""
    public = settings.bind not in ("127.0.0.1", "::1", "localhost")
    wide = [n for n in networks(settings.node_cidrs) if n.prefixlen == 0]
    private = [n for n in networks(settings.webhook_allow_cidrs) if not n.is_loopback]
    outside = bool(settings.database_url)
    room = shutil.disk_usage(_existing(settings.data_dir)).free
    return [
        _finding(
            not (public and wide),
            "nodes are told from strangers",
            "BIND is public and NODE_CIDRS trusts every address: narrow NODE_CIDRS",
        ),
        _finding(
            not public or not settings.trusted_proxies or bool(settings.admin_token),
            "operator endpoints have a credential",
            "set ADMIN_TOKEN, or operators behind the proxy have none",
            "risk",
        ),
        _finding(
            not private,
            "webhooks stay out of private networks",
            f"WEBHOOK_ALLOW_CIDRS lets webhooks into {', '.join(map(str, private))}",
            "risk",
        ),
        _finding(
            not outside or bool(settings.secret_key),
            "the encrypted store's key is kept apart from one machine",
            "with DATABASE_URL set, set SECRET_KEY too: the made one lies on this machine only",
            "risk",
        ),
        _finding(
            not outside or bool(settings.nonce_secret),
            "all gateways sign nonces alike",
            "with several machines set NONCE_SECRET, or nonces of one are stale at the other",
            "risk",
        ),
        _finding(
            not outside or bool(settings.session_secret),
            "all gateways know the same sessions",
            "with several machines set SESSION_SECRET, or sessions of one are none at the other",
            "risk",
        ),
        _finding(
            not outside or bool(settings.object_store_url),
            "all gateways see the same media",
            "with several machines set OBJECT_STORE_URL, or media lie on the one that took them",
            "risk",
        ),
        _finding(room > 2**30, "there is room for data", f"free space in {settings.data_dir}"),
    ]


def _about_servers(settings: Settings) -> list[dict[str, str]]:
    try:
        servers = runfile.servers(settings)
    except runfile.NotRunning as error:
        free = [port for port in _ports(settings) if not _is_free(settings.bind, port)]
        return [
            _finding(False, "something runs", str(error), "note"),
            _finding(not free, "the ports are free", f"ports {free} are taken: set other ones"),
        ]
    found = [_store_finding(servers.database_url), asyncio.run(_bus_finding(servers))]
    found.append(_secrets_finding(settings, servers.database_url))
    found.append(asyncio.run(_objects_finding(settings)))
    found.append(asyncio.run(_voice_finding(settings)))
    if not settings.smtp_url:
        found.append(_mail_finding(servers.database_url))
    for name, port in zip(("edge", "api", "realtime", "console"), _ports(settings), strict=True):
        answer = _ready(settings, port)
        reason = answer.get("reason", "see /readyz")
        found.append(_finding(bool(answer["ok"]), f"{name} is ready", f"{name}: {reason}"))
    return found


def _store_finding(url: str) -> dict[str, str]:
    try:
        missing = pending(url)
    except psycopg.Error as error:
        return _finding(False, "PostgreSQL answers", f"{error}: check DATABASE_URL")
    return _finding(not missing, "the database is migrated", "run `callplane migrate`")


def _secrets_finding(settings: Settings, url: str) -> dict[str, str]:
    """A secret that no key opens is a telephone that cannot register."""
    pool = Connections(url, 1)
    try:
        sealed = rows_per_key(pool)
    except psycopg.Error as error:
        return _finding(False, "PostgreSQL answers", f"{error}: check DATABASE_URL")
    finally:
        pool.close()
    known = {key.id for key in parts.keyring(settings).keys}
    lost = sum(count for id, count in sealed.items() if id not in known)
    fix = f"{lost} open with no key: put their key into OTHER_SECRET_KEYS"
    return _finding(not lost, "all secrets can be opened", fix)


async def _bus_finding(servers: connections.Servers) -> dict[str, str]:
    try:
        async with asyncio.timeout(TIMEOUT), connections.bus(servers, "doctor") as client:
            await client.jetstream().account_info()
    except Exception as error:
        return _finding(False, "NATS answers, with JetStream", f"{error}: check NATS_URL")
    return _finding(True, "NATS answers, with JetStream", "")


def _mail_finding(url: str) -> dict[str, str]:
    """Somebody waits for mail that nobody sends."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT count(*) FROM views.resource WHERE kind = 'voicemail' AND NOT deleted"
                "   AND body->>'notify_email' IS NOT NULL"
            ).fetchone()
    except psycopg.Error as error:
        return _finding(False, "PostgreSQL answers", f"{error}: check DATABASE_URL")
    waiting = row[0] if row else 0
    fix = f"{waiting} mailboxes want mail about messages: set SMTP_URL"
    return _finding(waiting == 0, "who wants mail about voicemail gets it", fix, "risk")


async def _objects_finding(settings: Settings) -> dict[str, str]:
    try:
        fault = await parts.objects(settings).fault()
    except Exception as error:
        fault = str(error)
    return _finding(not fault, "media can be stored", f"{fault}: check OBJECT_STORE_URL")


async def _voice_finding(settings: Settings) -> dict[str, str]:
    fault = ""
    try:
        async with parts.speaking(settings) as voice:
            await voice.speak("one, two, three", "en-US", "male")
    except (NotSpoken, SpeechFailed) as error:
        fault = str(error)
    return _finding(not fault, "texts can be spoken", f"{fault}: check TTS_URL, TTS_HEADER", "risk")


def _ports(settings: Settings) -> list[int]:
    return [
        settings.edge_port,
        settings.api_port,
        settings.realtime_port,
        settings.console_port,
    ]


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _existing(path: Path) -> Path:
    found = path.resolve()
    while not os.path.exists(found):
        found = found.parent
    return found
