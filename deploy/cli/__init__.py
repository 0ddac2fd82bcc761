"""The command line: `callplane`. A file per group of commands; every command takes `--json`.

Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 3 no such thing, 4 not reachable.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from deploy.settings import BadSettings, load

SERVERS = ("up", "serve", "worker", "project", "relay", "send")
"""Commands that run until they are stopped, and write a log."""


def main() -> None:
    """Entry point."""
    try:
        settings, _ = load()
    except BadSettings as error:
        print(f"callplane: bad settings: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    if sys.argv[1:2] == ["up"]:
        # has to be known before the first metric is made; a process that runs by itself shows its
        # own figures only, so that nothing is counted twice where all are asked
        metrics = settings.data_dir.resolve() / "metrics"
        metrics.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    from deploy.cli.app import app

    try:
        app()
    except Exception as error:
        is_logged = settings.log_format == "json" and sys.argv[1:2] in ([one] for one in SERVERS)
        raise SystemExit(explained(error, _logged if is_logged else _printed)) from None


def _printed(text: str) -> None:
    print(f"callplane: {text}", file=sys.stderr)


def _logged(text: str) -> None:
    import logging

    logging.getLogger("callplane").critical("%s", text)


def explained(error: Exception, tell: Callable[[str], None] = _printed) -> int:
    """Say what went wrong in one line; the exit code for it."""
    from commands.store import StoreDown
    from deploy.runfile import NotRunning
    from domain.errors import NotFound, Refusal, Unavailable

    if isinstance(error, Refusal):
        tell("\n".join([error.detail, *(f"  {f.pointer}: {f.detail}" for f in error.faults)]))
        if isinstance(error, NotFound):
            return 3
        return 4 if isinstance(error, Unavailable) else 1
    if isinstance(error, NotRunning | StoreDown | ConnectionError):
        tell(str(error))
        return 4
    if isinstance(error, RuntimeError | OSError | ValueError):
        tell(str(error))
        return 1
    raise error


Json = typer.Option(False, "--json", help="Print JSON for machines.")


def say(data: Any, as_json: bool, text: str | None = None) -> None:
    """One result: JSON, or the text for people."""
    if as_json or text is None:
        import orjson

        print(orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode())
    else:
        print(text)


def table(rows: list[dict[str, Any]], columns: list[str], title: str | None = None) -> None:
    """Rows for people."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(*columns, title=title, title_justify="left")
    for row in rows:
        shown.add_row(*("" if row.get(name) is None else str(row[name]) for name in columns))
    Console().print(shown)
