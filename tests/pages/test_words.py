"""Sentences from numbers: what a reader is told of a figure, and that it never says more than the figure."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.pages import words
from juncture.pages.words import EVERY, Interval, Verdict


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "none of every 20"),
        (0.01, "fewer than 1 of every 20"),
        (0.05, "1 of every 20"),
        (0.55, "11 of every 20"),
        (0.99, "nearly 20 of every 20"),
        (1.0, "20 of every 20"),
    ],
)
def test_a_share_is_told_as_so_many_of_every_twenty(share: float, said: str) -> None:
    assert words.of_every(share) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.45, 0.65, "9 to 13 of every 20"), (0.47, 0.63, "9 to 13 of every 20"), (0.0, 0.001, "0 to 1 of every 20")],
)
def test_an_interval_of_a_share_is_rounded_outwards(low: float, high: float, said: str) -> None:
    assert words.of_every_range(low, high) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.31, 2.15, "1.3 to 2.2 times"),
        (1.1, 1.3, "1.1 to 1.3 times"),
        (0.96, 1.01, "0.9 to 1.1 times"),
        (0.031, 0.5, "0.03 to 0.5 times"),
        (2.0, 23.4, "2.0 to 24 times"),
    ],
)
def test_an_interval_of_a_ratio_is_rounded_outwards(low: float, high: float, said: str) -> None:
    assert words.times_range(low, high) == said


@given(st.floats(0.001, 100), st.floats(1, 10))
def test_what_is_told_of_a_ratio_holds_its_interval(low: float, factor: float) -> None:
    high = low * factor
    first, _, last = words.times_range(low, high).removesuffix(" times").partition(" to ")
    assert float(first) <= low + 1e-6
    assert float(last.replace(",", "")) >= high - 1e-6


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_told_of_a_share_holds_its_interval(one: float, other: float) -> None:
    low, high = sorted((one, other))
    told = words.of_every_range(low, high).removesuffix(f" of every {EVERY}").split(" to ")
    assert int(told[0]) <= EVERY * low + 1e-5
    assert int(told[-1]) >= EVERY * high - 1e-5


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "–"), (0.0, "0%"), (0.004, "under 1%"), (0.556, "56%"), (0.996, "over 99%"), (1.0, "100%")],
)
def test_percent_never_calls_a_little_nothing(share: float | None, said: str) -> None:
    assert words.percent(share) == said


@pytest.mark.parametrize(
    ("p", "said"), [(None, "–"), (0.0004, "under .001"), (0.0042, ".004"), (0.31, ".31"), (1.0, "1.00")]
)
def test_p_values(p: float | None, said: str) -> None:
    assert words.p_value(p) == said


@pytest.mark.parametrize(("value", "said"), [(1480, "1,480"), (-3, "−3"), (None, "–")])
def test_counts(value: float | None, said: str) -> None:
    assert words.count(value) == said


@pytest.mark.parametrize("value", [True, "3", None, math.nan, math.inf])
def test_what_is_no_finite_number_is_no_figure(value: object) -> None:
    assert words.figure(value) is None


def test_lists() -> None:
    assert [words.listed(p) for p in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == ["", "a", "a and b", "a, b and c"]


def test_an_unknown_verdict_is_none() -> None:
    assert words.verdict_of("excellent") is None
    assert words.verdict_of(None) is None
    assert words.verdict_of("too_small") is Verdict.TOO_SMALL


def test_supported_says_how_much_and_that_it_is_no_proof() -> None:
    said = words.verdict_sentence(Verdict.SUPPORTED, Interval(1.68, 1.31, 2.15))
    assert said == (
        "After missed openings, the same people’s next crisis came sooner than after met ones: best guess 1.7 times "
        "the pace, and the records fit anything from 1.3 to 2.2 times. The signal passed every check that was set "
        "before anybody looked. It is still not proof of a cause."
    )


def test_harmful_turns_the_ratio_round() -> None:
    """1 / 0.5 = 2; the interval 0.4 to 0.8 becomes 1.25 to 2.5, told outwards."""
    said = words.verdict_sentence(Verdict.HARMFUL, Interval(0.5, 0.4, 0.8))
    assert "sooner than after missed ones: best guess 2.0 times the pace" in said
    assert "from 1.2 to 2.5 times" in said


@pytest.mark.parametrize(
    ("ratio", "part"),
    [
        (Interval(1.2, 0.9, 1.7), "That range holds both: more crises after a miss, and fewer."),
        (Interval(1.6, 1.1, 2.3), "lean one way, but not past the checks"),
        (Interval(1.02, 0.9, 1.2), "best guess the same pace"),
        (Interval(1.4), "The records do not settle it."),
        (Interval(), "No effect was estimated"),
    ],
)
def test_uncertain_says_why(ratio: Interval, part: str) -> None:
    assert part in words.verdict_sentence(Verdict.UNCERTAIN, ratio)


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("ratio", [Interval(), Interval(2.0), Interval(1.0, 0.5, 2.0), Interval(0.0, 0.0, 1.0)])
def test_every_verdict_has_whole_sentences(verdict: Verdict, ratio: Interval) -> None:
    said = words.verdict_sentence(verdict, ratio)
    assert said.endswith(".")
    assert "None" not in said
    assert "nan" not in said


def test_hidden_and_too_small_are_told_apart() -> None:
    assert "Hidden" in words.verdict_sentence(None, Interval())
    assert "Too few people to say" in words.verdict_sentence(Verdict.TOO_SMALL, Interval())


def test_missed_sentence() -> None:
    assert words.missed_sentence(Interval(0.55, 0.47, 0.63), 7) == (
        "11 of every 20 times, the response did not come within 7 days (the records fit anything from 9 to 13 of "
        "every 20)."
    )
    assert words.missed_sentence(Interval(0.001), None) == "Fewer than 1 of every 20 times, the response did not come."
    assert "not told" in words.missed_sentence(Interval(), 7)
    assert words.missed_sentence(Interval(1.0), 7) == "Not once did the response come within 7 days."


def test_differences_are_claimed_only_where_there_are_some() -> None:
    assert "We cannot say" in words.difference_sentence([])
    assert words.difference_sentence(["A", "B"]).endswith("A and B.")
