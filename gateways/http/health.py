"""Liveness, readiness and metrics, the same on every service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from prometheus_client import CONTENT_TYPE_LATEST

from commands.partitions import PARTITIONS
from commands.store import StoreDown
from gateways.bus.worker import PING
from gateways.http.asgi import Answer, Endpoint, Request, endpoint
from gateways.store.reader import Reader

MAX_LAG = 50_000
"""Facts that a read model may be behind and still count as ready."""

PING_TIMEOUT = 2.0

Check = Callable[[], Awaitable[dict[str, Any]]]


def health_endpoints(
    check: Check, metrics: Callable[[], bytes], refresh: Callable[[], Awaitable[None]]
) -> list[Endpoint]:
    """`refresh` is waited for before the metrics are shown."""

    async def alive(_: Request) -> Answer:
        return Answer({"ok": 1})

    async def ready(_: Request) -> Answer:
        found = await check()
        return Answer(found, 200 if found["ok"] else 503)

    async def measured(_: Request) -> Answer:
        await refresh()
        return Answer(await asyncio.to_thread(metrics), media_type=CONTENT_TYPE_LATEST)

    return [
        endpoint("/healthz", {"GET": alive, "HEAD": alive}, 0),
        endpoint("/readyz", {"GET": ready, "HEAD": ready}, 0),
        endpoint("/metrics", {"GET": measured, "HEAD": measured}, 0),
    ]


async def readiness(client: Client, reader: Reader) -> dict[str, Any]:
    """Bus, store and projections, and whether somebody serves the accounts."""
    checks: dict[str, Any] = {"bus": client.is_connected}
    try:
        head, positions = await reader.head(), await reader.positions()
        checks["store"] = True
        checks["projections"] = {
            name: {"lag": max(0, head - row["position"]), "error": row["error"]}
            for name, row in positions.items()
        }
        projected = all(
            one["error"] is None and one["lag"] <= MAX_LAG for one in checks["projections"].values()
        )
    except StoreDown as error:
        checks["store"], projected = False, False
        checks["reason"] = str(error)
    checks["partitions"] = await partitions_served(client)
    ok = checks["bus"] and checks["store"] and projected and checks["partitions"] == PARTITIONS
    return {"ok": int(ok), **checks}


async def partitions_served(client: Client) -> int:
    """How many partitions have an owner that answers."""
    if not client.is_connected:
        return 0
    asked = (client.request(f"cmd.{n}.{PING}", timeout=PING_TIMEOUT) for n in range(PARTITIONS))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return sum(isinstance(answer, Msg) and answer.data == b"1" for answer in answers)
