"""`calls`: the call log: listed, followed, exported. Hot and archived calls alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from commands.store import StoreDown
from deploy import connections, parts, runfile
from deploy.cli import Json, say, table
from deploy.cli.listen import moment
from deploy.settings import load
from domain.errors import Fault, Invalid, Unavailable
from events.base import AccountId
from events.call import Direction, Disposition
from gateways.archive.reading import CallLog
from gateways.archive.sheet import COLUMNS
from gateways.http.v1.sheets import Sheet, csv_of, ndjson_of
from gateways.store.reader import Reader
from projections.cdr import LISTED
from projections.keyset import Key, Page, Wanted

T = TypeVar("T")
app = typer.Typer(help="The call log.", no_args_is_help=True)

PAGE = 2_000
PATIENCE = 60.0
"""Seconds for which an export waits for a store that is away."""
OVERLAP = 60_000
"""Milliseconds: calls may come into the log a little later than others that began after them."""
REST = 1.0
"""Seconds from one look for new calls to the next, however many come."""
SHOWN = ["began", "call_id", "direction", "from_num", "to_num", "disposition", "billsec"]
_NUMBERS = frozenset({"answered", "min_duration", "max_duration"})
_WORDS: dict[str, type[StrEnum]] = {"direction": Direction, "disposition": Disposition}

Account = typer.Option(..., "--account", help="Id of the account.")
Since = typer.Option("", help="From then on: 10m, 2h, 1d ago, or ISO 8601.")
Until = typer.Option("", help="Before then.")
Where = typer.Option(
    [], "--where", "-w", help=f"NAME=VALUE: {', '.join((*LISTED.led, *LISTED.looked_at))}."
)


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


@app.command("list")
def list_calls(
    account: str = Account,
    limit: int = typer.Option(20, min=1, max=100_000),
    oldest_first: bool = typer.Option(False, "--oldest-first"),
    since: str = Since,
    until: str = Until,
    where: list[str] = Where,
    json: bool = Json,
) -> None:
    """The account's calls, newest first."""
    wanted = _wanted(account, where, since, until, not oldest_first)

    async def work(log: CallLog, reader: Reader) -> list[dict[str, Any]]:
        await reader.caught_up("cdr")
        rows: list[dict[str, Any]] = []
        async for some in _pages(log, wanted, limit):
            rows += some
        return rows

    rows = _with_log(work)
    if json:
        say(rows, True)
    else:
        table([_shown(row) for row in rows], SHOWN, f"{len(rows)} call(s)")


