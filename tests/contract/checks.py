"""What schemathesis cannot know of this API."""

from typing import Any

import schemathesis
from schemathesis import GenerationMode

AUDIO = ("audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/mp4", "audio/basic")
OTHER_AUDIO = ("audio/G722", "audio/x-gsm", "audio/x-alaw-basic")


@schemathesis.check
def valid_data_is_refused_by_name(ctx: Any, response: Any, case: Any) -> None:
    """Of the right shape, and breaks a rule that no schema can say: the answer names the member."""
    if response.status_code != 400 or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if not response.json().get("errors"):
        raise AssertionError("a 400 to data of the right shape, and no member is named")


@schemathesis.serializer(*AUDIO)
def as_it_is(ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/octet-stream", *AUDIO, *OTHER_AUDIO)
def of_bytes(ctx: Any, response: Any) -> str:
    return str(response.content)
