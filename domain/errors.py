"""The one tree of refusals.

    Refusal                 the request was understood and is not carried out; nothing changed
    ├── Invalid             a member is malformed or breaks a rule; `faults` names each
    ├── NotFound            no such thing in this account
    ├── Gone                was there, and is over for good
    ├── Forbidden           exists, but not for this caller or in this state
    ├── Conflict            contradicts what exists (a taken name, a row in use)
    ├── PreconditionFailed  the row has changed since the caller read it
    └── Unavailable         not now; the same request may succeed in a moment (safe to retry)

`gateways/problems.py` has the one table from these to HTTP.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """One bad member: a JSON pointer (RFC 6901) and what is wrong with it."""

    pointer: str
    detail: str


class Refusal(Exception):
    """Base of all refusals. `detail` is one sentence for a human."""

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


class Invalid(Refusal): ...


class NotFound(Refusal): ...


class Gone(Refusal): ...


class Forbidden(Refusal): ...


class Conflict(Refusal): ...


class PreconditionFailed(Refusal): ...


class Unavailable(Refusal): ...
