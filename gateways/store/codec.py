"""Facts as stored bytes and back: our own names, JSON written and read by pydantic.

The eventsourcing library keeps its mapping in a `Mapper`; ours leaves out the Python paths, so that
a class may move without touching a row.
"""

from typing import Any

from eventsourcing.persistence import JSONTranscoder, Mapper, Notification, StoredEvent

from commands.store import Numbered
from events.base import Fact, StreamName
from events.catalogue import CATALOGUE, NAMES
from projections.base import Positioned


class FactMapper(Mapper[str]):
    """Maps numbered facts to the library's stored events."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        numbered: Numbered = domain_event
        return StoredEvent(
            originator_id=numbered.stream,
            originator_version=numbered.version,
            topic=NAMES[type(numbered.fact)],
            state=encode(numbered.fact),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return Numbered(
            StreamName(str(stored_event.originator_id)),
            stored_event.originator_version,
            decode(stored_event.topic, stored_event.state),
        )


def encode(fact: Fact) -> bytes:
    return type(fact).__pydantic_serializer__.to_json(fact)


def decode(name: str, state: bytes) -> Fact:
    return CATALOGUE[name].model_validate_json(state)


def positioned(notification: Notification) -> Positioned:
    return Positioned(
        notification.id,
        StreamName(str(notification.originator_id)),
        notification.originator_version,
        notification.topic,
        decode(notification.topic, notification.state),
    )
