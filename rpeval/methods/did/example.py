"""Small designs whose effects can be counted by hand: for the examples of this room, and for first tries."""

import numpy as np
import pandas as pd

from rpeval.methods.did.design import Design, lay_out


def four_schools() -> Design:
    """Two schools that adopt in the last of three years and two that do not, with an effect of -2.5.

    In the last year a fell by 4 and b by 3, and c and d by 1.

    >>> four_schools().Y.astype(int).tolist()
    [[9, 9, 5], [8, 8, 5], [6, 6, 5], [4, 4, 3]]
    """
    return schools([[9, 9, 5], [8, 8, 5], [6, 6, 5], [4, 4, 3]])


def seven_schools() -> Design:
    """Three schools that adopt in the last of three years and four that do not, with an effect of -3.5.

    Against their means before, the three fell by 4, 2.5 and 4, and the changes of the others add up to zero.

    >>> seven_schools().D[:, -1].tolist()
    [True, True, True, False, False, False, False]
    """
    rates = [[9, 9, 5], [8, 7, 5], [7, 7, 3], [6, 6, 5], [4, 5, 4], [5, 5, 6], [3, 4, 4]]
    return schools(rates, adopters_n=3)


def schools(
    rates: list[list[float]], *, adopters_n: int = 2, outcome: str = "oss_per_100", weights: str | None = None
) -> Design:
    """Lay out rates of schools of 400 students from 2016 on; the first of them adopt in the last year."""
    schools_n, years = len(rates), len(rates[0])
    starts = np.where(np.arange(schools_n) < adopters_n, 2015.0 + years, np.nan)
    panel = pd.DataFrame({"school_id": np.repeat([*"abcdefghij"][:schools_n], years)})
    panel["year"] = np.tile(np.arange(2016, 2016 + years), schools_n)
    panel["start_year"], panel["enrolled_n"] = np.repeat(starts, years), 400.0
    panel[outcome] = np.ravel(rates).astype(float)
    return lay_out(panel.dropna(subset=outcome), outcome=outcome, weights=weights)


def counts(*, effect: float = 0.5) -> Design:
    """Events in four schools, of which two adopt in the last of three years, with `effect` times as many.

    >>> counts().Y.astype(int).tolist()
    [[40, 40, 16], [20, 20, 8], [30, 30, 24], [10, 10, 8]]
    """
    design = four_schools()
    before = np.repeat([40.0, 20.0, 30.0, 10.0], 3)
    last = np.where(design.panel["year"] == 2018, 0.8, 1.0)
    effects = np.where(design.panel["year"] >= design.panel["start_year"], effect, 1.0)
    return lay_out(design.panel.assign(oss_n=before * last * effects), outcome="oss_n")
