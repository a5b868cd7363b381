"""Who makes up the comparison: schools that enter, leave or are missing, and enrollment in both kinds."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.estimate import Estimate
from rpeval.methods.did.design import Design
from rpeval.methods.did.imputation import att_imputation
from rpeval.methods.did.poisson import as_percent
from rpeval.methods.wording import count_of, refuse, some

ARMS = ("adopting", "comparison")


def presence(design: Design) -> pd.DataFrame:
    """Say of each school in which of the panel's years it is seen.

    Use with a design laid out on enrollment (outcome="enrolled_n"): a school is there when its students are
    counted, even where a suspension count is missing. It cannot tell a school that closed from one that
    merged or stopped reporting. Years left out of the panel do not count as missing.

    Returns one row per school, in order of id: school (id and name), arm (adopting: its start lies in the
    panel's years, seen or not), start_year, first_year, last_year, years_n, late (not seen in the panel's
    first year), early (not seen in its last), gap (missing in between).

    >>> from rpeval.methods.did.example import schools
    >>> design = schools([[300] * 3, [300] * 3, [300, 300, np.nan], [300, np.nan, 310]], outcome="enrolled_n")
    >>> presence(design)[["school", "late", "early", "gap"]].values.tolist()[2:]
    [['c', False, True, False], ['d', False, False, True]]
    """
    seen = design.observed
    first, last = seen.argmax(axis=1), seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    own = seen.sum(axis=1)
    return pd.DataFrame({
        "school": design.names,
        "arm": np.where(design.D.any(axis=1), *ARMS),
        "start_year": design.starts,
        "first_year": design.times[first],
        "last_year": design.times[last],
        "years_n": own,
        "late": first > 0,
        "early": last < seen.shape[1] - 1,
        "gap": own < last - first + 1,
    })  # fmt: skip


def composition(design: Design) -> pd.DataFrame:
    """Count the schools that are not there all the time, by arm.

    Use before believing that two lines compare the same schools over time: a fall is no effect where schools
    with many suspensions leave.
    design : as in `presence`
    Returns one row per arm: arm, schools_n, every_year_n, late_n (entered after the first year), early_n
    (gone before the last), gap_n (missing in between), school_years_n. A school may count under several.

    >>> from rpeval.methods.did.example import schools
    >>> design = schools([[300] * 3, [300] * 3, [300, 300, np.nan], [300, np.nan, 310]], outcome="enrolled_n")
    >>> composition(design)[["schools_n", "every_year_n"]].values.tolist()
    [[2, 2], [2, 0]]
    """
    rows = presence(design)
    rows["every_year"] = ~(rows["late"] | rows["early"] | rows["gap"])
    by_arm = rows.groupby("arm").agg(
        schools_n=("school", "size"), every_year_n=("every_year", "sum"), late_n=("late", "sum"),
        early_n=("early", "sum"), gap_n=("gap", "sum"), school_years_n=("years_n", "sum"),
    )  # fmt: skip
    return by_arm.reindex([arm for arm in ARMS if arm in by_arm.index]).reset_index()


def enrollment_change(design: Design) -> Estimate:
    """Change of enrollment in adopting schools against the others, in percent.

    Use beside `composition`: where the program changes who enrolls, a rate per 100 changes without any
    student being treated differently. The estimate is the imputation of `att_imputation` on logs.

    design : laid out with outcome="enrolled_n" and equal weights
    Returns an Estimate in percent; both ends are turned into percents, so it is not symmetric.
    Refuses (MethodError, naming schools) a school-year without students, and what rests on one school.

    >>> from rpeval.methods.did.example import schools
    >>> students = [[300, 300, 330], [400, 400, 440], [500, 500, 500], [600, 600, 600]]
    >>> round(enrollment_change(schools(students, outcome="enrolled_n")).value, 6)
    10.0
    """
    empty = (design.observed & (design.Y <= 0)).sum(axis=1)
    if empty.any():
        names = some(name for name, n in zip(design.names, empty, strict=True) if n)
        what = f"{count_of(int(empty.sum()), 'school-year')} without students: {names}."
        refuse([Problem("panel: enrolled_n", what, "Leave these school-years out with a reason.")])
    logs = replace(design, Y=np.log(np.where(design.observed, design.Y, 1.0)))
    found = att_imputation(logs)
    return replace(
        as_percent(found), kind=found.kind, method=f"on log enrollment, in percent; {found.method}"
    )
