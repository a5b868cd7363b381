"""Logs of single events: restorative practices, and the training of staff."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.program.reading import (
    check_amounts,
    fill,
    in_columns,
    keep_words,
    nothing_left,
    of_the_panel,
    open_log,
    read_days,
    read_yes,
    school_year_of,
)
from rpeval.inputs.schema.program import Practice
from rpeval.inputs.schools.incidents import add_days
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.words import counted, list_words, some

TOLD = ("voluntary", "agreement", "completed")
AMOUNTS = ("events_n", "minutes", "students_n", "staff_n")
PRACTICE = ["day", "practice", "tier", *AMOUNTS, "incident_id", *TOLD]
TRAINING = ["staff", "hired_day", "left_day", "course", "hours", "day"]
DATES = {"trained_on": "day", "hired_on": "hired_day", "left_on": "left_day"}


def read_practices(
    params: Any, schools: pd.DataFrame, catalog: Mapping[str, Practice]
) -> tuple[pd.DataFrame, Ledger]:
    """Read the log of restorative practices, one row per event or per several alike.

    schools : the panel's school-years; catalog : the practices that a log can name
    Returns school_id, school_name, year, start_year and arm where known, and PRACTICE, sorted; and the books.
    """
    frame, ledger, _ = open_log(params, "practices", needed=("date", "school_id", "practice"))
    listed = "event_id" in frame
    frame = fill(frame, ("event_id", "incident_id", *TOLD), ("tier", *AMOUNTS))
    frame = add_days(frame, ledger)
    frame = keep_words(frame, "practice", tuple(catalog), ledger)
    frame = of_the_panel(limit(frame, params, ledger), schools, ledger).astype({"day": int})
    nothing_left(frame, ledger)
    check_amounts(frame, AMOUNTS, ledger)
    frame = _once(frame, ledger) if listed else _tell_equal(frame, ledger)
    frame = frame.assign(
        tier=_tiers(frame, catalog, ledger),
        events_n=frame["events_n"].fillna(1.0),
        **{column: read_yes(frame[column], ledger, column) for column in TOLD},
    )
    _check_agreements(frame, ledger)
    return in_columns(frame, PRACTICE), ledger


def _once(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    frame = frame.sort_values(["school_id", "event_id", "row"])
    again = frame.duplicated(["school_id", "event_id"]) & (frame["event_id"] != "")
    if again.any():
        what = f"{counted(again.sum(), 'event', 'is', 'are')} listed again and used once."
        ledger.warn(what, "Check that the export does not repeat rows.")
    return ledger.keep(frame, ~again, "Event listed again")


def _tell_equal(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    equal = frame.drop(columns="row").duplicated()
    if equal.any():
        what = (
            f"{counted(equal.sum(), 'row', 'equals', 'equal')} another; without an event_id each is counted."
        )
        ledger.warn(what, "Map an event_id, so that copies can be told apart.")
    return frame


def _tiers(frame: pd.DataFrame, catalog: Mapping[str, Practice], ledger: Ledger) -> pd.Series:
    """Take the tier of the row, else that of the practice where it has only one; refuse what is none."""
    wrong = frame["tier"].notna() & ~frame["tier"].isin([1, 2, 3])
    if wrong.any():
        shown = some(f"{tier:g}" for tier in sorted(set(frame.loc[wrong, "tier"])))
        ledger.say(f"There is no tier {shown}.", "Write 1, 2 or 3, or leave it empty.", where="tier")
        return frame["tier"]
    only = {name: of.tiers[0] for name, of in catalog.items() if len(of.tiers) == 1}
    tier = frame["tier"].fillna(frame["practice"].map(only))
    named = pd.Series(
        [f"{p} in tier {t:g}" for p, t in zip(frame["practice"], tier, strict=True)], tier.index
    )
    has = {f"{name} in tier {tier}" for name, of in catalog.items() for tier in of.tiers}
    other = tier.notna() & ~named.isin(has)
    if other.any():
        what = f"{counted(other.sum(), 'row', 'names', 'name')} a tier that the practice does not have: "
        ledger.warn(f"{what}{some(sorted(set(named[other])))}.", "The file's own tier is used.", where="tier")
    return tier.astype("Int64")


def _check_agreements(frame: pd.DataFrame, ledger: Ledger) -> None:
    kept = (frame["completed"] == "yes") & (frame["agreement"] == "no")
    if kept.any():
        what = f"{counted(kept.sum(), 'row', 'says', 'say')} that an agreement was kept that was not reached."
        ledger.warn(what, "Check the columns agreement and completed.", where="completed")


def read_training(params: Any, schools: pd.DataFrame) -> tuple[pd.DataFrame, bool, Ledger]:
    """Read the log of training, one row per person and course; keys of persons become running numbers.

    Every year stays, also those left out of the study: what was learned then still counts.
    Returns school_id, school_name, year (of the training), start_year and arm where known, and TRAINING,
    sorted; whether the log lists staff without any training; and the books.
    """
    frame, ledger, _ = open_log(params, "training", needed=("staff_id", "school_id", "hours", "trained_on"))
    frame = fill(frame, ("course", "hired_on", "left_on", "employed"), ())
    nameless = frame["staff_id"] == ""
    frame = ledger.keep(frame, ~nameless, "No staff key")
    _check_keys(frame, ledger)
    frame = frame.assign(**{name: read_days(frame, column, ledger) for column, name in DATES.items()})
    frame = of_the_panel(frame, schools, ledger, by=["school_id"])
    nothing_left(frame, ledger)
    check_amounts(frame, ("hours",), ledger)
    empty = (frame["course"] == "") & frame["day"].isna()
    frame = frame.assign(hours=frame["hours"].mask(empty & frame["hours"].isna(), 0.0))
    frame = _no_day(frame, ~empty, ledger)
    frame = _gone(frame, params, ledger)
    keys = ["staff_id", "school_id", "course", "day"]
    frame = frame.sort_values([*keys, "row"])
    frame = ledger.keep(frame, ~frame.duplicated(keys), "Course listed again for the same person")
    hours = frame.groupby("staff_id")["hours"].transform("sum")
    frame = frame.assign(
        staff=pd.factorize(frame["staff_id"], sort=True)[0], year=school_year_of(frame["day"])
    )
    return in_columns(frame, TRAINING), bool((hours == 0).any()), ledger


def _check_keys(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse keys that look like names or mail addresses; tell people who stand in several schools."""
    personal = frame["staff_id"].str.contains(r"@|[A-Za-z],? +[A-Za-z]", regex=True)
    if personal.any():
        n = frame.loc[personal, "staff_id"].nunique()
        what = f"{counted(n, 'staff key', 'looks', 'look')} like a name or a mail address."
        ledger.say(what, "Replace them by keys that name nobody.", where="staff_id")
    several = (frame.groupby("staff_id")["school_id"].nunique() > 1).sum()
    if several:
        what = f"{counted(several, 'person', 'stands', 'stand')} in several schools."
        ledger.warn(what, "Each course counts at the school of its row.", where="staff_id")


