"""The HTTP server: uvicorn inside this process's event loop."""

import asyncio
import socket
from typing import Any

import uvicorn

GRACE = 5
"""Seconds that requests under way may take to finish after the stop."""


MAX_MESSAGE = 16 * 1024
"""Bytes of a message from a WebSocket's client."""
PING = 20.0
"""Seconds between two pings on a WebSocket, and for which an answer is waited."""


class _Server(uvicorn.Server):
    """Signals are ours: the process stops its parts in order."""

    def install_signal_handlers(self) -> None:
        return


async def serve(
    app: Any, address: str, port: int, stop: asyncio.Event, *, websockets: bool = False
) -> None:
    """Answer until `stop` is set, then finish what is under way. A WebSocket takes small messages
    only, and one that does not answer pings is closed."""
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            loop="none",
            lifespan="off",
            ws="websockets-sansio" if websockets else "none",
            ws_max_size=MAX_MESSAGE,
            ws_ping_interval=PING,
            ws_ping_timeout=PING,
            ws_per_message_deflate=False,  # costs more than it saves where frames are many
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # `gateways/addresses.py` knows whom to believe
            backlog=1024,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE,
        )
    )
    serving = asyncio.create_task(server.serve([_listening(address, port)]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


def _listening(address: str, port: int) -> socket.socket:
    """A socket that several processes may listen at; the kernel spreads the connections."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((address, port))
    return listening
