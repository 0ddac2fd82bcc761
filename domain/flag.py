"""0 or 1, as rows and nodes have it. A truth value is taken for it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema


def _flag(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


Flag = Annotated[
    int,
    Field(ge=0, le=1),
    BeforeValidator(_flag),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 1}, {"type": "boolean"}]}
    ),
]
