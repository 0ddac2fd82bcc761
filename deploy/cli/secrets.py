"""`secrets`: the keys of the encrypted store, and changing them while everything runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from deploy import parts, runfile
from deploy.cli import Json, say, table
from deploy.settings import Settings, load
from domain.errors import Conflict
from gateways.store.connections import Connections
from gateways.store.keys import KeyFile, Keyring
from gateways.store.rotation import Resealed, reseal, rows_per_key

app = typer.Typer(help="Keys of the encrypted store.", no_args_is_help=True)
_LOCK = 7241
"""Two rotations at once would each make a key."""


@app.command()
def status(json: bool = Json) -> None:
    """How many secrets each key has sealed, and which keys there are. No key is shown."""
    settings, _ = load()
    with _pool(settings) as pool:
        report = {"keys": _keys(rows_per_key(pool), parts.keyring(settings))}
    if json:
        say(report, True)
    else:
        table(report["keys"], ["id", "seals", "opens", "secrets"])


@app.command()
def rotate(json: bool = Json) -> None:
    """Seal every secret again with a new key, beside running services.

    The new key is made, unless one is set as SECRET_KEY. Stopped in the middle, it goes on with
    what is left. Old keys stay until `callplane secrets drop`."""
    settings, _ = load()
    with _pool(settings) as pool, _alone(pool):
        keyring, made = parts.keyring(settings), False
        if not settings.secret_key and not _is_under_way(pool, keyring):
            parts.key_file(settings).add()
            made = True
        found = reseal(pool, keyring, _progress)
        report = {"key": keyring.sealing.id, "made": made, **found._asdict()}
    text = f"{found.done} sealed again with key {report['key']}"
    say(report, json, text if not found.lost else f"{text}; {found.lost} open with no key")
    if found.lost:
        raise typer.Exit(1)


@app.command()
def drop(json: bool = Json) -> None:
    """Throw away the keys that were made and seal nothing any more."""
    settings, _ = load()
    if settings.secret_key:
        raise Conflict("the keys are set: take old ones out of OTHER_SECRET_KEYS")
    with _pool(settings) as pool, _alone(pool):
        gone = _dropped(parts.key_file(settings), pool)
    say({"dropped": gone}, json, f"dropped: {', '.join(gone) or 'nothing'}")


def _dropped(file: KeyFile, pool: Connections) -> list[str]:
    return file.keep([*rows_per_key(pool)])


def _is_under_way(pool: Connections, keyring: Keyring) -> bool:
    """Whether something is left that a known key has sealed and another one is to seal."""
    others = [key.id for key in keyring.keys[1:]]
    return not rows_per_key(pool).keys().isdisjoint(others)


def _keys(rows: dict[str, int], keyring: Keyring) -> list[dict[str, Any]]:
    known = [key.id for key in keyring.keys]
    unknown = [id for id in rows if id not in known]
    return [
        {
            "id": id,
            "seals": int(id == known[0]),
            "opens": int(id in known),
            "secrets": rows.get(id, 0),
        }
        for id in (*known, *unknown)
    ]


def _progress(so_far: Resealed) -> None:
    print(f"{so_far.done} sealed again", file=sys.stderr)


@contextmanager
def _pool(settings: Settings) -> Iterator[Connections]:
    pool = Connections(runfile.servers(settings).database_url, 2)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def _alone(pool: Connections) -> Iterator[None]:
    """Refused while somebody else changes keys."""
    with pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s) AS mine", (_LOCK,)).fetchone()
        if row is None or not row["mine"]:
            raise Conflict("somebody else is changing the keys at the moment")
        try:
            yield
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
