"""Which account does a number, a device, a domain, a trunk belong to? In memory, on every gateway.

Loaded from the directory's read model and kept up by asking for what changed since. What is not
found is asked for once more before it counts as absent (a row that was written through another
gateway a moment ago). All who miss something share such a look, at most one every `LOOK_AGAIN`
seconds, so that scanning for numbers costs next to no queries.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import DictRow

from commands.store import StoreDown
from domain import numbers
from events.base import AccountId
from gateways.addresses import Network, lies_in, networks
from gateways.store.reader import Reader
from projections import directory

log = logging.getLogger("callplane.locator")

KINDS = ("account", "did", "sip_device", "sip_domain", "sip_trunk", "api_key")
LOOK_AGAIN = 0.02
"""Seconds between two looks for something that was not found."""


@dataclass(slots=True)
class Known:
    """A row as the gateway needs it."""

    kind: str
    account_id: AccountId
    body: dict[str, Any]


@dataclass(slots=True)
class Locator:
    reader: Reader
    rows: dict[str, Known] = field(default_factory=dict)
    dids: dict[str, AccountId] = field(default_factory=dict)
    logins: dict[tuple[str, str], AccountId] = field(default_factory=dict)
    domains: dict[str, AccountId] = field(default_factory=dict)
    keys: dict[str, dict[str, Known]] = field(default_factory=dict)
    """Prefix of an API key → id → row."""
    trunks: dict[str, tuple[Network, ...]] = field(default_factory=dict)
    """Trunk → the networks that its calls come from."""
    position: int = 0
    loaded: bool = False
    _looked_at: float = 0.0
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def follow(self) -> None:
        """Load everything, then keep up until cancelled."""
        while True:
            try:
                await self.refresh()
                self.loaded = True
                await self.reader.change("directory", 1.0)
            except StoreDown as error:
                log.warning("directory cannot be read: %s", error)
                await asyncio.sleep(0.5)

    async def refresh(self) -> None:
        """Take in what has changed since the last look."""
        async with self._lock:
            position = self.position
            changed = await self.reader.query(
                lambda cursor: directory.changed_after(cursor, position, KINDS)
            )
            for row in changed:
                self._take(row)

    async def look_again(self) -> None:
        """Before saying that something does not exist: wait for a look that began after now."""
        clock = asyncio.get_running_loop().time
        asked = clock()
        async with self._looking:
            if self._looked_at >= asked:
                return
            await asyncio.sleep(self._looked_at + LOOK_AGAIN - clock())
            self._looked_at = clock()
            with suppress(StoreDown):
                await self.refresh()

    def account_of_login(self, username: str, realm: str) -> AccountId | None:
        """The owner of a device's login, else of the domain."""
        return self.account_of_device(username, realm) or self.domains.get(realm.lower())

    def account_of_device(self, username: str, realm: str) -> AccountId | None:
        """The owner of a device's login. The name may carry the domain; realms have no case."""
        return self.logins.get((username.partition("@")[0], realm.lower()))

    def account_of_row(self, id: str, kind: str) -> AccountId | None:
        known = self.rows.get(id)
        return known.account_id if known and known.kind == kind else None

    def is_trunk(self, address: str) -> bool:
        """Whether calls of any account's trunk come from there."""
        return any(lies_in(address, sources) for sources in self.trunks.values())

    def account_of_number(self, dialled: str, hint: AccountId | None) -> AccountId | None:
        """The owner of a number as it was dialled; `hint`: whose country to read it in."""
        user = numbers.user_part(dialled)
        digits = user.removeprefix("+")
        if (owner := self.dids.get(digits)) is not None:
            return owner
        known = self.rows.get(hint) if hint else None
        country = known.body.get("country", "US") if known else "US"
        return self.dids.get(numbers.normalise(user, country) or "")

    def _take(self, row: DictRow) -> None:
        self.position = max(self.position, row["position"])
        if old := self.rows.pop(row["id"], None):
            self._unlink(row["id"], old)
        if row["deleted"]:
            return
        known = Known(row["kind"], AccountId(row["account_id"]), row["body"])
        self.rows[row["id"]] = known
        body, account_id = known.body, known.account_id
        match known.kind:
            case "did":
                self.dids[body["e164"]] = account_id
            case "sip_device":
                self.logins[body["auth_username"], body["realm"].lower()] = account_id
            case "sip_domain":
                self.domains[body["domain"].lower()] = account_id
            case "sip_trunk":
                self.trunks[row["id"]] = networks(",".join(body["inbound_ips"]))
            case "api_key":
                self.keys.setdefault(body["prefix"], {})[row["id"]] = known

    def _unlink(self, id: str, known: Known) -> None:
        body = known.body
        match known.kind:
            case "did":
                self.dids.pop(body["e164"], None)
            case "sip_device":
                self.logins.pop((body["auth_username"], body["realm"].lower()), None)
            case "sip_domain":
                self.domains.pop(body["domain"].lower(), None)
            case "sip_trunk":
                self.trunks.pop(id, None)
            case "api_key":
                self.keys.get(body["prefix"], {}).pop(id, None)
