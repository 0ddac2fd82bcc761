"""What is heard and recorded."""

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from domain.rules.members import STRICT, Count, Flag, Id, Mailbox, Name, Text
from events import resources


class Voicemail(resources.Voicemail):
    model_config = STRICT
    name: Text = ""
    skip_instructions: Flag = 0
    quota_mb: Count = 200
    notify_email: Mailbox | None = None


class MediaFile(resources.MediaFile):
    model_config = STRICT
    name: Name
    kind: Literal["prompt", "moh", "greeting", "announcement", "recording", "voicemail"] = "prompt"
    object_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./@-]{1,512}$")] | None = None
    format: Annotated[str, Field(pattern="^[a-z0-9]{1,8}$")] | None = None
    duration_ms: Annotated[int, Field(ge=0)] | None = None
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class MediaPlaylist(resources.MediaPlaylist):
    model_config = STRICT
    name: Name
    media_ids: Annotated[tuple[Id, ...], Field(max_length=100)] = ()
