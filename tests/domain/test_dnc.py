"""The do-not-call list: what is on it, what a file adds to it, what it does to a call."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from commands import snapshots
from domain import dnc, dnc_file, numbers
from domain.dnc import DncFact, DncList
from domain.errors import Invalid, NotFound
from events.base import Millis
from events.call import Reject
from events.dnc import (
    Entry,
    ImportAdvanced,
    ImportFinished,
    ImportStarted,
    NumbersListed,
    NumbersUnlisted,
    RejectedLine,
)
from tests.domain.acme import Acme
from tests.support.given import ACCOUNT, DNC, NOW, given, property_of

NUMBER, OTHER = "14155551234", "4930123456"
Decision = Callable[[DncList], list[DncFact]]
_NUMBERS = st.sampled_from([NUMBER, OTHER, "442071234567"])
_ENTRIES = st.builds(
    Entry,
    _NUMBERS,
    st.sampled_from([None, "asked"]),
    st.sampled_from([None, "crm"]),
    st.sampled_from([None, 1, 4_000_000_000]),
)


def _listed(*entries: Entry) -> NumbersListed:
    return NumbersListed(account_id=ACCOUNT, at=NOW, entries=entries, by="key_1")


def _add(*entries: Entry) -> Decision:
    return lambda state: dnc.add(state, ACCOUNT, entries, "key_1", NOW)


def _remove(*e164: str) -> Decision:
    return lambda state: dnc.remove(state, ACCOUNT, e164, "key_1", NOW)


def _started(lines: int = 4) -> ImportStarted:
    return ImportStarted(account_id=ACCOUNT, at=NOW, import_id="imp_1", by="key_1", lines=lines)


def _advanced(lines: int, *entries: Entry, rejected: tuple[Any, ...] = ()) -> ImportAdvanced:
    return ImportAdvanced(
        account_id=ACCOUNT,
        at=NOW,
        import_id="imp_1",
        by="key_1",
        lines=lines,
        entries=entries,
        rejected=rejected,
    )


def _advance(lines: int, *entries: Entry, rejected: tuple[Any, ...] = ()) -> Decision:
    return lambda state: dnc.advance_import(
        state, ACCOUNT, "imp_1", lines, entries, rejected, "key_1", NOW
    )


def test_a_number_is_listed_once_and_again_when_something_else_is_said() -> None:
    after = given(DNC).when(_add(Entry(NUMBER))).then(_listed(Entry(NUMBER)))
    after.when(_add(Entry(NUMBER), Entry(OTHER))).then(_listed(Entry(OTHER)))
    after.when(_add(Entry(NUMBER, "asked"))).then(_listed(Entry(NUMBER, "asked")))


def test_of_a_number_that_comes_twice_the_last_word_counts() -> None:
    last = Entry(NUMBER, "second")
    given(DNC).when(_add(Entry(NUMBER, "first"), last)).then(_listed(last))


def test_a_number_is_taken_off_if_it_is_on() -> None:
    gone = NumbersUnlisted(account_id=ACCOUNT, at=NOW, numbers=(NUMBER,), by="key_1")
    after = given(DNC, _listed(Entry(NUMBER))).when(_remove(NUMBER, OTHER)).then(gone)
    after.when(_remove(NUMBER)).then_refused(NotFound)


def test_an_entry_expires() -> None:
    state = given(DNC, _listed(Entry(NUMBER, expires_at=NOW // 1000))).state
    assert dnc.is_listed(state, NUMBER, Millis(NOW - 1))
    assert not dnc.is_listed(state, NUMBER, NOW)
    assert not dnc.is_listed(state, OTHER, NOW)
    assert not dnc.is_listed(state, "anonymous", NOW)


def test_a_file_is_taken_in_parts_each_once() -> None:
    def start(state: DncList) -> list[DncFact]:
        return dnc.start_import(state, ACCOUNT, "imp_1", 4, "key_1", NOW)

    def finish(state: DncList) -> list[DncFact]:
        return dnc.finish_import(state, ACCOUNT, "imp_1", NOW)

    bad = RejectedLine(2, "x", "not a telephone number")
    begun = given(DNC).when(start).then(_started())
    first = begun.when(_advance(2, Entry(NUMBER), rejected=(bad,))).then(
        _advanced(2, Entry(NUMBER), rejected=(bad,))
    )
    first.when(_advance(2, Entry(OTHER))).then_nothing()
    second = first.when(_advance(4, Entry(NUMBER), Entry(OTHER))).then(_advanced(4, Entry(OTHER)))
    done = second.when(finish).then(ImportFinished(account_id=ACCOUNT, at=NOW, import_id="imp_1"))
    done.when(_advance(5)).then_refused(NotFound)
    assert set(done.state.numbers) == {int(NUMBER), int(OTHER)}


@property_of(examples=80)
@for_all(st.lists(st.tuples(st.booleans(), st.lists(_ENTRIES, max_size=4)), max_size=8))
def test_the_list_is_what_was_said_last(steps: list[tuple[bool, list[Entry]]]) -> None:
    state, said = DncList(), dict[str, Entry]()
    for is_removal, entries in steps:
        if is_removal:
            there = [entry.e164 for entry in entries if entry.e164 in said]
            facts = dnc.remove(state, ACCOUNT, there, "key_1", NOW) if there else []
            for e164 in there:
                said.pop(e164, None)
        else:
            facts = dnc.add(state, ACCOUNT, entries, "key_1", NOW)
            said |= {entry.e164: entry for entry in entries}
        for fact in facts:
            dnc.evolve(state, fact)
    assert {n: tuple(label) for n, label in state.numbers.items()} == {
        int(entry.e164): entry[1:] for entry in said.values()
    }
    again = snapshots.load_dnc(snapshots.dump_dnc(state))
    assert (again.numbers, again.imports) == (state.numbers, state.imports)


def test_numbers_of_a_file_share_what_is_said_of_them() -> None:
    entries = [Entry(f"1415555{n:04d}", "asked for it", "crm") for n in range(1_000)]
    state = given(DNC, _listed(*entries)).state
    for held in (state, snapshots.load_dnc(snapshots.dump_dnc(state))):
        assert len({id(label) for label in held.numbers.values()}) == 1


# A call


def _acme(**account: Any) -> Acme:
    acme = Acme(wholesale=("carrier.example",), **account)
    acme.add_user("1001")
    acme.dnc = given(DNC, _listed(Entry(OTHER), Entry("911"))).state
    return acme


def test_a_listed_number_is_not_called() -> None:
    refused = _acme(dnc_outbound=1).dial("+" + OTHER)
    assert refused.directive == Reject(code=403, reason="Do Not Call")
    assert ("dnc", "listed", OTHER) in refused.path


def test_another_number_is_called_and_the_path_says_that_it_was_looked_at() -> None:
    routed = _acme(dnc_outbound=1).dial("+442071234567")
    assert routed.directive.action == "outbound"
    assert ("dnc", "clear", "442071234567") in routed.path


def test_help_is_always_called() -> None:
    assert _acme(dnc_outbound=1).dial("911").directive.action == "outbound"


def test_who_does_not_ask_for_it_calls_everybody() -> None:
    acme = _acme()
    acme.dnc = None
    routed = acme.dial("+" + OTHER)
    assert routed.directive.action == "outbound"
    assert "dnc" not in [policy for policy, _, _ in routed.path]


# A file


def _read(text: str, country: str = "US") -> list[Entry | RejectedLine]:
    return list(dnc_file.entries(*dnc_file.read(text), country))


def test_columns_come_in_any_order_and_are_named_by_the_header() -> None:
    text = (
        '\ufeffSource,Phone,Other,expires_at,reason\r\ncrm,+1 415 555 1234,x,1800000000,"a, b"\r\n'
    )
    assert _read(text) == [Entry(NUMBER, "a, b", "crm", 1_800_000_000)]


def test_without_a_header_the_first_column_is_the_number() -> None:
    assert _read("4155551234\n+4930123456,asked\n") == [Entry(NUMBER), Entry(OTHER, "asked")]


def test_a_bad_line_is_rejected_with_its_number_and_the_reason() -> None:
    text = "e164,expires_at\n\nnobody,\n+14155551234,soon\n,\n+14155551234,2027-01-01\n"
    assert _read(text) == [
        RejectedLine(3, "nobody", "not a telephone number"),
        RejectedLine(4, "+14155551234", "expires_at is neither epoch seconds nor a date"),
        Entry(NUMBER, expires_at=1_798_761_600),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", '"open', "e164\n" + "x" * 200_000])
def test_what_is_no_csv_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        dnc_file.read(text)


@property_of(examples=150)
@for_all(st.text(max_size=200), st.sampled_from(["US", "DE", "GB"]))
def test_any_text_is_lines_or_refused(text: str, country: str) -> None:
    try:
        columns, lines = dnc_file.read(text)
    except Invalid:
        return
    for found in dnc_file.entries(columns, lines, country):
        words = found[1:3] if isinstance(found, RejectedLine) else (found.e164, found.reason or "")
        assert all(str(word).isprintable() for word in words)


@pytest.mark.parametrize(
    ("raw", "country", "e164"),
    [
        ("4155551234", "US", NUMBER),
        ("14155551234", "US", NUMBER),
        ("14155551234", "DE", NUMBER),
        ("+14155551234", "DE", NUMBER),
        ("4930123456", "US", OTHER),
        ("030 123456", "DE", OTHER),
        ("00493012345 6", "DE", OTHER),
        ("12", "US", None),
        ("", "US", None),
    ],
)
def test_a_number_of_a_list_is_read_with_and_without_a_plus(
    raw: str, country: str, e164: str | None
) -> None:
    assert numbers.from_list(raw, country) == e164
