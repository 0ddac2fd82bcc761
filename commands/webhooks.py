"""Commands about a webhook subscription beyond its configuration."""

from pydantic import Field

from commands.message import Command, Line, Outcome
from commands.world import World
from domain.directory import body_of
from domain.errors import NotFound
from domain.resources import Author
from domain.webhooks import disable
from events.resources import Webhook
from events.webhooks import WebhookDisabled, WebhookTested


class _AboutWebhook(Command):
    webhook_id: str = Field(min_length=1, max_length=64)


class RequestTest(_AboutWebhook):
    """Send a `test` event to this subscription, whatever it has subscribed to."""


class DisableWebhook(_AboutWebhook):
    """Send nothing to it any more. Asked by the sender when there is no use in going on."""

    reason: Line = Field(max_length=500)


def request_test(command: RequestTest, world: World) -> Outcome:
    directory = world.office(command.account_id).directory
    if body_of(directory, command.webhook_id, Webhook) is None:
        raise NotFound(f"no webhook {command.webhook_id}")
    fact = WebhookTested(account_id=command.account_id, at=world.now, webhook_id=command.webhook_id)
    world.webhook(fact.stream)
    return Outcome([fact], {"ok": 1})


def disable_webhook(command: DisableWebhook, world: World) -> Outcome:
    author = Author(command.account_id, "system", world.now)
    directory = world.office(command.account_id).directory
    facts = disable(directory, author, command.webhook_id, command.reason)
    for fact in facts:
        if isinstance(fact, WebhookDisabled):
            world.webhook(fact.stream)
    return Outcome(facts, {"ok": 1})
