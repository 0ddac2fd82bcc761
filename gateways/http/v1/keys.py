"""API keys of the account: list, make, revoke (spec 07, spec 10). A key is shown once."""

from typing import Annotated, Any, Literal

from litestar import Response, Router, delete, get, post
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import Forbidden, NotFound
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import RowId, operation
from projections import directory

MAX_KEYS = 1000


class Key(BaseModel):
    id: str
    kind: str
    prefix: str = Field(description="The first characters of the key", examples=["sk_Jc0e3Qwq"])
    name: str
    scopes: list[str]
    created_at: int
    expires_at: int | None
    revoked: bool


class Keys(BaseModel):
    keys: list[Key]


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["CRM"])]
    kind: Literal["sk"] = "sk"
    scopes: Annotated[list[str], Field(min_length=1, max_length=50, examples=[["cdr"]])]
    expires_at: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Epoch seconds"
    )


class MadeKey(BaseModel):
    id: str
    name: str
    key: str = Field(description="The whole key: shown now and never again")
    prefix: str
    created_at: int


class KeyToRevoke(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key_id: RowId


class Revoked(BaseModel):
    revoked: bool = True


@get("/", **operation("listKeys", "List the account's API keys"))
async def list_keys(context: Context, caller: Caller) -> Keys:
    rows = await context.reader.query(
        lambda cursor: directory.page(cursor, [caller.account_id], "api_key", MAX_KEYS)
    )
    return Keys(
        keys=[
            Key(
                id=row["id"],
                kind=row["body"]["kind"],
                prefix=row["body"]["prefix"],
                name=row["body"]["name"],
                scopes=row["body"]["scopes"],
                created_at=row["created_at"] // 1000,
                expires_at=row["body"]["expires_at"],
                revoked=row["body"]["status"] == "revoked",
            )
            for row in rows
        ]
    )


@post("/generate", **operation("generateKey", "Make an API key"), status_code=201)
async def generate_key(context: Context, caller: Caller, data: NewKey) -> Response[MadeKey]:
    _no_more_than(caller, data.scopes)
    written = await context.provisioner.create(
        caller.account_id, "api_key", data.model_dump(), caller.id
    )
    row = await context.reader.query(
        lambda cursor: directory.one(cursor, caller.account_id, "api_key", written.id)
    )
    made: dict[str, Any] = {"id": written.id, "name": data.name, "key": written.revealed["key"]}
    if row is not None:
        made |= {"prefix": row["body"]["prefix"], "created_at": row["created_at"] // 1000}
    return Response(MadeKey(**made), headers={"Cache-Control": "no-store"})


@delete(
    "/revoke",
    **operation("revokeKey", "Revoke an API key, at once on every gateway", more=[404]),
    status_code=200,
)
async def revoke_key(context: Context, caller: Caller, data: KeyToRevoke) -> Revoked:
    row = await context.reader.query(
        lambda cursor: directory.one(cursor, caller.account_id, "api_key", data.key_id)
    )
    if row is None:
        raise NotFound(f"no key {data.key_id}")
    if data.key_id != caller.id:
        _no_more_than(caller, row["body"]["scopes"])
    await context.provisioner.change(
        caller.account_id, "api_key", data.key_id, {"status": "revoked"}, caller.id
    )
    return Revoked()


def _no_more_than(caller: Caller, scopes: list[str]) -> None:
    """Nobody makes or revokes a key that can do more than his own."""
    own = caller.principal.scopes
    beyond = sorted(scope for scope in scopes if scope not in own and "*" not in own)
    if beyond:
        raise Forbidden(f"your own key lacks the scope '{beyond[0]}'")


def router() -> Router:
    return Router("/keys", route_handlers=[list_keys, generate_key, revoke_key], tags=["Keys"])
