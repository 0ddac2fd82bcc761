"""OPTIONS, answered for all methods of a path. Litestar's own answer names those of the handler
that was registered first."""

from litestar.types import ASGIApp, HTTPResponseStartEvent, Receive, Scope, Send


def options(app: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "OPTIONS":
            await app(scope, receive, send)
            return
        handlers = scope["litestar_app"].route_handler_method_map[scope["path_template"]]
        allowed = ", ".join(sorted(handlers)).encode()
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": 204,
            "headers": [(b"allow", allowed)],
        }
        await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return serve
