"""Any configuration at all: rows with odd names that name each other, also in circles."""

from typing import Any

from hypothesis import strategies as st

from tests.manifest.files import id_of

TARGETS = {
    "flow": "flows",
    "user": "users",
    "extension": "extensions",
    "ring_group": "ring_groups",
    "queue": "queues",
    "voicemail": "voicemails",
    "conference": "conferences",
    "forward": "forwards",
    "trunk": "trunks",
}
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=8,
).filter(lambda text: text == text.strip() != "")
ODD = st.sampled_from(["yes", "1e3", "0x1f", "- a", "a: b", "# x", "2026-07-04", "us_" + "0" * 26])
DIGITS = st.text("0123456789*#", min_size=1, max_size=4)
NUMBERS = st.integers(2_000_000, 9_999_999).map(lambda n: f"+1202{n}")
_PREFIX = {
    "media": "media",
    "schedules": "sch",
    "voicemails": "vm",
    "users": "us",
    "queues": "q",
    "ring_groups": "rg",
    "conferences": "conf",
    "trunks": "tr",
    "forwards": "fwd",
    "flows": "flow",
    "extensions": "ext",
}
_NAMED_BY = {"users": "username", "extensions": "digits"}


class Names:
    """What can be named: section → the texts that mean a row."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self._texts: dict[str, list[str]] = {}

    def make(self, section: str) -> None:
        """Up to three rows with nothing but a name; of equal names only one has no id."""
        draw, member = self._draw, _NAMED_BY.get(section, "name")
        words = DIGITS if section in _NAMED_BY else NAMES | ODD
        rows: list[dict[str, Any]] = []
        texts: list[str] = []
        for number, name in enumerate(draw(st.lists(words, max_size=3, unique=True))):
            has_id = draw(st.booleans()) or name.startswith("us_") or "/" in name
            row: dict[str, Any] = {member: name}
            if has_id:
                row["id"] = id_of(_PREFIX[section])
                if section not in _NAMED_BY and number and draw(st.booleans()):
                    row[member] = rows[0][member]
            rows.append(row)
        for row in rows:
            is_alone = [one[member] for one in rows].count(row[member]) == 1
            if not is_alone and "id" not in row:
                row["id"] = id_of(_PREFIX[section])
            texts.append(row[member] if is_alone and "id" not in row else row["id"])
        self.rows[section], self._texts[section] = rows, texts

    def one_of(self, section: str) -> str | None:
        texts = self._texts.get(section)
        return self._draw(st.sampled_from(texts)) if texts else None

    def target(self, prefix: str) -> dict[str, Any]:
        kind = self._draw(st.sampled_from([*TARGETS, "hangup", None, None]))
        if kind is None:
            return {}
        if kind == "hangup":
            return {f"{prefix}_kind": kind}
        id = self.one_of(TARGETS[kind])
        return {f"{prefix}_kind": kind, f"{prefix}_id": id} if id else {}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The sections of a file."""
    names = Names(draw)
    for section in _PREFIX:
        names.make(section)
    rows = names.rows
    _fill(draw, names)
    numbers = draw(st.lists(NUMBERS, max_size=2, unique=True))
    rows["numbers"] = [{"e164": number, **names.target("dest")} for number in numbers]
    rows["limits"] = [
        {"name": name, "scope_kind": "did", "scope_id": number, "period_sec": 9, "max_count": 1}
        for name, number in zip(("a", "b"), numbers, strict=False)
    ]
    rows["webhooks"] = [{"url": "https://a.example/", "events": ["call.started", "call.ended"]}]
    _join(rows, names)
    return {section: found for section, found in rows.items() if found}


def _fill(draw: st.DrawFn, names: Names) -> None:
    rows = names.rows
    for row in rows["schedules"]:
        row["rules"] = [{"kind": "weekly", "dow": 1, "start_time": "09:00", "end_time": "17:00"}]
    for row in rows["users"]:
        row |= {"is_agent": 1, **names.target("fwd_busy"), "out_cid_number": draw(NUMBERS)}
        row |= {"voicemail_id": names.one_of("voicemails")}
    for row in rows["queues"]:
        row |= {"schedule_id": names.one_of("schedules"), **names.target("timeout_dest")}
        row |= {"moh_media_id": names.one_of("media")}
    for row in rows["ring_groups"]:
        users = {names.one_of("users") for _ in range(2)} - {None}
        row["members"] = [{"user_id": user, "delay_sec": 2} for user in sorted(map(str, users))]
        row |= names.target("exit_dest")
    for row in rows["forwards"]:
        row["to"] = draw(NUMBERS | st.just("sip:a@b.example"))
    for row in rows["extensions"]:
        row |= names.target("closed_dest")
    for row in rows["flows"]:
        row |= _graph(draw, names)


def _graph(draw: st.DrawFn, names: Names) -> dict[str, Any]:
    drawn: list[dict[str, Any]] = [{"kind": "say", "text": draw(NAMES)}, {"kind": "hangup"}]
    for kind, member, section in (
        ("enqueue", "queueId", "queues"),
        ("subflow", "flowId", "flows"),
        ("ringGroup", "ringGroupId", "ring_groups"),
        ("timeCondition", "scheduleId", "schedules"),
    ):
        if id := names.one_of(section):
            drawn.append({"kind": kind, member: id})
    if target := names.target("dest"):
        drawn.append({"kind": "forward", **target})
    if user := names.one_of("users"):
        drawn.append({"kind": "dial", "target": "user", "id": user})
    nodes = [{"id": f"n{n}", "type": one["kind"], "data": one} for n, one in enumerate(drawn)]
    edges = [{"id": "e", "source": "n0", "target": "n1", "sourceHandle": "default"}]
    return {
        "start": "n0",
        "nodes": nodes,
        "edges": edges,
        "is_published": draw(st.integers(0, 1)),
    }


def _join(rows: dict[str, list[dict[str, Any]]], names: Names) -> None:
    user, queue = names.one_of("users"), names.one_of("queues")
    if user:
        login = {"auth_username": "1", "realm": "a.example"}
        rows["devices"] = [{"user_id": user, **login, "ring_order": 1}]
        if rows["ring_groups"]:
            rows["ring_groups"][0]["members"].append({"device_id": "1@A.example"})
    if queue:
        rows["in_queue_options"] = [{"queue_id": queue, "digit": "1", "action": "hangup"}]
    if user and queue:
        rows["queue_members"] = [{"queue_id": queue, "user_id": user}]
    if trunk := names.one_of("trunks"):
        rows["routes"] = [{"trunk_ids": [trunk], "id": id_of("route")}]
