"""Who carries the program: coordinators, positions that stay, hours of staff, sections of the curriculum."""

import numpy as np
import pandas as pd

from rpeval.methods.implementation.dose import held
from rpeval.methods.implementation.program_years import SCHOOL_YEAR, in_program, school_years
from rpeval.methods.wording import needed

FULL = 500


def coordinators(staffing: pd.DataFrame | None, schools: pd.DataFrame) -> pd.DataFrame:
    """Give full-time positions of coordinators per 500 students, by school and year.

    staffing : one row per school, year, role and source of money: fte (NaN unknown)
    schools  : the panel's school-years, with enrolled_n
    Returns one row per school-year that the file covers (any role): what is known of it, fte (0 where the
    file has no coordinator there), fte_per_500. Refuses (MethodError) a study without staffing.

    >>> staffing = pd.DataFrame({"school_id": ["a"], "year": [2018], "role": "coordinator", "fte": [0.5]})
    >>> schools = pd.DataFrame({"school_id": ["a"], "year": [2018], "enrolled_n": [250.0]})
    >>> coordinators(staffing, schools)["fte_per_500"].tolist()
    [1.0]
    """
    rows = needed(staffing, "staffing", "positions", ["role", "fte"])
    own = (
        rows[rows["role"] == "coordinator"].groupby(SCHOOL_YEAR)["fte"].agg(lambda fte: fte.sum(skipna=False))
    )
    covered = school_years(schools).merge(rows[SCHOOL_YEAR].drop_duplicates(), on=SCHOOL_YEAR)
    fte = own.reindex(pd.MultiIndex.from_frame(covered[SCHOOL_YEAR]), fill_value=0.0).to_numpy(float)
    return covered.assign(fte=fte, fte_per_500=FULL * fte / covered["enrolled_n"])


def positions_kept(rows: pd.DataFrame) -> pd.DataFrame:
    """Say of each school-year with a coordinator whether there was one in the next year of the study, too.

    rows : as `coordinators` gives them
    Returns one row per school-year with a coordinator and a known next year: what is known of it, had_n (1),
    kept_n (0 or 1), funding left out: a position whose money changed is kept.
    """
    told = rows.sort_values(SCHOOL_YEAR)
    following = told.groupby("school_id")["fte"].shift(-1)
    told = told.assign(had_n=1, kept_n=(following > 0).astype(int))
    return told[(told["fte"] > 0) & following.notna()].reset_index(drop=True)


def staff_hours(
    practices: pd.DataFrame | None, training: pd.DataFrame | None, schools: pd.DataFrame
) -> pd.DataFrame:
    """Hours of staff that restorative events and training took, by program school-year.

    Use to say what the program asks of staff. Events whose minutes or staff are unknown count nothing, so it
    is a floor; known_percent says of how many events it speaks.

    practices : as in `dose`, with staff_n of each event; training: as in `coverage`, with year (None: no log)
    schools   : the panel's school-years
    Returns what is known of each, event_hours, training_hours (NaN without a log of training), known_percent.
    Refuses (MethodError) a study without a log of practices, or without adoption.
    """
    log = needed(practices, "practices", "a log of practices", ["staff_n"])
    log = log[held(log)]
    hours = log["events_n"] * log["minutes"] * log["staff_n"] / 60
    told = log.assign(event_hours=hours.fillna(0.0), timed_n=log["events_n"].where(hours.notna(), 0.0))
    sums = told.groupby(SCHOOL_YEAR)[["event_hours", "timed_n", "events_n"]].sum()
    rows = in_program(school_years(schools))
    rows = rows[rows["school_id"].isin(log["school_id"])].reset_index(drop=True)
    index = pd.MultiIndex.from_frame(rows[SCHOOL_YEAR])
    found = sums.reindex(index, fill_value=0.0).reset_index(drop=True)
    learned = np.full(len(rows), np.nan)
    if training is not None:
        taken = training[training["year"].notna()].astype({"year": int}).groupby(SCHOOL_YEAR)["hours"].sum()
        learned = taken.reindex(index, fill_value=0.0).to_numpy(float)
    known = 100 * found["timed_n"] / found["events_n"].where(found["events_n"] > 0)
    return rows.assign(event_hours=found["event_hours"], training_hours=learned, known_percent=known)


def curriculum(sections: pd.DataFrame | None) -> pd.DataFrame:
    """Count sections taught with the restorative curriculum beside those planned, by program school-year.

    sections : one row per school and year: sections_n, planned_n (NaN unknown), start_year
    Returns the program school-years with a plan. Refuses (MethodError) a study without sections, without
    adoption, or without a plan.
    """
    rows = in_program(needed(sections, "sections", "sections of the curriculum", ["sections_n", "planned_n"]))
    return needed(
        rows[rows["planned_n"] > 0].reset_index(drop=True), "sections", "sections that were planned"
    )
