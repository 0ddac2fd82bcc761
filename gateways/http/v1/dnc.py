"""The do-not-call list (spec 06, DNC): look, list, import a file."""

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat
from litestar.params import QueryParameter
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from commands.dnc import ListNumber, UnlistNumber
from domain import numbers
from domain.errors import Fault, Invalid, NotFound
from domain.rules import faults_of
from gateways.dnc import MAX_FILE
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import operation
from gateways.problems import TooLarge, UnsupportedMediaType
from projections import directory, dnc

FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, min_length=1)
CSV_TYPES = ("text/csv", "application/csv", "text/plain")
STALLED = 60_000
"""Milliseconds without progress after which an import counts as stalled."""
Limit = Annotated[int, QueryParameter(ge=1, le=1000, default=100)]
Cursor = Annotated[str | None, QueryParameter(max_length=500)]
Text = Annotated[str | None, QueryParameter(max_length=200)]


class DncNumber(BaseModel):
    """A number that must not be called. Times in epoch seconds."""

    id: str = Field(description="The number")
    account_id: str
    e164: str = Field(examples=["14155551234"])
    reason: str | None
    source: str | None
    expires_at: int | None
    created_at: int
    updated_at: int


class DncPage(BaseModel):
    ok: int = 1
    count: int
    rows: list[DncNumber]
    next_cursor: str | None = None


class NewDncNumber(BaseModel):
    model_config = ConfigDict(extra="forbid")
    e164: Annotated[str, Field(max_length=64, examples=["+1 415 555 1234"])]
    reason: Annotated[str, Field(max_length=200)] | None = None
    source: Annotated[str, Field(max_length=200)] | None = None
    expires_at: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Epoch seconds"
    )


class DncCheck(BaseModel):
    ok: int = 1
    e164: str
    listed: int = Field(description="1: must not be called")
    reason: str | None = None
    source: str | None = None
    expires_at: int | None = None


class Unlisted(BaseModel):
    ok: int = 1
    e164: str


class StartedImport(BaseModel):
    ok: int = 1
    id: str
    lines: int


class Reject(BaseModel):
    line: int = Field(description="In the file, from 1")
    value: str
    reason: str


class ImportProgress(BaseModel):
    """How far a file is read. Times in epoch milliseconds."""

    ok: int = 1
    id: str
    state: str = Field(description="running, finished or stalled")
    lines: int
    done: int
    listed: int = Field(description="Numbers that are new on the list or changed")
    rejected: int
    started_at: int
    updated_at: int
    finished_at: int | None
    rejects: list[Reject]
    next_cursor: str | None = None


@dataclass
class CsvUpload(Operation):
    """The API document says that the body is a file."""

    def __post_init__(self) -> None:
        csv = OpenAPIMediaType(schema=FILE)
        self.request_body = RequestBody(content={"text/csv": csv}, required=True)


@get("/", **operation("listDnc", "List the numbers that must not be called", "dnc"))
async def list_numbers(
    context: Context,
    caller: Caller,
    limit: Limit,
    cursor: Cursor = None,
    e164: Annotated[
        str | None, QueryParameter(max_length=20, description="How the number begins")
    ] = None,
    reason: Text = None,
    source: Text = None,
) -> Response[DncPage]:
    after = paging.decode(cursor, str)
    given = {"e164": e164 and e164.strip().removeprefix("+"), "reason": reason, "source": source}
    filters = {name: value for name, value in given.items() if value}
    now, last = int(time.time()), after[0] if after else None
    await context.reader.caught_up("dnc")
    rows = await context.reader.query(
        lambda sql: dnc.page(sql, caller.account_id, filters, last, limit + 1, now)
    )
    page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows))}
    page["rows"] = [_shown(row) for row in rows[:limit]]
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["e164"])
    return Response(page)  # type: ignore[arg-type]


@post("/", **operation("createDnc", "Put a number on the list", "dnc"), status_code=201)
async def list_number(context: Context, caller: Caller, data: NewDncNumber) -> Response[DncNumber]:
    e164 = await _number(context, caller, data.e164)
    members = {**data.model_dump(), "e164": e164, "command_id": caller.draw.command_id}
    try:
        command = ListNumber(account_id=caller.account_id, by=caller.id, **members)
    except ValidationError as error:
        raise Invalid("the request is not valid", faults_of(error)) from None
    reply = await context.commander.ask(command)
    await context.reader.until_shown("dnc", reply.position)
    row = await context.reader.query(lambda sql: dnc.one(sql, caller.account_id, e164, -1))
    if row is None:
        raise NotFound(f"{e164} is not on the list")
    return Response(_shown(row), status_code=201)  # type: ignore[arg-type]


