"""Messages of a mailbox: listed, heard, marked, deleted; and its PIN (spec 04, Voicemail)."""

import asyncio
import hmac
from hashlib import sha256
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import QueryParameter
from litestar.response import Stream
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field

from commands.voicemail import DeleteMessage, ForgiveGuesses, GuessPin, MarkMessage
from domain.errors import NotFound
from domain.flag import Flag
from gateways.http.v1 import paging
from gateways.http.v1.collections import OF_KIND
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.objects import AUDIO, BINARY, shown
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import find
from gateways.problems import TooManyRequests
from projections import voicemail

MESSAGES = "/{id:str}/messages"
MESSAGE = "/{id:str}/messages/{message_id:str}"


class VoicemailMessage(BaseModel):
    """A message that a caller left. `received_at` in epoch milliseconds."""

    id: str = Field(examples=["vmm_01j3sarpfcz8gdnnabykstr6fw"])
    account_id: str
    voicemail_id: str
    call_id: str
    caller: str
    media_key: str
    duration_ms: int | None
    size_bytes: int
    received_at: int
    is_read: int = Field(description="0: new")


class MessagePage(BaseModel):
    ok: int = 1
    count: int
    rows: list[VoicemailMessage]
    next_cursor: str | None = None


class MessagePatch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    is_read: Flag


class DeletedMessage(BaseModel):
    ok: int = 1
    id: str


class Pin(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pin: Annotated[str, Field(max_length=64, examples=["4711"])]


class Verdict(BaseModel):
    ok: int = Field(description="1: that is the PIN")


@get(MESSAGES, **operation("listMessages", "List a mailbox's messages, newest first", "media"))
async def list_messages(
    context: Context,
    caller: Caller,
    id: str,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, default=100)],
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
    is_read: Annotated[int | None, QueryParameter(ge=0, le=1)] = None,
) -> Response[MessagePage]:
    await find(context, caller, OF_KIND["voicemail"], id)
    before = paging.decode(cursor, str)
    wanted, last = None if is_read is None else bool(is_read), before[0] if before else None
    await context.reader.caught_up("voicemail")
    rows = await context.reader.query(
        lambda sql: voicemail.page(sql, caller.account_id, id, wanted, last, limit + 1)
    )
    page: dict[str, Any] = {"ok": 1, "count": min(limit, len(rows))}
    page["rows"] = [_shown(row) for row in rows[:limit]]
    if len(rows) > limit:
        page["next_cursor"] = paging.encode(rows[limit - 1]["id"])
    return Response(page)  # type: ignore[arg-type]


@get(MESSAGE, **operation("getMessage", "Read about a message", "media"))
async def get_message(
    context: Context, caller: Caller, id: str, message_id: str
) -> VoicemailMessage:
    return VoicemailMessage(**_shown(await _find(context, caller, id, message_id)))


@get(
    f"{MESSAGE}/content",
    **operation("hearMessage", "Download a message's audio", "media", [416], also=AUDIO),
    media_type=BINARY,
)
async def content(
    request: Request[Any, Any, Any], context: Context, caller: Caller, id: str, message_id: str
) -> Stream:
    row = await _find(context, caller, id, message_id)
    return await shown(context.objects, row["media_key"], request)


@patch(MESSAGE, **operation("markMessage", "Mark a message as read or new", "media"))
async def mark(
    context: Context, caller: Caller, id: str, message_id: str, data: MessagePatch
) -> VoicemailMessage:
    await _find(context, caller, id, message_id)
    command = MarkMessage(
        account_id=caller.account_id,
        voicemail_id=id,
        message_id=message_id,
        is_read=bool(data.is_read),
    )
    reply = await context.commander.ask(command)
    await context.reader.until_shown("voicemail", reply.position)
    return VoicemailMessage(**_shown(await _find(context, caller, id, message_id)))


@delete(
    MESSAGE,
    **operation("deleteMessage", "Delete a message and its audio", "media"),
    status_code=200,
)
async def delete_message(
    context: Context, caller: Caller, id: str, message_id: str
) -> DeletedMessage:
    """The row first: a message is never listed whose audio is gone."""
    row = await _find(context, caller, id, message_id)
    reply = await context.commander.ask(
        DeleteMessage(account_id=caller.account_id, voicemail_id=id, message_id=message_id)
    )
    await context.objects.delete(row["media_key"])
    await context.reader.until_shown("voicemail", reply.position)
    return DeletedMessage(id=message_id)


@post(
    "/{id:str}/verify-pin",
    **operation("verifyPin", "Whether that is the mailbox's PIN", "media"),
    status_code=200,
)
async def verify_pin(context: Context, caller: Caller, id: str, data: Pin) -> Verdict:
    """After a few wrong ones nobody may try for a while. Without a PIN none is right."""
    await find(context, caller, OF_KIND["voicemail"], id)
    about = {"account_id": caller.account_id, "voicemail_id": id}
    allowed = (await context.commander.ask(GuessPin(**about))).body
    if not allowed["ok"]:
        raise TooManyRequests("too many wrong PINs", retry_after=allowed["retryAfter"])
    ref = allowed["secretRef"]
    secret = await asyncio.to_thread(context.vault.get, ref, caller.account_id) if ref else None
    is_right = hmac.compare_digest(_digest(data.pin.encode()), _digest(secret or b""))
    if not (is_right and secret):
        return Verdict(ok=0)
    await context.commander.ask(ForgiveGuesses(**about))
    return Verdict(ok=1)


def _digest(secret: bytes) -> bytes:
    """Of one length, so that a comparison does not tell how long the PIN is."""
    return sha256(secret).digest()


async def _find(context: Context, caller: Caller, id: str, message_id: str) -> DictRow:
    await find(context, caller, OF_KIND["voicemail"], id)
    await context.reader.caught_up("voicemail")
    row = await context.reader.query(
        lambda cursor: voicemail.one(cursor, caller.account_id, id, message_id)
    )
    if row is None:
        raise NotFound(f"no message {message_id}")
    return row


def _shown(row: DictRow) -> dict[str, Any]:
    return {**row, "is_read": int(row["is_read"])}


def router() -> Router:
    handlers: list[Any] = [list_messages, get_message, content, mark, delete_message, verify_pin]
    return Router("/voicemails", route_handlers=handlers, tags=["Voicemail"])
