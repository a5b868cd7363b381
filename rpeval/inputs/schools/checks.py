"""What a table of schools must not contain, and what its reader must know; in words, with schools and counts.

Each check looks for one thing and tells it to the ledger: most of them stop, some only warn.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.tables.fields import COUNTS, ENROLLED, INVITED, RATES, rate_of, words_of
from rpeval.inputs.words import FEW, counted, list_words, some
from rpeval.inputs.years import show_year

SCHOOL_YEAR = ["school_id", "year"]
JUMP_LOW, JUMP_HIGH, JUMP_SCHOOLS = 0.6, 1.6, 3
REMOTE_SHARE = 0.25
ROUNDING, PARTITION = 1.0, 0.02


def show_schools(rows: pd.DataFrame) -> str:
    """Name the first five schools of some rows, and how many more there are.

    >>> show_schools(pd.DataFrame({"school_id": ["01", "02"], "school_name": ["Elm", "02"]}))
    'Elm (01), 02'
    """
    named = rows[["school_id", "school_name"]].drop_duplicates("school_id").sort_values("school_id")
    return some(i if n in ("", i) else f"{n} ({i})" for i, n in named.to_numpy())


def show_school_years(rows: pd.DataFrame) -> str:
    """Name the first five schools of some rows with their years, and how many more schools there are.

    >>> rows = pd.DataFrame({"school_id": ["01", "01"], "school_name": ["Elm", "Elm"], "year": [2018, 2019]})
    >>> show_school_years(rows)
    'Elm (01) in 2018-19, 2019-20'
    """
    by = ["school_id", *(["group"] if "group" in rows else [])]
    shown = []
    for key, theirs in list(rows.sort_values([*by, "year"]).groupby(by))[:FEW]:
        years = [show_year(int(year)) for year in theirs["year"].unique()]
        group = f", {key[1]}," if len(key) > 1 else ""
        more = f" and {len(years) - FEW} more years" if len(years) > FEW else ""
        shown.append(f"{show_schools(theirs)}{group} in {list_words(years[:FEW])}{more}")
    rest = rows["school_id"].nunique() - len(shown)
    return "; ".join(shown) + (f"; and {counted(rest, 'more school')}" if rest > 0 else "")


def among(frame: pd.DataFrame, columns: Iterable[str] = COUNTS) -> list[str]:
    """List those of some columns that a frame has, in their order; all counts, where none are named."""
    return [column for column in columns if column in frame]


def check_duplicates(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse two rows that say different things about one school-year."""
    keys = among(frame, (*SCHOOL_YEAR, "group"))
    twice = frame[frame.duplicated(keys, keep=False)]
    if len(twice):
        n, of = len(twice.drop_duplicates(keys)), "of a student group " if "group" in frame else ""
        told = f"{counted(n, 'school-year')} {of}{'appears' if n == 1 else 'appear'} more than once"
        what = f"{told}, with different values: {show_school_years(twice)}."
        hint = "(totals and parts may stand in one file)"
        ledger.say(what, f"Keep one row of each, or filter the file with `where` {hint}.")


