"""The caller's account, and the tree of accounts below a reseller's (spec 02, multi-tenant).

Who may act for whom is looked up here; what a child begins with and what its parent says of it
stands in `domain/accounts.py`.
"""

from typing import Any, Literal

from litestar import Response, Router, delete, get, patch, post
from psycopg.rows import DictRow
from pydantic import BaseModel, Field, create_model

from domain import accounts as tree
from domain.accounts import Placed
from domain.errors import Fault, Forbidden, NotFound
from events.base import AccountId
from events.resources import Account
from gateways.http.v1 import rows
from gateways.http.v1.collections import ACCOUNTS
from gateways.http.v1.context import Caller, Context, etag, version_from
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import Asked, Cursor, IfMatch, Limit
from gateways.http.v1.shapes import models, row_of
from gateways.ids import PREFIXES
from projections import directory

SCOPE = ACCOUNTS.scope
SORTS = rows.sorts_of(ACCOUNTS)


class Brand(BaseModel):
    """The account's own brand, or the nearest above it."""

    name: str | None
    domain: str | None
    account_id: str | None = Field(description="Whose it is; null when nobody has one")


class Closed(BaseModel):
    ok: int = 1
    id: str
    status: Literal["closed"] = "closed"


Row, Page, Created, New, Patch = models(ACCOUNTS)
BrandedAccount = create_model("BrandedAccount", __base__=Row, __config__=None, brand=(Brand, ...))


@get(
    "/account",
    **operation("getOwnAccount", "Read the account that the request is about", headers=rows.SHOWN),
)
async def get_own(context: Context, caller: Caller) -> Response[BrandedAccount]:
    return _shown(await _line(context, caller.account_id))


@patch(
    "/account",
    **operation("updateOwnAccount", "Change the account itself", SCOPE, headers=rows.SHOWN),
)
async def change_own(
    context: Context, caller: Caller, data: Patch, if_match: IfMatch = None
) -> Response[BrandedAccount]:
    members = rows.members_of(data)
    tree.check_own(_placed(await _line(context, caller.account_id)), members)
    return await _change(context, caller, caller.account_id, members, if_match)


@get(
    "/accounts",
    operation_class=rows.filtered(ACCOUNTS),
    **operation("listAccounts", "List the accounts below this one, at any depth", SCOPE),
)
async def list_accounts(
    context: Context,
    caller: Caller,
    request: Asked,
    limit: Limit,
    cursor: Cursor = None,
    sort: SORTS = "id",
) -> Response[Page]:
    below = await context.reader.query(lambda sql: directory.tree(sql, caller.account_id))
    asked = dict(request.query_params)
    found, more = await rows.page(context, below, ACCOUNTS, asked, sort, cursor, limit)
    return Response(rows.page_of([row_of(ACCOUNTS, row) for row in found], more))


@post(
    "/accounts",
    **operation(
        "createAccount", "Create an account below a reseller's", SCOPE, headers=rows.CREATED
    ),
)
async def create_account(context: Context, caller: Caller, data: New) -> Response[Created]:
    members = rows.members_of(data)
    parent = await _parent(context, caller, members.get("parent_id") or caller.account_id)
    id, wished = AccountId(caller.draw.id(PREFIXES["account"])), tree.child_of(parent, members)
    written = await context.provisioner.create(id, "account", wished, caller.id, id, caller.draw)
    return rows.creation(ACCOUNTS, id, (await _line(context, id))[0], written.revealed)


@get(
    "/accounts/{id:str}",
    **operation("getAccount", "Read an account below this one", SCOPE, headers=rows.SHOWN),
)
async def get_account(context: Context, caller: Caller, id: str) -> Response[BrandedAccount]:
    return _shown(await _below(context, caller, id))


@patch(
    "/accounts/{id:str}",
    **operation("updateAccount", "Change an account below", SCOPE, headers=rows.SHOWN),
)
async def change_account(
    context: Context, caller: Caller, id: str, data: Patch, if_match: IfMatch = None
) -> Response[BrandedAccount]:
    await _below(context, caller, id)
    return await _change(context, caller, AccountId(id), rows.members_of(data), if_match)


@delete(
    "/accounts/{id:str}",
    **operation("closeAccount", "Close an account below: its rows and history stay", SCOPE),
    status_code=200,
)
async def close_account(
    context: Context, caller: Caller, id: str, if_match: IfMatch = None
) -> Closed:
    await _below(context, caller, id)
    below = await context.reader.query(
        lambda sql: [directory.line(sql, child)[0] for child in directory.tree(sql, AccountId(id))]
    )
    tree.check_closing(_placed(below))
    await _change(context, caller, AccountId(id), {"status": "closed"}, if_match)
    return Closed(id=id)


async def _line(context: Context, id: str) -> list[DictRow]:
    """The account and those above it."""
    found = await context.reader.query(lambda sql: directory.line(sql, id))
    if not found:
        raise NotFound(f"no account {id}")
    return found


async def _below(context: Context, caller: Caller, id: str) -> list[DictRow]:
    """The line of an account below the caller's."""
    line = await context.reader.query(lambda sql: directory.line(sql, id))
    if caller.account_id not in [row["id"] for row in line[1:]]:
        raise NotFound(f"no account {id} below this one")
    return line


async def _parent(context: Context, caller: Caller, id: str) -> Placed:
    """Under whom a new account goes: this one, or a reseller below it."""
    line = await context.reader.query(lambda sql: directory.line(sql, id))
    if caller.account_id not in [row["id"] for row in line]:
        fault = Fault("/parent_id", "is neither this account nor below it")
        raise Forbidden("the parent is not yours", [fault])
    return _placed(line)[0]


def _placed(rows: list[DictRow]) -> list[Placed]:
    return [Placed(row["id"], Account.model_validate(row["body"])) for row in rows]


async def _change(
    context: Context,
    caller: Caller,
    id: AccountId,
    members: dict[str, Any],
    if_match: str | None,
) -> Response[Any]:
    version = version_from(if_match)
    await context.provisioner.change(id, "account", id, members, caller.id, version)
    return _shown(await _line(context, id))


def _shown(line: list[DictRow]) -> Response[Any]:
    body = {**row_of(ACCOUNTS, line[0]), "brand": _brand(line).model_dump()}
    return Response(body, headers={"ETag": etag(line[0]["version"])})


def _brand(line: list[DictRow]) -> Brand:
    whose = tree.branded(_placed(line))
    if whose is None:
        return Brand(name=None, domain=None, account_id=None)
    return Brand(name=whose.body.brand_name, domain=whose.body.brand_domain, account_id=whose.id)


def router() -> Router:
    handlers = [get_own, change_own, list_accounts, create_account]
    handlers += [get_account, change_account, close_account]
    return Router("/", route_handlers=handlers, tags=["Account"])
