"""/media/{key}: what engines play, and where their recordings go."""

from urllib.parse import unquote_to_bytes

from domain.errors import Fault, Invalid, NotFound
from gateways.access import Principal
from gateways.http import objects
from gateways.http.asgi import Answer, Request
from gateways.media import audio
from gateways.media.mailroom import Mailroom, is_message
from gateways.media.objects import ObjectStore, safe_key

MOUNT = b"/media/"


class Media:
    def __init__(self, store: ObjectStore, limit: int, mailroom: Mailroom) -> None:
        self._store = store
        self._limit = limit
        self._mailroom = mailroom

    async def get(self, request: Request, who: Principal) -> Answer:
        """For an account's key nothing exists but what lies below its account."""
        key = key_of(request)
        if who.account_id is not None:
            who.require("media")
            if not key.startswith(f"{who.account_id}/"):
                raise NotFound(f"no object {key}")
        found = await objects.serve(self._store, key, request.headers, request.method)
        return Answer(found.body, found.status, found.media_type, found.headers)

    async def put(self, request: Request, node: Principal) -> Answer:
        """Stored first; then a recording for a mailbox becomes a message, also if it was one
        before."""
        key = key_of(request)
        assert request.chunks is not None, "the endpoint streams"
        recording = await audio.listen(request.chunks)
        is_new = await self._store.head(key) is None
        stored = await self._store.put(key, recording.chunks(), self._limit)
        body = {"ok": 1, "key": key, "size": stored.size}
        if is_message(key):
            body["messageId"] = await self._mailroom.deliver(key, recording)
        return Answer(body, 201 if is_new else 200, headers={"ETag": stored.etag})


def key_of(request: Request) -> str:
    """The key in the path, decoded once."""
    if not request.raw_path.startswith(MOUNT):
        raise NotFound(f"no {request.path}")
    try:
        return safe_key(unquote_to_bytes(request.raw_path.removeprefix(MOUNT)).decode())
    except UnicodeDecodeError:
        raise Invalid("that is no key of an object", [Fault("/key", "is not UTF-8")]) from None
