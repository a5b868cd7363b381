"""The headline estimate once more, by another library's regression: do two programs agree?"""

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import WLS

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import lay_out

MOST_SCHOOLS = 400


def att_regression(
    panel: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "school_id",
    time: str = "year",
    start: str = "start_year",
    weights: str | None = None,
) -> Estimate:
    """Average effect by imputation, with a column for each school and year and statsmodels' least squares.

    Use beside `att_imputation` as a check of the computing, not of the design: the two share the definition
    of the estimate and the checks of the panel, and nothing of the arithmetic. They must agree to nine
    digits.
    Inputs as in `att_imputation`. Returns an Estimate without an interval, in the outcome's unit.
    Refuses (MethodError) what `att_imputation` refuses before it estimates, and more than 400 schools, for
    which a column each takes too long.

    >>> panel = pd.DataFrame({
    ...     "school_id": list("aaabbbcccddd"), "year": [2016, 2017, 2018] * 4,
    ...     "start_year": [2018.0] * 6 + [float("nan")] * 6,
    ...     "oss_per_100": [9, 9, 5, 8, 8, 5, 6, 6, 5, 4, 4, 3.0]})
    >>> round(att_regression(panel, outcome="oss_per_100").value, 9)
    -2.5
    """
    design = lay_out(panel, outcome=outcome, unit=unit, time=time, start=start, weights=weights)
    schools_n = len(design.units)
    if schools_n > MOST_SCHOOLS:
        what = f"A column for each of {schools_n:,} schools takes too long."
        raise MethodError(Problem("panel", what, "Compare with another program outside the report."))
    school, year = np.nonzero(design.observed)
    columns = np.hstack([np.eye(schools_n)[school], np.eye(len(design.times))[year][:, 1:]])
    y, w = design.Y[school, year], design.weights[school, year]
    treated = design.treated[school, year]
    fit = WLS(y[~treated], columns[~treated], weights=w[~treated]).fit()
    gap = y[treated] - fit.predict(columns[treated])
    return Estimate(
        value=float(np.average(gap, weights=w[treated])),
        n=len(y),
        n_unit="school-years",
        clusters=schools_n,
        treated=int(design.adopters.sum()),
        method="imputation difference-in-differences, by statsmodels' weighted least squares",
        kind="iterative",
    )
