"""The headline estimate once more, by another library's regression: do two programs agree?"""

import numpy as np
from statsmodels.regression.linear_model import WLS

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design

MOST_SCHOOLS = 400


def att_regression(design: Design) -> Estimate:
    """Average effect by imputation, with a column for each school and year and statsmodels' least squares.

    Use beside `att_imputation` as a check of the computing: the two share the definition of the estimate and
    the checks of the panel, and nothing of the arithmetic. They must agree to nine digits.
    Returns an Estimate without an interval, in the outcome's unit. Refuses (MethodError) more than 400
    schools, for which a column each takes too long.

    >>> from rpeval.methods.did.example import four_schools
    >>> round(att_regression(four_schools()).value, 9)
    -2.5
    """
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
        **design.sample,
        method="imputation difference-in-differences, by statsmodels' weighted least squares",
        kind="iterative",
    )
