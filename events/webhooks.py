"""Facts of a webhook subscription beyond its configuration. Stream ``webhook-<webhook id>``."""

from events.base import Fact, StreamName


class WebhookTested(Fact):
    """Somebody asked for a `test` delivery."""

    webhook_id: str

    @property
    def stream(self) -> StreamName:
        return StreamName("webhook-" + self.webhook_id)
