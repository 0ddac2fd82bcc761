"""Console users: who logs in, and from when on he has to do it again."""

from events.resources import ConsoleUser, Resource

_IDENTITY = ("email", "password_ref", "role", "status", "totp_ref")
"""Members that a session stands on."""


def renewed(body: Resource, old: Resource) -> Resource:
    """`body`, which a patch made of `old`: of another epoch if no session may outlive the
    change."""
    if not isinstance(body, ConsoleUser) or not isinstance(old, ConsoleUser):
        return body
    is_other = any(getattr(body, member) != getattr(old, member) for member in _IDENTITY)
    return body.model_copy(update={"session_epoch": old.session_epoch + is_other})