def _no_day(frame: pd.DataFrame, course: pd.Series, ledger: Ledger) -> pd.DataFrame:
    """Take out courses without a day, and tell hours that are unknown."""
    undated = course & frame["day"].isna()
    unknown = course & frame["hours"].isna() & ~undated
    if undated.any():
        what = f"{counted(undated.sum(), 'course', 'has', 'have')} no day."
        ledger.warn(what, "They are left out.", where="date")
    if unknown.any():
        what = f"{counted(unknown.sum(), 'course', 'has', 'have')} no hours."
        ledger.warn(
            what, "They stay unknown, and count as none towards the hours of a person.", where="hours"
        )
    return ledger.keep(frame, ~undated, "Course without a day")


def _gone(frame: pd.DataFrame, params: Any, ledger: Ledger) -> pd.DataFrame:
    """Give a person at a school one first and one last day; unknown last days are the end of the study."""
    by = frame.groupby(["staff_id", "school_id"])
    hired, left = by["hired_day"].transform("min"), by["left_day"].transform("max")
    differ = (by[["hired_day", "left_day"]].nunique() > 1).any(axis=1).sum()
    if differ:
        what = f"{counted(differ, 'person', 'has', 'have')} several days of hiring or leaving."
        ledger.warn(what, "The first hiring and the last leaving are used.", where="left_on")
    employed = read_yes(frame["employed"], ledger, "employed")
    gone = (employed == "no").groupby([frame["staff_id"], frame["school_id"]]).transform("any") & left.isna()
    if gone.any():
        n = len(frame.loc[gone, ["staff_id", "school_id"]].drop_duplicates())
        what = f"{counted(n, 'person', 'has', 'have')} left, at an unknown day."
        fix = "They count as staff until the last school year of the study ends; fill in left_on."
        ledger.warn(what, fix, where="employed")
    end = (pd.Timestamp(params.years.last + 1, 6, 30) - pd.Timestamp(0)).days
    wrong = (left < hired) | (frame["day"] > left)
    if wrong.any():
        what = (
            f"{counted(wrong.sum(), 'row', 'has', 'have')} a last day before the first, or before a course."
        )
        ledger.warn(what, f"Check {list_words(('hired_on', 'left_on', 'date'))}.")
    return frame.assign(hired_day=hired, left_day=left.mask(gone, float(end)))
