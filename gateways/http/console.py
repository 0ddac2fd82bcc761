"""The console's service: so far the way in, `POST /login` (spec 01). The same as `POST
/v1/sessions`, for a page that talks to its own origin; it sets no cookie."""

from pydantic import ValidationError

from domain.errors import Invalid
from domain.rules import faults_of
from gateways.addresses import Proxies
from gateways.http.asgi import Answer, Endpoint, Request, endpoint
from gateways.sessions import Login, Sessions


def login_endpoint(sessions: Sessions, proxies: Proxies, max_body: int) -> Endpoint:
    async def log_in(request: Request) -> Answer:
        forwarded = request.headers.get("x-forwarded-for")
        address = proxies.client(request.peer, [forwarded] if forwarded else [])
        made = await sessions.open(_read(request), address)
        return Answer(made, headers={"Cache-Control": "no-store"})

    return endpoint("/login", {"POST": log_in}, max_body)


def _read(request: Request) -> Login:
    try:
        return Login.model_validate(request.members())
    except ValidationError as error:
        raise Invalid("the login is not valid", faults_of(error)) from None
