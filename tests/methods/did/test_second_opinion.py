"""Two programs, one definition: the closed algebra and a plain regression must give the same number."""

import numpy as np
import pandas as pd
import pytest

from rpeval.errors import MethodError
from rpeval.methods.did.design import lay_out
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.second_opinion import att_regression


def panel(schools: int, seed: int) -> pd.DataFrame:
    """A panel with holes, staggered starts and unequal weights."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame([(f"{s:04d}", y) for s in range(schools) for y in range(2014, 2022)],
                         columns=["school_id", "year"])  # fmt: skip
    starts = rng.choice([2018.0, 2019.0, np.nan], schools, p=[0.25, 0.25, 0.5])
    frame["start_year"] = np.repeat(starts, 8)
    frame["enrolled_n"] = np.repeat(rng.integers(100, 900, schools), 8).astype(float)
    frame["y"] = rng.normal(10, 2, len(frame)) + 0.3 * frame["year"]
    return frame.drop(frame.sample(20, random_state=seed).index)


@pytest.mark.parametrize("weights", [None, "enrolled_n"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_they_agree_to_nine_digits(seed, weights):
    frame = panel(40, seed)
    ours = att_imputation(lay_out(frame, outcome="y", weights=weights)).value
    assert att_regression(lay_out(frame, outcome="y", weights=weights)).value == pytest.approx(ours, rel=1e-9)


def test_too_many_schools_are_refused():
    with pytest.raises(MethodError, match="401 schools"):
        att_regression(lay_out(panel(401, 1), outcome="y"))
