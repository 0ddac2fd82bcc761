"""Commands about a webhook subscription beyond its configuration."""

from pydantic import Field

from commands.message import Command, Outcome
from commands.world import World
from domain.directory import body_of
from domain.errors import NotFound
from events.resources import Webhook
from events.webhooks import WebhookTested


class RequestTest(Command):
    """Send a `test` event to this subscription, whatever it has subscribed to."""

    webhook_id: str = Field(min_length=1, max_length=64)


def request_test(command: RequestTest, world: World) -> Outcome:
    directory = world.office(command.account_id).directory
    if body_of(directory, command.webhook_id, Webhook) is None:
        raise NotFound(f"no webhook {command.webhook_id}")
    fact = WebhookTested(account_id=command.account_id, at=world.now, webhook_id=command.webhook_id)
    world.webhook(fact.stream)
    return Outcome([fact], {"ok": 1})
