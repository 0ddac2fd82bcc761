"""`archive`: months of calls that are over, out of the database."""

import asyncio
import time
from typing import Any

import typer

from deploy import parts, runfile
from deploy.cli import Json, say, table
from deploy.settings import load
from domain.errors import Fault, Invalid
from gateways.archive import moving
from gateways.archive.moving import Moved
from projections.months import Month


def archive(
    before: str = typer.Option(
        "", help="YYYY-MM: the months before this one, not those that have left the window."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say which months it would be."),
    json: bool = Json,
) -> None:
    """Bring months of calls that have left the window (HOT_DAYS) to the object store, as Parquet.

    The API goes on listing them. Broken off at any moment, it loses nothing: run it again.
    """
    settings, _ = load()
    until = _until(before) if before else moving.hot_until(settings.hot_days)
    url, objects = runfile.servers(settings).database_url, parts.objects(settings)

    def tell(moved: Moved) -> None:
        if not json:
            print(f"{moved.month}: {moved.rows} call(s)", flush=True)

    done = asyncio.run(
        moving.archive(url, objects, parts.copies(settings, objects), until, dry_run, tell)
    )
    rows = [_row(moved) for moved in done]
    if json:
        say({"dry_run": dry_run, "months": rows}, True)
    else:
        what = "would be archived" if dry_run else "archived"
        columns = ["month", "accounts", "rows", "bytes", "what"]
        table(rows, columns, f"{len(rows)} month(s) {what}")


def _row(moved: Moved) -> dict[str, Any]:
    what = "calls" if moved.is_new else "late news of calls"
    return {**moved._asdict(), "month": str(moved.month), "what": what}


def _until(text: str) -> int:
    try:
        month = Month.parse(text)
    except ValueError as error:
        raise Invalid("no such month", [Fault("/before", str(error))]) from None
    if month > Month.of(time.time_ns() // 1_000_000):
        fault = Fault("/before", "is yet to come: this month's calls stay where they are")
        raise Invalid("no such month", [fault])
    return month.begins