def check_values(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse enrollments, counts and rates that cannot be."""
    for column in among(frame, (ENROLLED, INVITED, *COUNTS, *RATES)):
        values = frame[column]
        below, broken = frame[values < 0], frame[(values % 1 != 0) & values.notna()]
        if len(below):
            what = f"{counted(len(below), 'value', 'is', 'are')} below zero: {show_school_years(below)}."
            fix = 'Correct them, or, where negative codes mean "withheld", add the codes to `missing`.'
            ledger.say(what, fix, where=column)
        if column.endswith("_n") and len(broken):
            what = f"{counted(len(broken), 'value', 'is', 'are')} not whole: {show_school_years(broken)}."
            fix = f"Map rates to {rate_of(column)} and counts to {column}."
            ledger.say(what, fix if column in COUNTS else "Name the column of counts.", where=column)


def check_against_enrollment(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse removals in a school without students, and more students suspended than enrolled."""
    nobody = frame[ENROLLED] == 0
    empty = frame[nobody & frame[among(frame)].gt(0).any(axis=1)]
    if len(empty):
        told = f"{counted(len(empty), 'school-year', 'has', 'have')} removals but no students"
        fix = "Correct the enrollment, or leave the schools out with `exclusions`."
        ledger.say(f"{told}: {show_school_years(empty)}.", fix)
    over = frame[(frame[ENROLLED] > 0) & (frame.get("suspended_n", np.nan) > frame[ENROLLED])]
    if len(over):
        told = f"{counted(len(over), 'school-year', 'has', 'have')} more students suspended than enrolled"
        fix = "Check that suspended_n counts students, not suspensions, and that both cover the whole year."
        ledger.say(f"{told}: {show_school_years(over)}.", fix)


def check_names(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Tell which schools go by several names; the latest is used."""
    names = frame.drop_duplicates(["school_id", "school_name"])
    several = names.loc[names.duplicated("school_id"), "school_id"].unique()
    if len(several):
        latest = frame.sort_values("year").drop_duplicates("school_id", keep="last")
        told = counted(len(several), "school", "goes", "go")
        shown = show_schools(latest[latest["school_id"].isin(several)])
        fix = "Check that each id is one school, not an id given to another school later."
        ledger.warn(f"{told} by more than one name; the latest is used: {shown}.", fix)


def check_jump(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse a file in which everybody's enrollment doubles or halves from one year to the next.

    frame : school_id, year and enrolled_n of one row per school-year
    The median ratio over the schools seen in both years must lie between 0.6 and 1.6; at least three schools.
    """
    by_year = dict(iter(frame.groupby("year")))
    for before, after in pairwise(sorted(by_year)):
        both = by_year[before].merge(by_year[after], on="school_id", suffixes=("", "_next"))
        both = both[(both[ENROLLED] > 0) & (both[f"{ENROLLED}_next"] > 0)]
        ratio = (both[f"{ENROLLED}_next"] / both[ENROLLED]).median()
        if len(both) >= JUMP_SCHOOLS and not JUMP_LOW <= ratio <= JUMP_HIGH:
            what = f"Enrollment changes by a factor of {ratio:.2f} from {show_year(before)} to "
            what += f"{show_year(after)} (median of {len(both):,} schools): one side is counted differently."
            ledger.say(what, _say_correction(both, sorted(by_year), before, ratio), where=ENROLLED)


def _say_correction(both: pd.DataFrame, years: list[int], before: int, ratio: float) -> str:
    """Write the corrections entry that would mend a jump: the shorter side is taken to be at fault."""
    early, late = ([y for y in years if y <= before], [y for y in years if y > before])
    at_start = len(early) <= len(late)
    faulty, factor, key = (early, ratio, "next") if at_start else (late, 1 / ratio, "previous")
    columns = list_words([ENROLLED, *(count for count in among(both) if _jumps_too(both, count))])
    return (
        "Check the file against its publisher; if the fault is known, write in the source `corrections: "
        f"[{{columns: [{columns}], years: [{list_words(map(show_year, faulty))}], multiply: "
        f"{round(factor * 2) / 2 or factor:g}, expect: {{column: {ENROLLED}, ratio_to_{key}: "
        f'{round(2 / factor) / 2:g}}}, reason: "..."}}]`.'
    )


def _jumps_too(both: pd.DataFrame, count: str) -> bool:
    """Tell whether a count jumps with the enrollment, so that its rate does not."""
    known = both[both[count].notna() & both[f"{count}_next"].notna()]
    if known.empty:
        return False
    before, after = (known[f"{count}{s}"].sum() / known[f"{ENROLLED}{s}"].sum() for s in ("", "_next"))
    return bool(before > 0 and JUMP_LOW <= after / before <= JUMP_HIGH)


def check_years(frame: pd.DataFrame, ledger: Ledger, *, years: Iterable[int]) -> None:
    """Tell which school years of the study the file has for nobody."""
    absent = sorted(set(years) - set(frame["year"]))
    if absent:
        what = f"There are no rows for {list_words(map(show_year, absent))}, in which no school is left out."
        fix = "Add the file's years, shorten `years`, or name them in years.leave_out with the reason."
        ledger.warn(what, fix)


def check_remote(frame: pd.DataFrame, ledger: Ledger, *, count: str) -> None:
    """Tell which years have nearly no removals: less than a quarter of the median of the other years."""
    sums = frame[frame[count].notna() & (frame[ENROLLED] > 0)].groupby("year")[[count, ENROLLED]].sum()
    rates = 100 * sums[count] / sums[ENROLLED]
    for year, rate in rates.items():
        usual = rates.drop(year).median()
        if rate < REMOTE_SHARE * usual:
            what = f"{show_year(year)} has {rate:.1f} {words_of(count)} per 100 students, the other years "
            what += f"{usual:.1f} (median): was schooling remote, or is the year incomplete?"
            fix = f"Write years.leave_out: [{show_year(year)}] and a leave_out_reason, or explain the year."
            ledger.warn(what, fix)


def check_unknown(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Tell how many cells are unknown (suppressed or blank); they stay unknown, never zero."""
    unit = "rows" if "group" in frame else "school-years"
    told: dict[str, list[str]] = {}
    for column in among(frame, (ENROLLED, INVITED, *COUNTS)):
        by_year = frame.loc[frame[column].isna(), "year"].value_counts().sort_index()
        if len(by_year):
            shown = list_words(f"{show_year(year)}: {n:,}" for year, n in by_year.items())
            told.setdefault(f"{by_year.sum():,} of {len(frame):,} {unit} ({shown})", []).append(column)
    if told:
        parts = [f"in {where}: {list_words(map(words_of, columns))}" for where, columns in told.items()]
        ledger.warn(f"Suppressed or blank {'; '.join(parts)}.", "They stay unknown, never zero.")


def check_balance(frame: pd.DataFrame, ledger: Ledger) -> None:
    """Tell how many schools have every year; the others stay, with the years they have."""
    years, per_school = frame["year"].nunique(), frame.groupby("school_id")["year"].nunique()
    whole = int((per_school == years).sum())
    if whole < len(per_school):
        what = f"{whole:,} of {len(per_school):,} schools have all {years} years; "
        fix = "Look at the schools that join or leave before comparing."
        ledger.warn(f"{what}the others keep what they have.", fix)


def check_groups(groups: pd.DataFrame, panel: pd.DataFrame, ledger: Ledger) -> None:
    """Tell where the student groups of a school-year do not fit its total.

    A single group above the total is told always; sums are compared where the groups' enrollments add up to
    the schools', to within rounding by one. A sum below the total may mean suppressed cells written as zero.
    """
    compared = [c for c in (ENROLLED, *COUNTS) if c in groups and c in panel and c != "oss_days"]
    totals = panel.set_index(SCHOOL_YEAR)
    for count in compared:
        above = groups.join(totals[count].rename("total"), on=SCHOOL_YEAR)
        above = above[above[count] > above["total"] + ROUNDING]
        _tell_groups(above, count, len(totals), "a group above the school's total", ledger)
    by_school = groups[[*SCHOOL_YEAR, *compared]].groupby(SCHOOL_YEAR)
    enrolled = totals[[ENROLLED]].join(by_school[ENROLLED].sum().rename("sum"), how="inner")
    if not ((enrolled["sum"] / enrolled[ENROLLED] - 1).abs() <= PARTITION).mean() >= 0.5:
        return
    sums = by_school.sum().where(by_school.count().eq(by_school.size(), axis=0))
    for count in compared[1:]:
        both = totals[[count, "school_name"]].join(sums[count].rename("sum"), how="inner").dropna()
        apart, both = (both["sum"] - both[count]).to_numpy(), both.reset_index()
        over, short = both[apart > ROUNDING], both[apart < -ROUNDING]
        _tell_groups(over, count, len(both), "groups that add up to more than the total", ledger)
        less = "groups that add up to less than the total, so a zero by group may be a suppressed cell"
        _tell_groups(short, count, len(both), less, ledger)


def _tell_groups(rows: pd.DataFrame, count: str, of: int, told: str, ledger: Ledger) -> None:
    if len(rows):
        rows = rows.drop_duplicates(SCHOOL_YEAR).drop(columns="group", errors="ignore")
        verb, fix = "has" if len(rows) == 1 else "have", "Compare the two files before reading gaps."
        what = f"{len(rows):,} of {of:,} school-years {verb} {told}: {show_school_years(rows)}."
        ledger.warn(what, fix, where=count)
