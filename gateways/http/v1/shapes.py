"""The models of a collection in the API document, made from the stored body and its rules."""

from typing import Any, cast, get_args, get_origin

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, create_model

from domain import rules
from events.resources import KINDS
from gateways.http.v1.collections import Collection

_META: dict[str, Any] = {
    "id": (str, Field(description="TypeID")),
    "account_id": (str, Field(description="The owner")),
    "created_at": (int, Field(description="Epoch seconds")),
    "updated_at": (int, Field(description="Epoch seconds")),
    "version": (int, Field(description="Optimistic lock; the number in the ETag")),
}


def models(one: Collection) -> tuple[type[BaseModel], ...]:
    """Row, page, created row, input and patch of a collection."""
    title = one.title
    stored, ruled = KINDS[one.kind].model_fields, rules.RULES[one.kind].model_fields
    shown = {n: (_listed(f.annotation), f) for n, f in stored.items() if n not in one.hidden}
    withheld = {*one.hidden, *one.read_only}
    taken = {n: (_listed(f.annotation), f) for n, f in ruled.items() if n not in withheld}
    for name in one.loose:
        of_any_kind = Field(description=f"{name.capitalize()} as in the answer")
        taken[name] = (list[dict[str, Any]], of_any_kind)
    secret = {
        n: (str | None, Field(default=None, description=d)) for n, d in one.write_only.items()
    }
    once = {n: (str | None, Field(default=None, description="Shown once")) for n in one.shown_once}
    optional = {
        n: (annotation | None, None) for n, (annotation, _) in taken.items() if n not in one.once
    }
    row = _model(title, {**_META, **shown})
    page = _model(
        f"{title}Page",
        {
            "ok": (int, 1),
            "count": (int, ...),
            "rows": (list[row], ...),  # type: ignore[valid-type]
            "next_cursor": (str | None, None),
        },
    )
    return (
        row,
        page,
        _model(f"Created{title}", {**_META, **shown, **once}),
        _model(f"New{title}", {**taken, **secret}, strict=True),
        _model(f"{title}Patch", {**optional, **secret}, strict=True),
    )


def _listed(annotation: Any) -> Any:
    """`tuple[X, ...]` as `list[X]`, which is what it is in JSON."""
    if get_origin(annotation) is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc]
    return annotation


def _model(name: str, fields: dict[str, Any], *, strict: bool = False) -> type[BaseModel]:
    config = ConfigDict(extra="forbid" if strict else "ignore")
    return cast(type[BaseModel], create_model(name, __config__=config, **fields))


def row_of(one: Collection, row: DictRow) -> dict[str, Any]:
    """A stored row as the API shows it. A flow's `version` is its own; the lock is in the ETag."""
    body = {name: value for name, value in row["body"].items() if name not in one.hidden}
    return {
        "id": row["id"],
        "account_id": row["account_id"],
        "version": row["version"],
        **body,
        "created_at": row["created_at"] // 1000,
        "updated_at": row["updated_at"] // 1000,
    }
