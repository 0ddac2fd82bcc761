"""One connection to NATS, and the streams and buckets that have to be there."""

import logging
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.js.api import KeyValueConfig, StorageType, StreamConfig
from nats.js.errors import BadRequestError

log = logging.getLogger("callplane.bus")

EVENTS = "EVENTS"
EDGE = "EDGE"
DEAD_LETTERS = "EDGE_DLQ"
PARTITIONS = "partitions"

_DAY = 86_400.0


class BusClient(Client):
    """A client that tells when its connection is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.on_lost: list[Callable[[], None]] = []


def on_disconnect(client: Client, tell: Callable[[], None]) -> None:
    """Have `tell` called whenever the connection is lost."""
    if isinstance(client, BusClient):
        client.on_lost.append(tell)


async def connect(url: str, name: str) -> Client:
    """Connect, and stay connected: reconnects for ever, with the outcome in the log."""

    async def lost() -> None:
        if not client.is_closed:
            log.warning("bus: disconnected")
        for tell in client.on_lost:
            tell()

    async def back() -> None:
        log.warning("bus: reconnected")

    async def failed(error: Exception) -> None:
        log.debug("bus: %r", error)

    client = BusClient()
    await client.connect(
        url,
        name=name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,  # type: ignore[arg-type]
        connect_timeout=2,
        ping_interval=10,
        allow_reconnect=True,
        disconnected_cb=lost,
        reconnected_cb=back,
        error_cb=failed,
        pending_size=16 * 1024 * 1024,
    )
    return client


async def ensure_streams(client: Client, retention_days: float = 7) -> None:
    """Make the streams and the bucket if they are not there (spec 13)."""
    jetstream = client.jetstream()
    for config in (
        StreamConfig(
            name=EVENTS,
            subjects=["evt.>"],
            storage=StorageType.FILE,
            max_age=retention_days * _DAY,
            duplicate_window=120,
            allow_atomic=True,
            allow_direct=True,
        ),
        StreamConfig(
            name=EDGE,
            subjects=["edge.*.event.>"],
            storage=StorageType.FILE,
            max_age=_DAY,
            duplicate_window=120,
        ),
        StreamConfig(
            name=DEAD_LETTERS,
            subjects=["dlq.edge.>"],
            storage=StorageType.FILE,
            max_age=30 * _DAY,
            max_bytes=256 * 1024 * 1024,
        ),
    ):
        await _ensure(jetstream, config)
    await jetstream.create_key_value(KeyValueConfig(bucket=PARTITIONS, history=1, direct=True))


async def _ensure(jetstream: Any, config: StreamConfig) -> None:
    try:
        await jetstream.add_stream(config)
    except BadRequestError:
        await jetstream.update_stream(config)
