"""The regression beside plain Newton steps in matrices."""

from __future__ import annotations

import numpy as np
import pytest

from gis.hotspots.exposure import LEAST_COVARIATE, by_regression
from gis.hotspots.regression import information


def plain(x: np.ndarray, c: np.ndarray, use: np.ndarray) -> np.ndarray:
    """By numpy's products, to the end."""
    table = np.column_stack([np.ones(len(x)), (c - c.mean(axis=0)) / c.std(axis=0)])
    keep, at = LEAST_COVARIATE * len(x) * np.append(0.0, np.ones(c.shape[1])), np.zeros(c.shape[1] + 1)
    at[0] = np.log(x[use].mean())
    for _ in range(40):
        mean = np.exp(table[use] @ at)
        slope = table[use].T @ (x[use] - mean) - keep * at
        at = at + np.linalg.solve((table[use] * mean[:, None]).T @ table[use] + np.diag(keep + 1e-9), slope)
    mean = np.exp(table @ at)
    return mean * x[use].sum() / mean[use].sum()


@pytest.mark.parametrize("n", [400, 1203])
def test_expected_counts_are_those_of_plain_steps(n: int):
    rng = np.random.default_rng(n)
    c = rng.normal(0, 1, (n, 12))
    c[:, 1] = c[:, 0] + 0.05 * c[:, 1]  # nearly the same
    x = rng.poisson(np.exp(1 + 0.3 * c[:, 0] - 0.2 * c[:, 3]) * rng.gamma(3.0, 1 / 3, n)).astype(float)
    for use in (np.ones(n, bool), np.arange(n) % 5 > 0):
        assert by_regression(x, c, use=use) == pytest.approx(plain(x, c, use), rel=1e-9)


def test_information_is_the_product_for_any_count_of_rows():
    rng = np.random.default_rng(1)
    for n in (1, 3, 4, 6, 9):
        table, weight = rng.normal(0, 1, (n, 5)), rng.random(n)
        told = information(table, weight)
        assert np.tril(told) == pytest.approx(np.tril((table * weight[:, None]).T @ table))
        assert not np.triu(told, 1).any()