@app.command()
def tail(
    account: str = Account,
    lines: int = typer.Option(10, "-n", min=0, max=1_000, help="Calls to begin with."),
    where: list[str] = Where,
    json: bool = typer.Option(False, "--json", help="Print a line of JSON for each call."),
) -> None:
    """Calls as they come into the log, until Ctrl-C."""
    wanted = _wanted(account, where, "", "", newest_first=True)

    def tell(row: dict[str, Any]) -> None:
        line = orjson.dumps(row).decode() if json else _line(row)
        print(line, flush=True)

    async def work(log: CallLog, reader: Reader) -> None:
        async for row in _followed(log, reader, wanted, lines):
            tell(row)

    try:
        _with_log(work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def export(
    account: str = Account,
    output: Path = typer.Option(..., "--output", "-o", dir_okay=False, help="The file."),
    format: Format = typer.Option(Format.CSV, help="What it is of."),
    since: str = Since,
    until: str = Until,
    where: list[str] = Where,
    json: bool = Json,
) -> None:
    """The account's calls as a file, oldest first.

    It is there when it is whole. A store that goes away is waited for, for a minute, and the export
    goes on where it was; after that, or when it is broken off, start it again: nothing is left.
    """
    wanted = _wanted(account, where, since, until, newest_first=False)
    if not output.parent.is_dir():
        raise Invalid("nowhere to write", [Fault("/output", f"{output.parent} is no folder")])
    sheet = (csv_of if format is Format.CSV else ndjson_of)(COLUMNS)

    async def work(log: CallLog, reader: Reader) -> int:
        await reader.caught_up("cdr")
        with _bar(not json) as bar, _whole(output) as partial:
            return await _written(log, wanted, sheet, partial, bar)

    rows = _with_log(work)
    done = {"file": str(output), "rows": rows, "bytes": output.stat().st_size}
    say(done, json, f"{rows} call(s) in {output}")


# Reading


def _with_log(work: Callable[[CallLog, Reader], Awaitable[T]]) -> T:
    async def connected() -> T:
        settings, _ = load()
        async with connections.reading(runfile.servers(settings)) as reader:
            near = parts.copies(settings, parts.objects(settings))
            return await work(CallLog(reader, near), reader)

    return asyncio.run(connected())


async def _pages(
    log: CallLog, wanted: Wanted, limit: int | None = None
) -> AsyncIterator[list[dict[str, Any]]]:
    """Page by page; one that cannot be read now is asked for again, from where it begins."""
    after: Key | None = None
    left = limit
    patient = AsyncRetrying(
        retry=retry_if_exception_type((StoreDown, Unavailable)),
        wait=wait_exponential(0.2, max=5),
        stop=stop_after_delay(PATIENCE),
        reraise=True,
    )
    while left is None or left > 0:
        size = PAGE if left is None else min(left, PAGE)
        page: Page = await patient(log.page, wanted, after, size)
        yield page.rows
        left = None if left is None else left - len(page.rows)
        if (after := page.end) is None:
            return


async def _followed(
    log: CallLog, reader: Reader, wanted: Wanted, lines: int
) -> AsyncIterator[dict[str, Any]]:
    """The last `lines` calls, then each one when it comes: what began a little earlier than the
    newest one is looked at again."""
    newest = time.time_ns() // 1_000_000
    last = [row async for some in _pages(log, wanted, lines) for row in some]
    recent = [row async for some in _pages(log, _since(wanted, newest - OVERLAP)) for row in some]
    for row in reversed(last):
        yield row
    seen = {row["call_id"]: row["start_ts"] for row in (*last, *recent)}
    while True:
        await reader.change("cdr", 1.0)
        async for some in _pages(log, _since(wanted, newest - OVERLAP)):
            for row in some:
                if row["call_id"] not in seen:
                    seen[row["call_id"]] = row["start_ts"]
                    yield row
        newest = max([newest, *seen.values()])
        seen = {id: start for id, start in seen.items() if start >= newest - OVERLAP}
        await asyncio.sleep(REST)


def _since(wanted: Wanted, since: int) -> Wanted:
    return Wanted(wanted.account_id, {**wanted.filters, "since": since}, newest_first=False)


# What is asked


def _wanted(account: str, where: list[str], since: str, until: str, newest_first: bool) -> Wanted:
    now = time.time()
    filters = dict(_filter(text) for text in where)
    for name, text in (("since", since), ("until", until)):
        if text:
            filters[name] = _moment(name, text, now)
    return Wanted(AccountId(account), filters, newest_first)


def _moment(name: str, text: str, now: float) -> int:
    try:
        return moment(text, now)
    except Invalid as invalid:
        faults = [Fault(f"/{name}", fault.detail) for fault in invalid.faults]
        raise Invalid(invalid.detail, faults) from None


def _filter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    fault = None
    if not equals or name not in (*LISTED.led, *LISTED.looked_at):
        fault = f"{text} is not NAME=VALUE of a filter"
    elif name in _NUMBERS and not (value.isascii() and value.isdigit() and len(value) < 16):
        fault = f"{name} is a number, not {value}"
    elif name in _WORDS and value not in list(_WORDS[name]):
        fault = f"{name} is one of {', '.join(_WORDS[name])}"
    if fault:
        raise Invalid("no such filter", [Fault("/where", fault)])
    return name, int(value) if name in _NUMBERS else value


# Writing


class _Span(NamedTuple):
    """Of time, that the export covers (epoch ms)."""

    first: int
    last: int


async def _span(log: CallLog, wanted: Wanted) -> _Span:
    """From the first call to the last; what is asked for where none is found at once."""
    filters, found = wanted.filters, []
    for newest_first in (False, True):
        page = await log.page(wanted._replace(newest_first=newest_first), None, 1)
        found += [row["start_ts"] for row in page.rows]
    now = time.time_ns() // 1_000_000
    return _Span(min([*found, filters.get("since", now)]), max([*found, 0]))


async def _written(log: CallLog, wanted: Wanted, sheet: Sheet, file: Path, bar: Progress) -> int:
    span, rows = await _span(log, wanted), 0
    total = max(1, span.last - span.first)
    task = bar.add_task("exporting", total=total, rows=rows)
    with file.open("wb") as out:
        out.write(sheet.head)
        async for some in _pages(log, wanted):
            if some:
                out.write(sheet.lines(some))
                rows += len(some)
                covered = min(total, some[-1]["start_ts"] - span.first)
                bar.update(task, completed=covered, rows=rows)
    bar.update(task, completed=total, rows=rows)
    return rows


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """A file that takes the place of `output` when all went well, and is gone otherwise."""
    partial = output.with_name(f".{output.name}.part")
    try:
        yield partial
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _bar(is_shown: bool) -> Iterator[Progress]:
    """By the time that is covered: nobody counts the calls beforehand."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    rows = TextColumn("{task.fields[rows]} calls")
    with Progress(
        *columns, rows, TimeRemainingColumn(), disable=not is_shown, console=Console(stderr=True)
    ) as bar:
        yield bar


# Showing


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "began": _time(row["start_ts"])}


def _line(row: dict[str, Any]) -> str:
    shown = _shown(row)
    return "  ".join("-" if shown[name] is None else str(shown[name]) for name in SHOWN)


def _time(ts: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ts / 1000))
