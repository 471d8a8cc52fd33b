"""Many findings, many matchings, ranks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from juncture.analyst.statistics.combine import combine_matchings
from juncture.analyst.statistics.multiplicity import benjamini_hochberg
from juncture.analyst.statistics.ranking import rank_junctures
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow


def test_false_discovery_against_the_paper():
    """Benjamini & Hochberg (1995), section 4.1: of these 15, the first four are found at .05."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    result = benjamini_hochberg(p)
    assert (result.q_values <= 0.05).tolist() == [True] * 4 + [False] * 11
    assert result.q_values[3] == pytest.approx(0.0095 * 15 / 4, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=20))
def test_false_discovery_against_scipy(values):
    """Oracle: scipy.stats.false_discovery_control(method="bh") = R's p.adjust(method = "BH"), on what is not NaN."""
    p = np.array([np.nan if value is None else value for value in values])
    result = benjamini_hochberg(p)
    tested = ~np.isnan(p)
    assert result.family == tested.sum() and np.isnan(result.q_values[~tested]).all()
    if tested.any():
        np.testing.assert_allclose(result.q_values[tested], stats.false_discovery_control(p[tested]), atol=1e-12)


def test_false_discovery_refuses_what_is_no_p():
    with pytest.raises(UsageError):
        benjamini_hochberg([0.2, 1.2])


def test_rubin_by_exact_fractions():
    """By hand after Barnard & Rubin (1999): estimates 1, 2, 3, 4, variances 1, complete degrees 29."""
    result = combine_matchings([1, 2, 3, 4], [1, 1, 1, 1], 29)
    between = Fraction(5, 4) * Fraction(5, 3)
    total = 1 + between
    share = between / total
    old, observed = 3 / share**2, Fraction(30, 32) * 29 * (1 - share)
    degrees = old * observed / (old + observed)
    assert result.estimate == 2.5 and result.standard_error == pytest.approx(float(total) ** 0.5, abs=1e-12)
    assert result.linkage_share == pytest.approx(float(share), abs=1e-12)
    assert result.degrees_of_freedom == pytest.approx(float(degrees), abs=1e-12)
    assert result.high == pytest.approx(2.5 + stats.t.ppf(0.975, float(degrees)) * float(total) ** 0.5, abs=1e-9)
    assert result.p_value == pytest.approx(2 * stats.t.sf(2.5 / float(total) ** 0.5, float(degrees)), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=2, max_size=8), st.floats(0.1, 2), st.floats(3, 500))
def test_matchings_that_differ_only_widen(estimates, error, degrees):
    result = combine_matchings(estimates, [error] * len(estimates), degrees)
    assert result.standard_error >= error * (1 - 1e-12) and 0 <= result.linkage_share < 1
    assert result.degrees_of_freedom <= degrees
    same = combine_matchings([1.0] * len(estimates), [error] * len(estimates), degrees)
    assert same.linkage_share == 0 and same.standard_error == pytest.approx(error)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 2)), min_size=2, max_size=8),
    st.floats(3, 500),
)
def test_rubin_against_sums_written_out(parts, complete):
    estimates, errors = zip(*parts, strict=True)
    result = combine_matchings(estimates, errors, complete)
    mean, total, degrees, share = slow.rubin(estimates, errors, complete)
    assert result.estimate == pytest.approx(mean, abs=1e-9)
    assert result.standard_error == pytest.approx(total**0.5, rel=1e-9)
    assert result.degrees_of_freedom == pytest.approx(degrees, rel=1e-6)
    assert result.linkage_share == pytest.approx(share, abs=1e-9)
    reach = stats.t.ppf(0.975, degrees) * total**0.5 if degrees >= 1 else float("nan")
    np.testing.assert_allclose((result.low, result.high), (mean - reach, mean + reach), rtol=1e-6)


def test_one_matching_and_a_failed_one():
    one = combine_matchings([0.4], [0.2], 30)
    assert np.isnan(one.linkage_share) and one.degrees_of_freedom == 30 and one.standard_error == pytest.approx(0.2)
    failed = combine_matchings([0.4, np.nan], [0.2, 0.2], 30)
    assert np.isnan([failed.estimate, failed.low, failed.p_value, failed.linkage_share]).all() and failed.matchings == 2
    with pytest.raises(UsageError):
        combine_matchings([], [], 30)


def test_ranks_by_hand():
    """Draws put the first three where their estimates do, except once."""
    estimates = [9.0, 7.0, 5.0, 3.0, np.nan, 1.0, 2.0]
    draws = np.tile([9.0, 7.0, 5.0, 3.0, np.nan, 1.0, 2.0], (4, 1))
    draws[0, 2], draws[1, 0] = 0.0, np.nan
    result = rank_junctures(estimates, draws)
    assert result.rank.tolist() == [1, 2, 3, 4, 0, 6, 5]
    np.testing.assert_allclose(result.top, [0.75, 1, 0.75, 0.5, np.nan, 0, 0])


def test_five_junctures_have_no_first_three():
    result = rank_junctures([5.0, 4, 3, 2, 1], np.ones((3, 5)))
    assert result.rank.tolist() == [1, 2, 3, 4, 5] and np.isnan(result.top).all()
