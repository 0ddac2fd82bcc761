"""POST /hooks/carrier/{carrier}: what wholesale carriers report, from signed JSON to a command.

A carrier is known by the setting `carrier_hooks`. It signs every report with the secret that
stands there:

    x-carrier-timestamp: <epoch seconds>
    x-carrier-signature: sha256=<hex HMAC-SHA256 of "<timestamp>.<raw body>">

and may repeat it with the same `eventId` as often as it likes. Guarantee: nothing in a body is
looked at before its signature is good and its timestamp is at most `WINDOW` seconds away.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from commands.carrier import AssignNumber, PortNumber, ReportMessage
from domain.errors import Fault, Invalid, NotFound
from events.base import AccountId
from gateways.bus.client import Commander
from gateways.edge.control import Body, decode_json, read
from gateways.ids import PREFIXES, new_id
from gateways.locator import Locator
from gateways.problems import Unauthenticated
from gateways.store.reader import Reader

WINDOW = 300
"""Seconds that a carrier's clock, and its request's way here, may differ from ours."""
TIMESTAMP = "x-carrier-timestamp"
SIGNATURE = "x-carrier-signature"
EVENTS: dict[str, type[AssignNumber | PortNumber | ReportMessage]] = {
    "did.assigned": AssignNumber,
    "number.ported": PortNumber,
    "message.status": ReportMessage,
}
"""What a carrier calls an event → the command that it becomes."""


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class CarrierHooks:
    def __init__(
        self,
        secrets: Mapping[str, str],
        commander: Commander,
        locator: Locator,
        reader: Reader,
        clock: Callable[[], float],
    ) -> None:
        """`secrets`: carrier → secret. `clock`: epoch seconds."""
        self._secrets = secrets
        self._commander = commander
        self._locator = locator
        self._reader = reader
        self._clock = clock

    async def take(self, carrier: str, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        secret = self._secrets.get(carrier)
        if secret is None:
            raise NotFound("no such carrier")
        self._check(secret, headers, raw)
        body = decode_json(raw)
        command = EVENTS.get(body["event"]) if isinstance(body.get("event"), str) else None
        if command is None:
            fault = Fault("/event", f"is none of {', '.join(EVENTS)}")
            raise Invalid("the event is not valid", [fault])
        told = {"carrier": carrier, "didId": new_id(PREFIXES["did"]), "commandId": None}
        account_id = await self._account(body)
        reply = await self._commander.ask(read(command, {**body, **told, "accountId": account_id}))
        await self._reader.until_shown("directory", reply.position)
        return reply.body

    def _check(self, secret: str, headers: Mapping[str, str], raw: bytes) -> None:
        timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if not timestamp or not signature:
            raise Unauthenticated(f"a report is signed: {TIMESTAMP} and {SIGNATURE}")
        good = signature_of(secret, timestamp, raw)
        if not hmac.compare_digest(good.encode(), signature.encode()):
            raise Unauthenticated("the signature is not good")
        if not timestamp.isdecimal() or abs(int(timestamp[:15]) - self._clock()) > WINDOW:
            raise Unauthenticated(f"the timestamp is more than {WINDOW} s away from now")

    async def _account(self, body: Body) -> AccountId:
        """The account that is named, or whose number it is."""
        if isinstance(named := body.get("accountId"), str) and named:
            return AccountId(named)
        number = body.get("number")
        if isinstance(number, str) and number:
            if self._locator.account_of_number(number, None) is None:
                await self._locator.look_again()
            if owner := self._locator.account_of_number(number, None):
                return owner
        raise Invalid("which account?", [Fault("/accountId", "is missing")])
