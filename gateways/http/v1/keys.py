"""Keys of the account: list, make, revoke (spec 07, spec 10). A key is shown once.

`sk_` keys open what their scopes say, `sips_` keys the diagnosis.
"""

from typing import Annotated, Any, Literal

from litestar import Response, Router, delete, get, post
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import Fault, Forbidden, Invalid, NotFound
from gateways.access import SIPS_SCOPES
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.operation import RowId, operation
from projections import directory

MAX_KEYS = 1000
Plan = Literal["pro", "teams"]
_PLANS = ("pro", "teams")
"""In the order of what they allow."""


class Key(BaseModel):
    id: str
    kind: str
    prefix: str = Field(description="The first characters of the key", examples=["sk_Jc0e3Qwq"])
    name: str
    scopes: list[str]
    plan: str | None = Field(description="Of a sips key")
    created_at: int
    last_used_at: int | None = Field(description="Epoch seconds, to the minute")
    expires_at: int | None
    revoked: bool


class Keys(BaseModel):
    keys: list[Key]


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["CRM"])]
    kind: Literal["sk", "sips"] | None = Field(
        default=None,
        description="sk: an API key with `scopes`. sips: a key for `/v1/analyze`; it is what is"
        " made when there are no scopes either.",
    )
    scopes: Annotated[list[str], Field(min_length=1, max_length=50, examples=[["cdr"]])] | None = (
        None
    )
    plan: Plan | None = Field(default=None, description="Of a sips key; pro, or that of the caller")
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


@get("/", **operation("listKeys", "List the account's keys"))
async def list_keys(context: Context, caller: Caller) -> Keys:
    rows = await context.reader.query(
        lambda cursor: directory.page(cursor, [caller.account_id], "api_key", MAX_KEYS)
    )
    used = await context.last_used.of([row["id"] for row in rows])
    return Keys(
        keys=[
            Key(
                id=row["id"],
                kind=row["body"]["kind"],
                prefix=row["body"]["prefix"],
                name=row["body"]["name"],
                scopes=row["body"]["scopes"],
                plan=row["body"].get("plan"),
                created_at=row["created_at"] // 1000,
                last_used_at=used[row["id"]] // 1000 if row["id"] in used else None,
                expires_at=row["body"]["expires_at"],
                revoked=row["body"]["status"] == "revoked",
            )
            for row in rows
        ]
    )


@post("/generate", **operation("generateKey", "Make a key"), status_code=201)
async def generate_key(context: Context, caller: Caller, data: NewKey) -> Response[MadeKey]:
    wanted = _wanted(caller, data)
    caller.may_grant(wanted["scopes"])
    written = await context.provisioner.create(
        caller.account_id, "api_key", wanted, caller.id, draw=caller.draw
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
    **operation("revokeKey", "Revoke a key, at once on every gateway", more=[404]),
    status_code=200,
)
async def revoke_key(context: Context, caller: Caller, data: KeyToRevoke) -> Revoked:
    row = await context.reader.query(
        lambda cursor: directory.one(cursor, caller.account_id, "api_key", data.key_id)
    )
    if row is None:
        raise NotFound(f"no key {data.key_id}")
    if data.key_id != caller.id:
        caller.may_grant(row["body"]["scopes"])
    await context.provisioner.change(
        caller.account_id, "api_key", data.key_id, {"status": "revoked"}, caller.id
    )
    return Revoked()


def _wanted(caller: Caller, data: NewKey) -> dict[str, Any]:
    """The members of the key: an API key if it has scopes, else one for diagnosis."""
    kind = data.kind or ("sk" if data.scopes else "sips")
    members = {"name": data.name, "kind": kind, "expires_at": data.expires_at}
    if kind == "sk":
        if data.plan is not None:
            raise Invalid("the key is not valid", [Fault("/plan", "is a matter of sips keys")])
        if not data.scopes:
            raise Invalid("the key is not valid", [Fault("/scopes", "is missing")])
        return {**members, "scopes": data.scopes}
    if data.scopes:
        raise Invalid("the key is not valid", [Fault("/scopes", "is a matter of sk keys")])
    return {**members, "scopes": list(SIPS_SCOPES), "plan": _plan(caller, data.plan)}


def _plan(caller: Caller, wanted: Plan | None) -> str:
    """Who has a plan does not give a larger one."""
    own = caller.principal.plan
    if wanted and own and _PLANS.index(wanted) > _PLANS.index(own):
        raise Forbidden(f"your own key has the plan '{own}'")
    return wanted or own or "pro"


def router() -> Router:
    return Router("/keys", route_handlers=[list_keys, generate_key, revoke_key], tags=["Keys"])
