"""Facts of a console user's session. Stream ``session-<session id>``.

A session also ends by itself at `expires_at`, and when the user's row has another `session_epoch`:
that is no fact of its own.
"""

from events.base import Fact, Millis, StreamName


class SessionFact(Fact):
    session_id: str
    user_id: str

    @property
    def stream(self) -> StreamName:
        return StreamName("session-" + self.session_id)


class SessionOpened(SessionFact):
    """A console user logged in."""

    epoch: int
    """The user's `session_epoch` at that time."""
    expires_at: Millis
    src_ip: str


class SessionEnded(SessionFact):
    """The user logged out, or somebody else has ended the session."""

    by: str
    """The id of the console user or the API key."""
