"""Who is there: the numbers, phones and agents of an account, as a configuration file has them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Seat(NamedTuple):
    """A phone, and who sits at it."""

    username: str
    realm: str
    password: str
    queues: tuple[str, ...]
    """Those that he works in; empty: he is no agent."""

    @property
    def aor(self) -> str:
        return f"sip:{self.username}@{self.realm}"


class Office(NamedTuple):
    account_id: str
    numbers: tuple[str, ...]
    seats: tuple[Seat, ...]

    @property
    def agents(self) -> tuple[Seat, ...]:
        return tuple(seat for seat in self.seats if seat.queues)


def office_of(*documents: Mapping[str, Any]) -> Office:
    """Of files about one account; devices whose password does not stand there stay dark. Queues
    need their id there: it is what agents come to work with."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        for section, found in document.items():
            if isinstance(found, list):
                rows.setdefault(section, []).extend(found)
    users = _named(rows.get("users", ()), "username")
    names = _named(rows.get("queues", ()), "name")
    queues: dict[str, list[str]] = {}
    for member in rows.get("queue_members", ()):
        user, queue = member["user_id"], member["queue_id"]
        queues.setdefault(users.get(user, user), []).append(names.get(queue, queue))
    seats = [
        Seat(
            device["auth_username"],
            device["realm"],
            device["password"],
            tuple(queues.get(users.get(device["user_id"], device["user_id"]), ())),
        )
        for device in rows.get("devices", ())
        if "password" in device
    ]
    numbers = [number["e164"].lstrip("+") for number in rows.get("numbers", ())]
    return Office(documents[0]["account"]["id"], tuple(numbers), tuple(seats))


def _named(rows: Iterable[Mapping[str, Any]], member: str) -> dict[str, str]:
    """Name → id, of the rows that have one."""
    return {row[member]: row["id"] for row in rows if "id" in row}