@get("/check", **operation("checkDnc", "Whether a number must not be called", "dnc"))
async def check_number(
    context: Context,
    caller: Caller,
    e164: Annotated[str, QueryParameter(max_length=64, description="The number; needed")] = "",
) -> Response[DncCheck]:
    number, row = await _find(context, caller, e164, int(time.time()))
    said = {name: row[name] for name in ("reason", "source", "expires_at")} if row else {}
    return Response(DncCheck(e164=number, listed=int(row is not None), **said))


@delete(
    "/{e164:str}",
    **operation("deleteDnc", "Take a number from the list", "dnc"),
    status_code=200,
)
async def unlist_number(context: Context, caller: Caller, e164: str) -> Unlisted:
    return await _unlist(context, caller, e164)


async def _unlist(context: Context, caller: Caller, e164: str) -> Unlisted:
    number, _ = await _find(context, caller, e164, -1)
    command = UnlistNumber(account_id=caller.account_id, e164=number, by=caller.id)
    reply = await context.commander.ask(command)
    await context.reader.until_shown("dnc", reply.position)
    return Unlisted(e164=number)


@delete(
    "/",
    **operation("deleteDncNumber", "Take the number e164 from the list", "dnc", [404]),
    status_code=200,
)
async def unlist_named(
    context: Context,
    caller: Caller,
    e164: Annotated[str, QueryParameter(max_length=64, description="The number; needed")] = "",
) -> Unlisted:
    return await _unlist(context, caller, e164)


@post(
    "/import",
    **operation(
        "importDnc",
        "Read a CSV file into the list, in the background",
        "dnc",
        [415],
        headers=["Location"],
    ),
    operation_class=CsvUpload,
    request_max_body_size=MAX_FILE,
    status_code=202,
)
async def import_file(
    request: Request[Any, Any, Any], context: Context, caller: Caller
) -> Response[StartedImport]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in CSV_TYPES:
        raise UnsupportedMediaType(f"{media_type or 'nothing'} is not text/csv")
    file = await request.body()
    if len(file) > MAX_FILE:
        raise TooLarge(f"the file is larger than {MAX_FILE} bytes")
    country = await _country(context, caller)
    id, lines = await context.importer.start(
        caller.account_id, country, file, caller.id, caller.draw
    )
    return Response(
        StartedImport(id=id, lines=lines),
        status_code=202,
        headers={"Location": f"/v1/dnc/import/{id}"},
    )


@get(
    "/import/{id:str}",
    **operation("getDncImport", "How far a file is read, and the lines that it rejects", "dnc"),
)
async def get_import(
    context: Context, caller: Caller, id: str, limit: Limit, cursor: Cursor = None
) -> Response[ImportProgress]:
    after = paging.decode(cursor, int)
    await context.reader.caught_up("dnc")
    row = await context.reader.query(lambda sql: dnc.progress(sql, caller.account_id, id))
    if row is None:
        raise NotFound(f"no import {id}")
    rejects = await context.reader.query(
        lambda sql: dnc.rejected(sql, id, after[0] if after else None, limit + 1)
    )
    found: dict[str, Any] = {"ok": 1, **row, "state": _state(row), "rejects": rejects[:limit]}
    if len(rejects) > limit:
        found["next_cursor"] = paging.encode(rejects[limit - 1]["line"])
    return Response(ImportProgress(**found))


async def _country(context: Context, caller: Caller) -> str:
    account = await context.reader.query(
        lambda sql: directory.one(sql, caller.account_id, "account", caller.account_id)
    )
    return str(account["body"]["country"]) if account else "US"


async def _number(context: Context, caller: Caller, text: str) -> str:
    """A number in any form as E.164 digits; national ones are read in the account's country."""
    number = numbers.from_list(text.strip(), await _country(context, caller))
    if number is None:
        raise Invalid("the request is not valid", [Fault("/e164", "is not a telephone number")])
    return number


async def _find(
    context: Context, caller: Caller, text: str, now: int
) -> tuple[str, DictRow | None]:
    """A number as the list shows it, or in any other form, and its row if it is on the list."""
    await context.reader.caught_up("dnc")
    for number in (text.strip().removeprefix("+"), await _number(context, caller, text)):
        row = await context.reader.query(
            lambda sql, number=number: dnc.one(sql, caller.account_id, number, now)  # type: ignore[misc]
        )
        if row is not None:
            break
    return number, row


def _shown(row: DictRow) -> dict[str, Any]:
    times = {name: row[name] // 1000 for name in ("created_at", "updated_at")}
    return {"id": row["e164"], **row, **times}


def _state(row: DictRow) -> str:
    if row["finished_at"] is not None:
        return "finished"
    return "stalled" if time.time() * 1000 - row["updated_at"] > STALLED else "running"


def router() -> Router:
    handlers: list[Any] = [list_numbers, list_number, check_number, unlist_number, unlist_named]
    return Router("/dnc", route_handlers=[*handlers, import_file, get_import], tags=["DNC"])
