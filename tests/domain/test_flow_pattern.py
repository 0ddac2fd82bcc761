"""Patterns: they mean what regular expressions mean, and none of them takes long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.flow import pattern
from domain.flow.pattern import MAX_PATTERN, MAX_TEXT, BadPattern
from tests.support.given import property_of

_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "1",
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\s",
        r"\.",
        "[ab]",
        "[^a]",
        "[0-9]",
        "[a-c1]",
        r"[\d-]",
    ]
)
_PATTERNS: st.SearchStrategy[str] = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=5,
)


@property_of(examples=400)
@given(_PATTERNS, st.text("ab1. -", max_size=6))
def test_a_pattern_means_what_it_means_everywhere(written: str, text: str) -> None:
    try:
        found = pattern.matches(written, text)
    except BadPattern:
        return
    assert found == (re.fullmatch(written, text, re.ASCII | re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("written", "text"),
    [("^[0-9]{4}$", "1234"), ("", ""), ("a||b", ""), ("[]a]", "]"), (r"\$\^", "$^"), ("x$", "x")],
)
def test_what_else_matches(written: str, text: str) -> None:
    assert pattern.matches(written, text)


@pytest.mark.parametrize(
    "written",
    [
        *("(", ")", "[", "a{", "a{x}", "a{2,1}", "a{65}", "*", "+a", "?", "a**", "\\", "[z-a]"),
        *("(?=a)", "(?P<x>a)", "(?!a)", "a^", "$a", "[a", "(a", "{2}"),
        *("a" * (MAX_PATTERN + 1), "((a*)*)*", "(a{64}){64}", "(" * 30 + "a" + ")" * 30),
    ],
)
def test_what_has_no_meaning_or_would_cost_too_much_is_refused(written: str) -> None:
    with pytest.raises(BadPattern):
        pattern.compiled(written)


@property_of(examples=400)
@given(st.text(r"ab(|)[]*+?{}0123,^$\d-.", max_size=40), st.text("ab0", max_size=20))
def test_any_text_is_a_pattern_or_is_refused(written: str, text: str) -> None:
    try:
        assert pattern.matches(written, text) in (True, False)
    except BadPattern:
        return


def test_a_text_that_is_too_long_does_not_match() -> None:
    assert pattern.matches("a*", "a" * MAX_TEXT)
    assert not pattern.matches("a*", "a" * (MAX_TEXT + 1))


@pytest.mark.parametrize(
    "written",
    [
        "(a*)*b",
        "(a|aa)*b",
        "(a+)+b",
        "a*a*a*a*a*a*a*b",
        "(a?){40}b",
        "((a|b)*a(a|b))*c",
        "(.*)*x",
    ],
)
def test_what_makes_others_hang_is_done_at_once(written: str) -> None:
    """With backtracking this test would not end."""
    assert not pattern.matches(written, "a" * MAX_TEXT)
