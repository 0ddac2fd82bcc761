"""The models of a collection in the API document, made from the stored body and its rules."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from domain import rules
from events.resources import KINDS
from gateways.http.v1.collections import Collection
from gateways.http.v1.unions import UNIONS, Documented

_META: dict[str, Any] = {
    "id": (str, Field(description="TypeID")),
    "account_id": (str, Field(description="The owner")),
    "created_at": (int, Field(description="Epoch seconds")),
    "updated_at": (int, Field(description="Epoch seconds")),
    "version": (int, Field(description="Optimistic lock; the number in the ETag")),
}
_NAMED: dict[str, Any] = {}
Secret = Annotated[str, Field(max_length=2000)]


def models(one: Collection) -> tuple[type[BaseModel], ...]:
    """Row, page, created row, input and patch of a collection."""
    title, stored = one.title, KINDS[one.kind].model_fields
    shown = {name: _shown(one, name) for name in stored if name not in one.hidden}
    withheld = {*one.hidden, *one.read_only}
    ruled = [name for name in rules.RULES[one.kind].model_fields if name not in withheld]
    secret = {
        n: (Secret | None, Field(default=None, description=d)) for n, d in one.write_only.items()
    }
    once = {n: (str | None, Field(default=None, description="Shown once")) for n in one.shown_once}
    row = _model(title, {**_META, **shown})
    page = _model(
        f"{title}Page",
        {
            "ok": (int, ...),
            "count": (int, Field(description="How many rows this page has")),
            "rows": (list[row], ...),  # type: ignore[valid-type]
            "next_cursor": (
                str | None,
                Field(default=None, description="Of the next page; not there on the last one"),
            ),
        },
    )
    taken = {name: _taken(one, name) for name in ruled}
    patch = {name: _patched(one, name) for name in ruled if name not in one.once}
    return (
        row,
        page,
        _model(f"Created{title}", {**_META, **shown, **once}),
        _model(f"New{title}", {**taken, **secret}, strict=True),
        _model(f"{title}Patch", {**patch, **secret}, strict=True),
    )


def _shown(one: Collection, name: str) -> tuple[Any, Any]:
    """A member of a row: always there, and with the values that the rules let in."""
    stored = KINDS[one.kind].model_fields[name]
    ruled = rules.RULES[one.kind].model_fields[name]
    annotation = _choice(one, name) or stored.annotation
    if (one.kind, name) in UNIONS:
        annotation = Annotated[Any, Documented(UNIONS[one.kind, name])]
    elif get_origin(stored.annotation) is tuple:
        annotation = _listed(ruled.annotation)
    return annotation, Field(description=_description(one, name))


def _taken(one: Collection, name: str) -> tuple[Any, Any]:
    ruled = rules.RULES[one.kind].model_fields[name]
    default = ... if ruled.is_required() else ruled.get_default(call_default_factory=True)
    description = Field(description=_description(one, name))
    return _annotated(_input(one, name), [*ruled.metadata, description]), default


def _patched(one: Collection, name: str) -> tuple[Any, Any]:
    """Null puts a member back to its default; what has none cannot be put back."""
    ruled = rules.RULES[one.kind].model_fields[name]
    annotation = _annotated(_input(one, name), ruled.metadata)
    optional = annotation if ruled.is_required() else annotation | None
    return optional, Field(default=None, description=_description(one, name))


def _input(one: Collection, name: str) -> Any:
    """What is one of several is documented as that. A flow's graph is taken as it comes, though:
    the rules name all its faults at once."""
    ruled = rules.RULES[one.kind].model_fields[name].annotation
    annotation = _choice(one, name) or _listed(ruled)
    if name in one.loose:
        annotation = list[dict[str, Any]]
    if (one.kind, name) in UNIONS:
        return Annotated[annotation, Documented(UNIONS[one.kind, name])]
    return annotation


def _annotated(annotation: Any, metadata: Iterable[Any]) -> Any:
    parts = list(metadata)
    return Annotated[(annotation, *parts)] if parts else annotation


def _choice(one: Collection, name: str) -> Any:
    """The type of a member that is one of some words, under a name of its own in the document;
    None for any other member."""
    annotation = rules.RULES[one.kind].model_fields[name].annotation
    options = (annotation, *get_args(annotation))
    words: Any = next((option for option in options if get_origin(option) is Literal), None)
    if words is None or get_origin(annotation) is tuple:
        return None
    member = "".join(part.capitalize() for part in name.split("_"))
    title = "DestKind" if words == rules.DestKind else f"{one.title}{member}"
    return _named(title, words) if words is annotation else _named(title, words) | None


def _named(title: str, words: Any) -> Any:
    """One and the same wherever it is asked for: two of a name would be two schemas."""
    return _NAMED.setdefault(title, TypeAliasType(title, words))


def _description(one: Collection, name: str) -> str | None:
    fields: tuple[FieldInfo, ...] = (
        rules.RULES[one.kind].model_fields[name],
        KINDS[one.kind].model_fields[name],
    )
    return next((field.description for field in fields if field.description), None)


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
    body = {**_defaults(one), **row["body"]}
    return {
        "id": row["id"],
        "account_id": row["account_id"],
        "version": row["version"],
        **{name: value for name, value in body.items() if name not in one.hidden},
        "created_at": row["created_at"] // 1000,
        "updated_at": row["updated_at"] // 1000,
    }


def _defaults(one: Collection) -> dict[str, Any]:
    """For rows that were written before a member was."""
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in KINDS[one.kind].model_fields.items()
        if not field.is_required()
    }
