"""Many tests at once: p-values that keep the share of false discoveries low."""

from collections.abc import Sequence

import numpy as np

from rpeval.errors import MethodError, Problem


def benjamini_hochberg(p: Sequence[float | None]) -> np.ndarray:
    """Adjust p-values of one family of tests for their number.

    Use where several groups, items or outcomes are tested together. An adjusted value below 0.05 belongs to a
    list of findings of which at most one in twenty is expected to be false.

    p : p-values, in any order; a missing one (None, NaN) is a test that was not made and counts for nothing
    Returns the adjusted p-values in the same order, missing where they were missing.
    Refuses (MethodError) numbers outside 0 to 1.
    Source: Benjamini & Hochberg (1995), as adjusted p-values.

    >>> benjamini_hochberg([0.01, 0.04, None, 0.03]).round(3).tolist()     # 3 tests: 0.01 · 3/1, 0.04 · 3/3
    [0.03, 0.04, nan, 0.04]
    """
    told = np.array([np.nan if value is None else value for value in p], dtype=float)
    made = np.isfinite(told)
    if ((told[made] < 0) | (told[made] > 1)).any():
        raise MethodError(Problem("p", "A p-value lies outside 0 to 1.", "Give p-values."))
    order = np.argsort(-told[made], kind="stable")
    ranks = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum.accumulate(told[made][order] * len(order) / ranks)
    told[made] = adjusted
    return told
