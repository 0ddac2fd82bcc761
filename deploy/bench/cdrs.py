"""Call detail records by the million, as a busy year would leave them: one account has most."""

from collections.abc import Iterator
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import DictRow

from projections.cdr import Cdr, make_month
from projections.months import Month

YEAR = 365 * 86_400_000
START = 1_760_000_000_000
OTHERS = 49
"""Accounts that share a fifth of the calls."""
RARE = 3
"""Calls in the middle of the year that are like no others."""
BLOCK = 10_000
_COLUMNS = (
    *("call_id", "account_id", "direction", "from_num", "to_num", "did_id", "trunk_id"),
    *("start_ts", "ring_ts", "answer_ts", "end_ts", "duration_sec", "billsec", "answered"),
    *("disposition", "hangup_cause", "sip_code", "hangup_by", "queue_id", "agent_id"),
    *("flow_id", "flow_version", "node_id", "src_ip"),
)
_ENDS = (
    *[("answered", "normal_clearing", "200")] * 13,
    *[("no_answer", "no_answer", "480")] * 3,
    *[("abandoned", "originator_cancel", "487")] * 2,
    *[("busy", "user_busy", "486"), ("failed", "failed", "503")],
)
NULL = r"\N"
RARE_VALUES = {
    "direction": "unknown",
    "from_num": "19990000001",
    "to_num": "19990000002",
    "did_id": "did_rare",
    "trunk_id": "tr_rare",
    "flow_id": "flow_rare",
    "queue_id": "q_rare",
    "agent_id": "us_rare",
    "disposition": "rejected",
    "hangup_cause": "odd",
}


class Row(NamedTuple):
    """What differs between two records."""

    direction: str
    from_num: str
    to_num: str
    did_id: str
    trunk_id: str
    flow_id: str
    queue_id: str
    agent_id: str
    disposition: str
    hangup_cause: str
    sip_code: str


def fill(connection: Connection[DictRow], account_id: str, rows: int) -> None:
    """Replace the call log: the tables of the projection, filled by COPY, their indexes made
    after."""
    statements = [part.strip() for part in Cdr.ddl.split(";") if part.strip()]
    indexes = [one for one in statements if one.startswith("CREATE INDEX")]
    connection.execute("SET search_path TO views")
    connection.execute("SET maintenance_work_mem TO '512MB'")
    connection.execute(f"DROP TABLE {', '.join(Cdr.tables)}".encode())
    for statement in statements:
        if statement not in indexes:
            connection.execute(statement.encode())
    month = Month.of(START)
    while month.begins < START + YEAR:
        make_month(connection.cursor(), month)
        month = month.next
    statement = f"COPY call_cdr ({', '.join(_COLUMNS)}) FROM STDIN"
    with connection.cursor().copy(statement.encode()) as copy:
        for block in _blocks(account_id, rows):
            copy.write(block)
    for index in indexes:
        connection.execute(index.encode())
    connection.execute("VACUUM ANALYZE call_cdr")


def _blocks(account_id: str, rows: int) -> Iterator[str]:
    for begin in range(0, rows, BLOCK):
        numbers = range(begin, min(rows, begin + BLOCK))
        yield "".join(_line(account_id, number, rows) for number in numbers)


def _line(account_id: str, number: int, rows: int) -> str:
    """The same for the same number, in any run."""
    chance = number * 2_654_435_761 % 2**32
    is_rare = 0 <= number - rows // 2 < RARE
    owner = account_id if chance % 5 or is_rare else f"acc_{chance // 5 % OTHERS:026d}"
    row = Row(**RARE_VALUES, sip_code="403") if is_rare else _row(chance)
    start = START + number * YEAR // rows
    talk = chance // 7 % 600 if row.disposition == "answered" else 0
    answer = str(start + 9_000) if talk else NULL
    end = start + 9_000 + talk * 1_000
    times = f"{start}\t{start + 2_000}\t{answer}\t{end}\t{9 + talk}\t{talk}\t{int(talk > 0)}"
    return (
        f"{chance:08x}-{number}@192.0.2.10\t{owner}\t{row.direction}\t{row.from_num}\t{row.to_num}"
        f"\t{row.did_id}\t{row.trunk_id}\t{times}\t{row.disposition}\t{row.hangup_cause}"
        f"\t{row.sip_code}\tcaller\t{row.queue_id}\t{row.agent_id}\t{row.flow_id}\t"
        f"{NULL if row.flow_id == NULL else 3}\tedge-1\t198.51.100.7\n"
    )


def _row(chance: int) -> Row:
    theirs, ours = f"1415{chance % 9_999_991:07d}", f"1202555{chance // 11 % 20:04d}"
    end = _ENDS[chance // 13 % len(_ENDS)]
    trunk = f"tr_{chance // 17 % 4:026d}"
    if chance // 19 % 10 < 3:
        return Row("outbound", ours, theirs, NULL, trunk, NULL, NULL, NULL, *end)
    if chance // 19 % 50 == 3:  # nobody is ever busy inside
        end = _ENDS[0] if end[0] == "busy" else end
        return Row(
            "internal", "1001", f"10{chance // 23 % 90:02d}", NULL, NULL, NULL, NULL, NULL, *end
        )
    did, flow = f"did_{chance // 29 % 200:026d}", f"flow_{chance // 29 % 30:026d}"
    in_queue, served = chance // 31 % 10 < 4, end[0] == "answered"
    queue = f"q_{chance // 37 % 25:026d}" if in_queue else NULL
    agent = f"us_{chance // 41 % 300:026d}" if in_queue and served else NULL
    return Row("inbound", theirs, ours, did, trunk, flow, queue, agent, *end)
