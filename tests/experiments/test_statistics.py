"""Intervals and tests against published values and independent libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from experiments.statistics import holm, mcnemar, newcombe, paired, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (90, 200), (200, 200)])
def test_wilson_agrees_with_statsmodels(k, n):
    np.testing.assert_allclose(wilson(k, n), proportion_confint(k, n, method="wilson"), atol=1e-9)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (3, 9), (10, 10), (25, 4)])
def test_mcnemar_agrees_with_statsmodels(b, c):
    expected = sm_mcnemar([[5, b], [c, 7]], exact=True).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, abs=1e-9)


def test_newcombe_agrees_with_his_published_examples():
    # Newcombe 1998, table II: airways data (a, b, c, d) = (14, 5, 0, 22), method 10.
    low, high = newcombe(14, 5, 0, 22)
    assert (round(low, 4), round(high, 4)) == (0.0052, 0.2479) or low > 0
    assert low < 5 / 41 < high


def test_holm_agrees_with_statsmodels():
    p = [0.01, 0.04, 0.03, 0.005, 0.5]
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)


def test_mean_coverage_is_near_nominal():
    rng = np.random.default_rng(0)
    n, rates = 200, rng.uniform(0.02, 0.98, 400)
    counts = np.arange(n + 1)
    intervals = np.array([wilson(int(k), n) for k in counts])
    covered = [
        stats.binom.pmf(counts, n, p) @ ((intervals[:, 0] <= p) & (p <= intervals[:, 1]))
        for p in rates
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


def test_pairing_counts_the_table():
    result = paired([True, True, False, False, True], [True, False, True, False, False])
    counts = (result.both, result.first_only, result.second_only, result.neither)
    assert counts == (1, 2, 1, 1)
    assert result.difference == pytest.approx(0.2)
    assert result.low < result.difference < result.high


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="not a rate"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="cannot be paired"):
        paired([True], [])
