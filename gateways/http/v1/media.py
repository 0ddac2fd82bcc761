"""The audio of a media file: uploaded, and heard again."""

from typing import Any

from litestar import Request, Router, get, put
from litestar.response import Stream
from psycopg.rows import DictRow
from pydantic import BaseModel

from domain.errors import NotFound
from gateways.http.v1.collections import OF_KIND
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.objects import AUDIO, BINARY, AudioUpload, sent, shown
from gateways.http.v1.operation import operation
from gateways.http.v1.rows import find
from gateways.media import audio


class UploadedMedia(BaseModel):
    """What was stored. Durations in milliseconds."""

    ok: int = 1
    id: str
    object_key: str
    format: str
    duration_ms: int | None
    size_bytes: int
    sha256: str


@put(
    "/{id:str}/content",
    **operation("uploadMedia", "Upload the audio of a media file", "media", [415]),
    operation_class=AudioUpload,
    request_max_body_size=None,
    status_code=200,
)
async def upload(
    request: Request[Any, Any, Any], context: Context, caller: Caller, id: str
) -> UploadedMedia:
    """The row is changed after the object is stored: what it names is always there."""
    row = await _find(context, caller, id)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    recording = await audio.listen(sent(request, context.max_media))
    format = audio.format_of(recording.head, media_type)
    key = f"{caller.account_id}/{id}.{format}"
    await context.objects.put(key, recording.chunks(), context.max_media)
    found = {
        "object_key": key,
        "format": format,
        "duration_ms": recording.duration_ms(),
        "size_bytes": recording.size,
        "sha256": recording.sha256,
    }
    await context.provisioner.change(caller.account_id, "media_file", id, found, caller.id)
    if (before := row["body"].get("object_key")) and before != key:
        await context.objects.delete(before)
    return UploadedMedia(id=id, **found)


@get(
    "/{id:str}/content",
    **operation("hearMedia", "Download a media file's audio", "media", [416], also=AUDIO),
    media_type=BINARY,
)
async def content(
    request: Request[Any, Any, Any], context: Context, caller: Caller, id: str
) -> Stream:
    key = (await _find(context, caller, id))["body"].get("object_key")
    if key is None:
        raise NotFound(f"nothing was uploaded to {id}")
    return await shown(context.objects, key, request)


async def _find(context: Context, caller: Caller, id: str) -> DictRow:
    return await find(context, caller, OF_KIND["media_file"], id)


def router() -> Router:
    return Router("/media", route_handlers=[upload, content], tags=["Media"])
