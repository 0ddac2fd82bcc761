"""Facts of a webhook subscription beyond its configuration. Stream ``webhook-<webhook id>``."""

from events.base import Fact, StreamName


class WebhookFact(Fact):
    webhook_id: str

    @property
    def stream(self) -> StreamName:
        return StreamName("webhook-" + self.webhook_id)


class WebhookTested(WebhookFact):
    """Somebody asked for a `test` delivery."""


class WebhookDisabled(WebhookFact):
    """Nothing is sent any more: its endpoint is gone, or has failed for too long."""

    reason: str
