"""A subscriber: takes webhooks on loopback and keeps them as they came."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks import Webhook


class Delivery(NamedTuple):
    headers: dict[str, str]
    """Lower-case names."""
    body: str

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """The content as a Standard Webhooks library gives it, if the signature is good."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


class Sink:
    """What has arrived, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.deliveries: list[Delivery] = []

    def of(self, account_id: str, call_id: str | None = None) -> list[Delivery]:
        return [
            delivery
            for delivery in list(self.deliveries)
            if delivery.content["account_id"] == account_id
            and call_id in (None, delivery.content["data"].get("callId"))
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def listening() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            sink.deliveries.append(Delivery(headers, body.decode()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    sink = Sink(f"http://127.0.0.1:{server.server_address[1]}/")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
