"""Brings a database to this release: numbered SQL, forward only, then the read models.

A read model is not migrated but rebuilt: when its version differs from the stored one, it is folded
again from position 0 into a shadow schema and swapped in (`gateways/store/rebuild.py`).
"""

from importlib.resources import files

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from gateways.store.projector import create, stored_versions
from gateways.store.rebuild import rebuild
from projections.catalogue import CATALOGUE

_LOCK = 7224


def migrate(url: str) -> list[str]:
    """Apply what is missing and return its names. Safe to run at the same time from two places."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        applied = _numbered(connection)
        connection.execute("CREATE SCHEMA IF NOT EXISTS views")
        stored = stored_versions(connection, "views")
        for projection in CATALOGUE:
            if projection.name not in stored:
                create(connection, "views", projection)
                applied.append(f"view {projection.name}")
    old = [p for p in CATALOGUE if stored.get(p.name, p.version) != p.version]
    if old:
        rebuild(url, old, compare=False)
    return [*applied, *(f"view {projection.name} rebuilt" for projection in old)]


def pending(url: str) -> list[str]:
    """The numbered migrations that this database lacks."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        known = _known(connection)
    return [name for name, _ in _files() if name not in known]


def _numbered(connection: Connection[DictRow]) -> list[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS public.callplane_migrations"
        " (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
    )
    known = _known(connection)
    applied = []
    for name, sql in _files():
        if name in known:
            continue
        with connection.transaction():
            connection.execute(sql.encode())
            connection.execute("INSERT INTO public.callplane_migrations VALUES (%s)", (name,))
        applied.append(name)
    return applied


def _known(connection: Connection[DictRow]) -> set[str]:
    exists = connection.execute(
        "SELECT to_regclass('public.callplane_migrations') IS NOT NULL AS yes"
    ).fetchone()
    if not exists or not exists["yes"]:
        return set()
    rows = connection.execute("SELECT name FROM public.callplane_migrations").fetchall()
    return {row["name"] for row in rows}


def _files() -> list[tuple[str, str]]:
    folder = files("gateways.store") / "migrations"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [(entry.name, entry.read_text()) for entry in sorted(found, key=lambda e: e.name)]
