"""Sessions of console users: one begins with a good password and is over after twelve hours, when
somebody ends it, or when the user is not any more who logged in
(`domain/console_user.py`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from domain.directory import Directory, body_of
from domain.errors import Forbidden, NotFound
from domain.resources import Author
from events.base import AccountId, Fact, Millis
from events.resources import ConsoleUser
from events.sessions import SessionEnded, SessionOpened

LIFETIME = 12 * 3600 * 1000
"""Milliseconds."""


@dataclass(slots=True)
class Session:
    session_id: str
    account_id: AccountId | None = None
    """None: not opened yet."""
    user_id: str = ""
    is_over: bool = False


# Decisions


def open(
    state: Session, rows: Directory, author: Author, user_id: str, epoch: int, src_ip: str
) -> list[Fact]:
    """`epoch`: of the user whose password was right; he may have changed since."""
    if state.account_id is not None:
        return []
    user = body_of(rows, user_id, ConsoleUser)
    if user is None or user.status != "active" or user.session_epoch != epoch:
        raise Forbidden(f"{user_id} may not log in any more")
    return [
        SessionOpened(
            account_id=author.account_id,
            at=author.now,
            session_id=state.session_id,
            user_id=user_id,
            epoch=epoch,
            expires_at=Millis(author.now + LIFETIME),
            src_ip=src_ip,
        )
    ]


def end(state: Session, author: Author) -> list[Fact]:
    if state.account_id != author.account_id:
        raise NotFound(f"no session {state.session_id}")
    if state.is_over:
        return []
    return [
        SessionEnded(
            account_id=author.account_id,
            at=author.now,
            session_id=state.session_id,
            user_id=state.user_id,
            by=author.by,
        )
    ]


# Evolve


def evolve(state: Session, fact: SessionOpened | SessionEnded) -> Session:
    match fact:
        case SessionOpened():
            state.account_id, state.user_id = fact.account_id, fact.user_id
        case SessionEnded():
            state.is_over = True
        case _:
            assert_never(fact)
    return state


# Fold


def fold(session_id: str, facts: Iterable[SessionOpened | SessionEnded]) -> Session:
    state = Session(session_id)
    for fact in facts:
        evolve(state, fact)
    return state
