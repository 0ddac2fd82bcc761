"""What the work at hand is about: the ids that a line of the log, an answer and a span carry.

One small object per request, in a context variable: the tasks and threads that a request begins see
the same one.
"""

import os
import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count

HEADER = "X-Request-Id"
_GOOD = re.compile(r"[A-Za-z0-9._:/+=@-]{1,64}")
_numbers = count(1)
_begin = secrets.token_hex(6)
"""What the ids that are made here begin with; another one in each process."""


def _begin_anew() -> None:
    global _begin
    _begin = secrets.token_hex(6)


os.register_at_fork(after_in_child=_begin_anew)


@dataclass(slots=True)
class About:
    request_id: str = ""
    account_id: str | None = None
    call_id: str | None = None
    is_held: bool = False
    """Whether its answer waits on purpose, as that of a poll does."""

    def ids(self) -> dict[str, str]:
        """Those that are known."""
        found = {"request_id": self.request_id, "account_id": self.account_id}
        found["call_id"] = self.call_id
        return {name: value for name, value in found.items() if value}


NOW: ContextVar[About | None] = ContextVar("about", default=None)


def begin(asked: str | None) -> About:
    """A request has come; `asked`: the id that it brought, which counts if it is well formed."""
    if asked is None or not _GOOD.fullmatch(asked):
        asked = f"{_begin}-{next(_numbers):x}"
    about = About(asked)
    NOW.set(about)
    return about


def learn(account_id: str, call_id: str | None = None) -> None:
    """It is about this account and call."""
    if (about := NOW.get()) is not None:
        about.account_id = account_id
        about.call_id = call_id or about.call_id


def held() -> None:
    """It waits on purpose."""
    if (about := NOW.get()) is not None:
        about.is_held = True


def request_id() -> str:
    """Empty: there is no request."""
    about = NOW.get()
    return "" if about is None else about.request_id
