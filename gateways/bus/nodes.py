"""When did each edge node last report? A key-value bucket that all gateways share.

Not a fact: a heartbeat every half a minute per node does not belong into a history. If the bucket
is lost, nodes seem silent until their next report.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode

import nats.errors
from nats.aio.client import Client
from nats.js.api import KeyValueConfig
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NoKeysError
from nats.js.kv import KeyValue

from domain.errors import Unavailable

BUCKET = "nodes"


class Nodes:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._bucket: KeyValue | None = None

    async def heard(self, node_id: str) -> None:
        """The node has reported now."""
        try:
            bucket = await self._opened()
            await bucket.put(key_of(node_id), str(int(time.time() * 1000)).encode())
        except (nats.errors.Error, JetStreamError) as error:
            raise Unavailable(f"the bus is away: {error!r}") from None

    async def all(self) -> dict[str, int]:
        """Node → when it last reported, epoch ms. Empty when the bus is away."""
        try:
            bucket = await self._opened()
            keys = await bucket.keys()
            entries = [await bucket.get(key) for key in keys]
        except NoKeysError:
            return {}
        except (nats.errors.Error, JetStreamError):
            return {}
        return {_node(entry.key): int(entry.value or b"0") for entry in entries}

    async def _opened(self) -> KeyValue:
        if self._bucket is None:
            config = KeyValueConfig(bucket=BUCKET, history=1)
            self._bucket = await self._client.jetstream().create_key_value(config)
        return self._bucket


def key_of(node_id: str) -> str:
    """Its key in the bucket, which takes no dots and colons."""
    return urlsafe_b64encode(node_id.encode()).decode()


def _node(key: str) -> str:
    return urlsafe_b64decode(key).decode()
