"""When a webhook subscription is given up: its endpoint is gone, or has failed for days (spec 07).

Only an active one: who has paused or disabled it himself knows.
"""

from domain.directory import Directory, body_of
from domain.errors import NotFound
from domain.resources import Author
from events.base import Fact
from events.resources import CHANGED, Webhook
from events.webhooks import WebhookDisabled

# Decisions


def disable(state: Directory, author: Author, id: str, reason: str) -> list[Fact]:
    """Have the row say that it is disabled, and why."""
    body = body_of(state, id, Webhook)
    if body is None:
        raise NotFound(f"no webhook {id}")
    if body.status != "active":
        return []
    changed = CHANGED["webhook"](
        account_id=author.account_id,
        at=author.now,
        id=id,
        by=author.by,
        body=body.model_copy(update={"status": "disabled", "disabled_reason": reason}),
        changed=("status", "disabled_reason"),
    )
    disabled = WebhookDisabled(
        account_id=author.account_id, at=author.now, webhook_id=id, reason=reason
    )
    return [changed, disabled]
