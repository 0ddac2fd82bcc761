"""Who is banned, where, and who is let in for sure? (spec 06, GET /security/bans, /security/allow)

One row per ban, from its first report to its end; an address that is banned again later gets a new
row, so the list has a history and its pages stay what they were. Beside it the addresses at which
devices are registered: a ban of one of those is likely to be a mistake.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from events.bans import (
    BanExpired,
    BanImposed,
    BanLifted,
    BanObserved,
    BansFact,
    RangeAllowed,
    RangeDisallowed,
)
from events.presence import ContactRegistered, ContactRemoved
from projections.base import Positioned, Projection

_HOST = re.compile(
    r"(?:sips?:)?(?:[^@;>]*@)?\[?([0-9a-f:.]+?)\]?(?::\d+)?(?:[;>].*)?", re.IGNORECASE
)
_ACTIVE = "grp = %(grp)s AND ip = %(ip)s AND status = 'active'"
_CLOSE_DUE = f"""
    UPDATE ban SET status = 'expired', ended_at = own_until
     WHERE {_ACTIVE} AND nodes = '{{}}' AND own_until <= %(at)s"""
_OBSERVE = """
    INSERT INTO ban AS old (id, grp, ip, status, reason, jail, hits, first_seen, last_seen,
                            expires_at, user_agent, country, nodes)
    VALUES (%(id)s, %(grp)s, %(ip)s, 'active', %(reason)s, %(jail)s, %(hits)s, %(first_seen)s,
            %(at)s, %(expires_at)s, %(user_agent)s, %(country)s,
            jsonb_build_object(%(node_id)s::text, %(ts)s::bigint))
    ON CONFLICT (grp, ip) WHERE status = 'active' DO UPDATE
       SET reason = EXCLUDED.reason, jail = EXCLUDED.jail, hits = EXCLUDED.hits,
           first_seen = least(old.first_seen, EXCLUDED.first_seen),
           last_seen = EXCLUDED.last_seen, expires_at = EXCLUDED.expires_at,
           user_agent = coalesce(EXCLUDED.user_agent, old.user_agent),
           country = coalesce(EXCLUDED.country, old.country),
           nodes = old.nodes || EXCLUDED.nodes"""
_IMPOSE = """
    INSERT INTO ban AS old (id, grp, ip, status, reason, hits, first_seen, last_seen, nodes,
                            own_rule, own_until, own_detail)
    VALUES (%(id)s, %(grp)s, %(ip)s, 'active', %(rule)s, %(hits)s, %(at)s, %(at)s, '{}',
            %(rule)s, %(expires_at)s, %(detail)s)
    ON CONFLICT (grp, ip) WHERE status = 'active' DO UPDATE
       SET own_rule = EXCLUDED.own_rule, own_until = EXCLUDED.own_until,
           own_detail = EXCLUDED.own_detail, last_seen = EXCLUDED.last_seen"""
_LOSE = f"UPDATE ban SET nodes = nodes - %(node_id)s::text WHERE {_ACTIVE}"
_EXPIRE = f"""
    UPDATE ban SET status = 'expired', ended_at = %(at)s
     WHERE {_ACTIVE} AND nodes = '{{}}' AND coalesce(own_until, 0) <= %(at)s"""
_LIFT = f"UPDATE ban SET status = 'lifted', ended_at = %(at)s, ended_by = %(by)s WHERE {_ACTIVE}"
_ALLOW = """
    INSERT INTO ban_allow (grp, ip, note, by, created_at, expires_at)
    VALUES (%(grp)s, %(ip)s, %(note)s, %(by)s, %(at)s, %(expires_at)s)
    ON CONFLICT (grp, ip) DO UPDATE
       SET note = EXCLUDED.note, by = EXCLUDED.by, created_at = EXCLUDED.created_at,
           expires_at = EXCLUDED.expires_at"""


class Bans(Projection):
    name = "bans"
    version = 1
    tables = ("ban", "ban_allow", "ban_contact")
    ddl = """
        CREATE TABLE ban (
            id bigint PRIMARY KEY, grp text NOT NULL, ip inet NOT NULL, status text NOT NULL,
            reason text NOT NULL, jail text, hits bigint NOT NULL, first_seen bigint NOT NULL,
            last_seen bigint NOT NULL, expires_at bigint, user_agent text, country text,
            nodes jsonb NOT NULL, own_rule text, own_until bigint, own_detail text,
            ended_at bigint, ended_by text
        );
        CREATE UNIQUE INDEX ban_active_idx ON ban (grp, ip) WHERE status = 'active';
        CREATE TABLE ban_allow (
            grp text, ip inet, note text, by text NOT NULL, created_at bigint NOT NULL,
            expires_at bigint, PRIMARY KEY (grp, ip)
        );
        CREATE TABLE ban_contact (
            device_id text, contact text, ip inet NOT NULL, PRIMARY KEY (device_id, contact)
        );
        CREATE INDEX ban_contact_ip_idx ON ban_contact (ip);
    """

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """Bans are few: each by itself. Registrations are many: all at once."""
        changed = False
        for position, _, _, _, fact in facts:
            if isinstance(fact, BansFact):
                changed |= _fold(cursor, position, fact)
        return _fold_contacts(cursor, facts) or changed


def _fold(cursor: Cursor[DictRow], position: int, fact: BansFact) -> bool:
    row: dict[str, Any] = {**fact.model_dump(), "id": position, "grp": fact.group}
    match fact:
        case BanObserved():
            cursor.execute(_CLOSE_DUE.encode(), row)
            cursor.execute(_OBSERVE, row)
        case BanImposed():
            cursor.execute(_CLOSE_DUE.encode(), row)
            cursor.execute(_IMPOSE, row)
        case BanExpired():
            cursor.execute(_LOSE.encode(), row)
            cursor.execute(_EXPIRE.encode(), row)
        case BanLifted():
            cursor.execute(_LIFT.encode(), row)
        case RangeAllowed():
            cursor.execute(_ALLOW, row)
        case RangeDisallowed():
            cursor.execute("DELETE FROM ban_allow WHERE grp = %(grp)s AND ip = %(ip)s", row)
        case _:
            return False
    return True


def _fold_contacts(cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
    sources: dict[tuple[str, str], str | None] = {}
    for _, _, _, _, fact in facts:
        if isinstance(fact, ContactRegistered):
            sources[fact.device_id, fact.contact] = _source(fact)
        elif isinstance(fact, ContactRemoved):
            sources[fact.device_id, fact.contact] = None
    if not sources:
        return False
    devices, contacts = zip(*sources, strict=True)
    cursor.execute(
        "DELETE FROM ban_contact AS old USING unnest(%s::text[], %s::text[]) AS new (d, c)"
        " WHERE (old.device_id, old.contact) = (new.d, new.c)",
        (list(devices), list(contacts)),
    )
    found = [(*key, ip) for key, ip in sources.items() if ip is not None]
    cursor.executemany("INSERT INTO ban_contact VALUES (%s, %s, %s)", found)
    return True


def _source(fact: ContactRegistered) -> str | None:
    """The address that the registration came from, as far as the edge told it."""
    for text in (fact.received, fact.contact):
        if text and (found := _HOST.fullmatch(text.strip().lstrip("<"))):
            try:
                return str(ip_address(found.group(1)))
            except ValueError:
                continue
    return None


# Query

_NOW_STATUS = (
    "CASE WHEN status = 'active' AND nodes = '{}' AND own_until <= %(now)s"
    " THEN 'expired' ELSE status END"
)
_PAGE = f"""
    SELECT * FROM (
        SELECT ban.*, host(ip) AS address, {_NOW_STATUS} AS now_status,
               array_remove(ARRAY[
                   CASE WHEN (SELECT count(*) FROM jsonb_object_keys(nodes)) > 1
                        THEN 'several_nodes' END,
                   CASE WHEN EXISTS (SELECT FROM views.ban_contact AS c WHERE c.ip = ban.ip)
                        THEN 'registered' END,
                   CASE WHEN EXISTS (SELECT FROM views.ban_allow AS a
                                      WHERE a.ip >>= ban.ip
                                        AND (a.expires_at IS NULL OR a.expires_at > %(now)s))
                        THEN 'allowed' END], NULL) AS flags
          FROM views.ban AS ban) AS found
     WHERE (%(status)s::text IS NULL OR now_status = %(status)s)
       AND (%(flagged)s::boolean IS NULL OR (flags <> '{{}}') = %(flagged)s)
       AND (%(after)s::bigint IS NULL OR id < %(after)s)
       AND (%(network)s::inet IS NULL OR ip <<= %(network)s::inet)
       AND (%(text)s::text IS NULL OR address ILIKE %(text)s OR reason ILIKE %(text)s
            OR user_agent ILIKE %(text)s)
     ORDER BY id DESC LIMIT %(limit)s"""


def page(
    cursor: Cursor[DictRow],
    status: str | None,
    q: str | None,
    flagged: bool | None,
    after: int | None,
    limit: int,
    now: int,
) -> list[DictRow]:
    """Bans, newest first. `q`: an address or a range (CIDR), or a part of address, reason or user
    agent. `flags` of a row: several_nodes, registered, allowed."""
    network, text = _sought(q)
    return cursor.execute(
        _PAGE.encode(),
        {
            "status": status,
            "flagged": flagged,
            "after": after,
            "network": network,
            "text": text,
            "limit": limit,
            "now": now,
        },
    ).fetchall()


def _sought(q: str | None) -> tuple[str | None, str | None]:
    if not q:
        return None, None
    try:
        return str(ip_network(q.strip(), strict=False)), None
    except ValueError:
        escaped = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return None, f"%{escaped}%"


def allowances(cursor: Cursor[DictRow], now: int) -> list[DictRow]:
    """The list of the allowed that is in force."""
    return cursor.execute(
        "SELECT CASE WHEN masklen(ip) = CASE family(ip) WHEN 4 THEN 32 ELSE 128 END"
        "            THEN host(ip) ELSE text(ip) END AS ip, note, by, created_at, expires_at"
        "  FROM views.ban_allow WHERE expires_at IS NULL OR expires_at > %s"
        " ORDER BY ban_allow.ip",
        (now,),
    ).fetchall()
