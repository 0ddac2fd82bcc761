"""POST /admin/tts/generate: the system's prompts, made where they are missing (spec 04)."""

from gateways.access import Principal
from gateways.http.asgi import Answer, Request
from gateways.media.objects import ObjectStore
from gateways.speech import prompts
from gateways.speech.voice import Voice


class Prompts:
    def __init__(self, voice: Voice, store: ObjectStore) -> None:
        self._voice = voice
        self._store = store

    async def generate(self, request: Request, admin: Principal) -> Answer:
        query = request.query
        wish = prompts.wish(query.get("lang"), query.get("gender"), query.get("force"))
        return Answer(await prompts.generate(self._voice, self._store, wish))
