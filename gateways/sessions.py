"""Sessions of console users: a password for a token, a token for a principal (spec 06).

The token is a JWT, HS256 and nothing else, for twelve hours. It is not believed by itself: each
request asks the store for the session and its user, so that logging out, another password, another
role and disabling count at once on every gateway.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import jwt
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field

from commands.sessions import EndSession, OpenSession
from domain.errors import Fault, Forbidden
from domain.sessions import LIFETIME
from events.base import AccountId
from gateways.access import ROLES, Principal
from gateways.bus.client import Commander
from gateways.ids import new_id
from gateways.passwords import Passwords
from gateways.problems import Unauthenticated
from gateways.store.guesses import Guesses
from gateways.store.last_used import LastUsed
from gateways.store.reader import Reader
from gateways.store.secrets import Vault
from gateways.totp import step_of
from projections import directory, sessions

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "callplane"
LONGEST = 1024
"""Characters of a token; ours have about 450."""
_CLAIMS = ("sub", "acc", "ver", "jti", "iat", "exp", "iss", "aud")
_NOBODY = "sec_" + "0" * 26
_REFUSED = "the e-mail, the password or the code is wrong"


def keys_from(text: str) -> tuple[bytes, ...]:
    """Signing keys from the setting: the first one signs, all are believed."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(hashlib.sha256(b"callplane session" + part.encode()).digest() for part in parts)


def is_token(text: str) -> bool:
    """Whether it has the form of a JWT (RFC 7515 section 3.1), which no key has."""
    return text.count(".") == 2


class Login(BaseModel):
    """What somebody shows who logs in."""

    model_config = ConfigDict(extra="forbid")
    email: Annotated[str, Field(max_length=254, pattern="^[!-~]+$", examples=["ada@acme.example"])]
    password: Annotated[str, Field(max_length=1000, examples=["correct horse battery"])]
    totp: Annotated[str, Field(max_length=16, examples=["492039"])] | None = Field(
        default=None, description="The code of the user's authenticator app, if he has one"
    )


@dataclass(frozen=True, slots=True)
class Sessions:
    commander: Commander
    reader: Reader
    vault: Vault
    passwords: Passwords
    guesses: Guesses
    last_used: LastUsed
    keys: Sequence[bytes]

    async def open(self, login: Login, address: str) -> dict[str, Any]:
        """A token and what it opens. `address`: where the login comes from. Raises Unauthenticated
        and TooManyRequests."""
        email = login.email.lower()
        await self.guesses.count(email, address, _now_ms())
        user = await self._user(email, login)
        await self.guesses.forgive(email, address)
        wish = OpenSession(
            account_id=AccountId(user["account_id"]),
            session_id=new_id("ses"),
            user_id=user["id"],
            epoch=user["body"]["session_epoch"],
            src_ip=address[:64] if address.isprintable() else "unknown",
        )
        try:
            reply = await self.commander.ask(wish)
        except Forbidden:  # changed since the password was looked up
            raise Unauthenticated(_REFUSED) from None
        await self.reader.until_shown("sessions", reply.position)
        return {
            "ok": 1,
            "token": self._signed(wish),
            "token_type": "Bearer",
            "expires_in": LIFETIME // 1000,
            "scopes": sorted(ROLES[user["body"]["role"]]),
        }

    async def principal(self, token: str) -> Principal:
        """Who shows this token. Raises Unauthenticated."""
        claims = self._claims(token)
        id = str(claims["jti"])
        row = await self.reader.query(lambda cursor: sessions.live(cursor, id))
        if row is None or (row["user_id"], row["account_id"], row["epoch"]) != (
            *(claims["sub"], claims["acc"]),
            claims["ver"],
        ):
            raise Unauthenticated("the session is over")
        await self.last_used.note(id, _now_ms(), row["expires_at"])
        scopes = ROLES[row["person"]["role"]]
        return Principal(
            "session", row["user_id"], AccountId(row["account_id"]), scopes, session_id=id
        )

    async def end(self, account_id: AccountId, session_id: str, by: str) -> None:
        """Raises NotFound."""
        wish = EndSession(account_id=account_id, session_id=session_id, by=by)
        reply = await self.commander.ask(wish)
        await self.reader.until_shown("sessions", reply.position)

    async def _user(self, email: str, login: Login) -> DictRow:
        """The user whose credentials these are. Takes as long where there is none."""
        found = await self.reader.query(lambda cursor: directory.user_by_email(cursor, email))
        body = found["body"] if found else {}
        ref = body.get("password_ref", _NOBODY)
        hash = await asyncio.to_thread(self.vault.get, ref)
        fits = await self.passwords.fits(login.password, hash.decode() if hash else None)
        if found is None or not fits or body["status"] != "active":
            raise Unauthenticated(_REFUSED)
        if body["totp_ref"] is not None:
            await self._check_code(found, login.totp)
        return found

    async def _check_code(self, user: DictRow, code: str | None) -> None:
        if code is None:
            raise Unauthenticated("a code is needed", [Fault("/totp", "is missing")])
        secret = await asyncio.to_thread(self.vault.get, user["body"]["totp_ref"])
        step = step_of(secret, code, time.time()) if secret else None
        if step is None or not await self.guesses.is_fresh(user["id"], step):
            raise Unauthenticated(_REFUSED)

    def _signed(self, wish: OpenSession) -> str:
        now = int(time.time())
        claims = {
            "sub": wish.user_id,
            "acc": wish.account_id,
            "ver": wish.epoch,
            "jti": wish.session_id,
            "iat": now,
            "exp": now + LIFETIME // 1000,
            "iss": ISSUER,
            "aud": AUDIENCE,
        }
        return jwt.encode(claims, self.keys[0], ALGORITHM)

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token of ours says. Other algorithms than ours are not even looked at."""
        for key in self.keys if len(token) <= LONGEST else ():
            try:
                return jwt.decode(
                    token,
                    key,
                    [ALGORITHM],
                    # clocks of gateways differ, and a token of ours was made before it is shown
                    {"require": list(_CLAIMS), "verify_iat": False},
                    audience=AUDIENCE,
                    issuer=ISSUER,
                )
            except jwt.InvalidSignatureError:
                continue  # of an older key
            except jwt.ExpiredSignatureError:
                raise Unauthenticated("the session is over") from None
            except (jwt.PyJWTError, ValueError, RecursionError):
                break
        raise Unauthenticated("the token is none of ours")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
