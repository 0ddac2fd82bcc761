"""The requests of `webhook` nodes: made here, between two steps of a call's flow.

A request goes where a webhook may go (`gateways/webhooks/guard.py`), follows no redirect, and is
over after its timeout; whatever happens is an outcome, `ok` or `error`. Its id (``webhook-id``)
names the call and the command, so that the other side knows a repetition.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from gateways import metrics, tracing
from gateways.addresses import Network
from gateways.store.secrets import Vault
from gateways.webhooks.guard import GuardedResolver, check_host
from gateways.webhooks.signature import signed_headers

MAX_ANSWER = 4_000
"""Bytes of an answer that are read."""
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError, LookupError, ValueError)


class FlowRequests:
    """A context manager. `allowed`: private networks that requests may go to all the same."""

    def __init__(self, allowed: tuple[Network, ...], vault: Vault) -> None:
        self._allowed = allowed
        self._vault = vault
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "FlowRequests":
        connector = aiohttp.TCPConnector(limit=256, resolver=GuardedResolver(self._allowed))
        self._http = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def outcome(self, account_id: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Make the request of a `webhook` command: `{outcome, data}` of the next step."""
        began = time.perf_counter()
        try:
            if (spans := tracing.spans()) is None:
                status, body = await self._made(account_id, command, {})
            else:
                with spans.asking("flow request", account_id, command["callId"]) as trace:
                    status, body = await self._made(account_id, command, trace)
        except _FAILURES as error:
            found = {"outcome": "error", "data": {"reason": _reason(error)}}
        else:
            good = 200 <= status < 300
            data = {"status": str(status), "body": body, "reason": f"HTTP {status}"}
            found = {"outcome": "ok" if good else "error", "data": data}
        metrics.FLOW_REQUESTS.labels(found["outcome"]).observe(time.perf_counter() - began)
        return found

    async def _made(
        self, account_id: str, command: Mapping[str, Any], trace: Mapping[str, str]
    ) -> tuple[int, str]:
        assert self._http is not None, "used outside its context"
        if command["isMasked"]:
            raise ValueError("a secret of the request is not known any more")
        url, body = command["url"], command.get("body")
        check_host(urlsplit(url).hostname or "", self._allowed)
        own = await self._headers(account_id, command, body or "")
        headers = {**own, **trace, **command["headers"]}
        async with asyncio.timeout(command["timeoutMs"] / 1000):
            async with self._http.request(
                command["method"],
                url,
                data=None if body is None else body.encode(),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                text = await answer.content.read(MAX_ANSWER)
                return answer.status, text.decode("utf-8", "replace").replace("\0", "")

    async def _headers(
        self, account_id: str, command: Mapping[str, Any], body: str
    ) -> dict[str, str]:
        id = f"{command['callId']}:{command['seq']}"
        plain = {"content-type": "application/json", "webhook-id": id}
        if (ref := command.get("secretRef")) is None:
            return plain
        secret = await asyncio.to_thread(self._vault.get, ref, account_id)
        if secret is None:
            raise LookupError("the secret of the request is not known")
        return signed_headers([secret.decode()], id, "flow.webhook", body)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return f"{type(error).__name__}: {error}"[:200]
