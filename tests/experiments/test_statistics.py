"""Intervals and tests against published values and independent libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from experiments.runs.statistics import (
    holm,
    iqm,
    mcnemar,
    newcombe,
    paired,
    probability_of_improvement,
    stratified_bootstrap,
    wilson,
)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (90, 200), (200, 200)])
def test_wilson_agrees_with_statsmodels(k, n):
    np.testing.assert_allclose(wilson(k, n), proportion_confint(k, n, method="wilson"), atol=1e-9)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (3, 9), (10, 10), (25, 4)])
def test_mcnemar_agrees_with_statsmodels(b, c):
    expected = sm_mcnemar([[5, b], [c, 7]], exact=True).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("table", "interval"),
    [((1, 1, 7, 12), (-0.5069, -0.0256)), ((59, 6, 16, 80), (-0.1186, -0.0046))],
)
def test_newcombe_agrees_with_published_examples(table, interval):
    # Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017), chapter 8:
    # airway hyper-responsiveness (Bentur 2009) and complete response (Cavo 2012).
    np.testing.assert_allclose(newcombe(*table), interval, atol=5e-5)


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


def test_mean_coverage_of_the_paired_interval_is_near_nominal():
    rng = np.random.default_rng(0)
    n, covered = 200, []
    for table in rng.dirichlet(np.ones(4), 150):
        true = table[1] - table[2]
        intervals = np.array([newcombe(*map(int, row)) for row in rng.multinomial(n, table, 100)])
        covered.append((intervals[:, 0] <= true) & (true <= intervals[:, 1]))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


def test_interquartile_mean_drops_a_quarter_at_each_end():
    assert iqm(np.array([[0.0, 1.0, 2.0, 99.0], [3.0, 4.0, 5.0, -99.0]])) == pytest.approx(2.5)


def test_probability_of_improvement_is_mann_and_whitneys():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 6, (5, 3)).astype(float), rng.integers(0, 5, (4, 3)) * 1.0
    expected = [
        stats.mannwhitneyu(first[:, task], second[:, task]).statistic / 20 for task in range(3)
    ]
    assert probability_of_improvement(first, second) == pytest.approx(np.mean(expected), abs=1e-9)


def test_the_bootstrap_agrees_with_scipys_and_stays_within_tasks():
    rng = np.random.default_rng(2)
    one = rng.normal(size=(40, 1))
    theirs = stats.bootstrap(
        (one[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=rng
    ).confidence_interval
    ours = stratified_bootstrap(one, np.mean, repetitions=20_000)
    np.testing.assert_allclose(ours, theirs, atol=0.01)
    constant = np.tile([0.0, 10.0], (5, 1))  # tasks differ, runs do not: nothing is uncertain
    assert stratified_bootstrap(constant, np.mean) == (5.0, 5.0)
    with pytest.raises(ValueError, match="runs, tasks"):
        stratified_bootstrap(np.zeros((0, 2)), np.mean)


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
