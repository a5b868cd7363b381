"""What a table of schools must not contain, and what its reader must know; in words, with schools and counts.

Each check looks for one thing and returns a list of Problems: most of them stop, some only warn.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.inputs.fields import COUNTS, ENROLLED, INVITED, RATES, STAMP, counted, rate_of, words_of
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year

FEW = 5
JUMP_LOW, JUMP_HIGH = 0.6, 1.6
JUMP_SCHOOLS = 3
REMOTE_SHARE = 0.25
ROUNDING = 1.0
PARTITION = 0.02


def show_schools(rows: pd.DataFrame) -> str:
    """Name the first five schools of some rows, and how many more there are.

    >>> show_schools(pd.DataFrame({"school_id": ["01", "02"], "school_name": ["Elm", "02"]}))
    'Elm (01), 02'
    """
    named = rows[["school_id", "school_name"]].drop_duplicates("school_id").sort_values("school_id")
    shown = [i if n in ("", i) else f"{n} ({i})" for i, n in named.to_numpy()[:FEW]]
    more = f" and {len(named) - FEW:,} more" if len(named) > FEW else ""
    return list_words(shown) + more


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


def counts_in(frame: pd.DataFrame) -> list[str]:
    """List the counts a frame has, in the order of the reports."""
    return [count for count in COUNTS if count in frame]


def check_stamp(frame: pd.DataFrame, *, simulated: bool, label: str) -> list[Problem]:
    """Keep simulated and real files apart.

    Every row of a simulated study's files says simulated = yes; a real study refuses a file with that column.
    """
    if simulated:
        stamped = frame[STAMP] == "yes" if STAMP in frame else pd.Series(False, index=frame.index)
        if stamped.all():
            return []
        what = f"The study is simulated, but {(~stamped).sum():,} of {len(frame):,} rows do not say so."
        fix = 'Add a column "simulated" with "yes" in every row, or set `simulated: false` for real data.'
        return [Problem(label, what, fix)]
    if STAMP not in frame:
        return []
    what = 'The file has a column "simulated", and this study is not simulated.'
    return [Problem(label, what, "Name the real file, or set `simulated: true`.")]


def check_duplicates(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Refuse two rows that say different things about one school-year."""
    keys = ["school_id", "year", *(["group"] if "group" in frame else [])]
    twice = frame[frame.duplicated(keys, keep=False)]
    if twice.empty:
        return []
    n = len(twice.drop_duplicates(keys))
    of = "of a student group " if "group" in frame else ""
    told = f"{counted(n, 'school-year')} {of}{'appears' if n == 1 else 'appear'} more than once"
    what = f"{told}, with different values: {show_school_years(twice)}."
    fix = "Keep one row of each, or filter the file with `where` (totals and parts may stand in one file)."
    return [Problem(label, what, fix)]


def check_values(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Refuse enrollments, counts and rates that cannot be."""
    problems = []
    for column in [c for c in (ENROLLED, INVITED, *COUNTS, *RATES) if c in frame]:
        where, values = f"{label}: {column}", frame[column]
        below = frame[values < 0]
        if len(below):
            what = f"{counted(len(below), 'value', 'is', 'are')} below zero: {show_school_years(below)}."
            fix = 'Correct them, or, where negative codes mean "withheld", add the codes to `missing`.'
            problems.append(Problem(where, what, fix))
        broken = frame[(values % 1 != 0) & values.notna()]
        if column.endswith("_n") and len(broken):
            what = f"{counted(len(broken), 'value', 'is', 'are')} not whole: {show_school_years(broken)}."
            fix = f"Map rates to {rate_of(column)} and counts to {column}."
            problems.append(Problem(where, what, fix if column in COUNTS else "Name the column of counts."))
    return problems


def check_against_enrollment(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Refuse removals in a school without students, and more students suspended than enrolled."""
    problems = []
    some = frame[counts_in(frame)].gt(0).any(axis=1)
    empty = frame[(frame[ENROLLED] == 0) & some]
    if len(empty):
        what = f"{counted(len(empty), 'school-year', 'has', 'have')} removals but no students: "
        what += f"{show_school_years(empty)}."
        problems.append(
            Problem(label, what, "Correct the enrollment, or leave the schools out with `exclusions`.")
        )
    if "suspended_n" in frame:
        over = frame[(frame["suspended_n"] > frame[ENROLLED]) & (frame[ENROLLED] > 0)]
        if len(over):
            what = (
                f"{counted(len(over), 'school-year', 'has', 'have')} more students suspended than enrolled: "
            )
            fix = (
                "Check that suspended_n counts students, not suspensions, and that both cover the whole year."
            )
            problems.append(Problem(label, what + f"{show_school_years(over)}.", fix))
    return problems


def check_names(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Tell which schools go by several names; the latest is used."""
    names = frame.drop_duplicates(["school_id", "school_name"])
    several = names[names.duplicated("school_id", keep=False)]
    if several.empty:
        return []
    latest = frame.sort_values("year").drop_duplicates("school_id", keep="last")
    shown = show_schools(latest[latest["school_id"].isin(several["school_id"])])
    n = several["school_id"].nunique()
    told = counted(n, "school", "goes", "go")
    what = f"{told} by more than one name; the latest is used: {shown}."
    fix = "Check that each id is one school, not an id given to another school later."
    return [Problem(label, what, fix, stops=False)]


def check_jump(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Refuse a file in which everybody's enrollment doubles or halves from one year to the next.

    frame : school_id, year and enrolled_n of one row per school-year
    The median ratio over the schools seen in both years must lie between 0.6 and 1.6; at least three schools.
    """
    years = sorted(frame["year"].unique())
    by_year = dict(iter(frame.groupby("year")))
    problems = []
    for before, after in pairwise(years):
        both = by_year[before].merge(by_year[after], on="school_id", suffixes=("", "_next"))
        both = both[(both[ENROLLED] > 0) & (both[f"{ENROLLED}_next"] > 0)]
        ratio = (both[f"{ENROLLED}_next"] / both[ENROLLED]).median()
        if len(both) >= JUMP_SCHOOLS and not JUMP_LOW <= ratio <= JUMP_HIGH:
            what = (
                f"Enrollment changes by a factor of {ratio:.2f} from {show_year(before)} to "
                f"{show_year(after)} (median of {len(both):,} schools): one side is counted differently."
            )
            fix = _say_correction(both, years, before, ratio)
            problems.append(Problem(f"{label}: {ENROLLED}", what, fix))
    return problems


def _say_correction(both: pd.DataFrame, years: list[int], before: int, ratio: float) -> str:
    """Write the corrections entry that would mend a jump: the shorter side is taken to be at fault."""
    early = [year for year in years if year <= before]
    late = [year for year in years if year > before]
    at_start = len(early) <= len(late)
    faulty, factor = (early, ratio) if at_start else (late, 1 / ratio)
    columns = [ENROLLED] + [c for c in counts_in(both) if _jumps_too(both, c)]
    key, expected = ("ratio_to_next", 1 / ratio) if at_start else ("ratio_to_previous", ratio)
    multiply = f"{round(factor * 2) / 2 or factor:g}"
    return (
        "Check the file against its publisher; if the fault is known, write in the source `corrections: "
        f"[{{columns: [{list_words(columns)}], years: [{list_words(map(show_year, faulty))}], "
        f"multiply: {multiply}, expect: {{column: {ENROLLED}, {key}: {round(expected * 2) / 2:g}}}, "
        'reason: "..."}]`.'
    )


def _jumps_too(both: pd.DataFrame, count: str) -> bool:
    """Tell whether a count jumps with the enrollment, so that its rate does not."""
    known = both[both[count].notna() & both[f"{count}_next"].notna()]
    before = known[count].sum() / known[ENROLLED].sum() if len(known) else np.nan
    after = known[f"{count}_next"].sum() / known[f"{ENROLLED}_next"].sum() if len(known) else np.nan
    return bool(before > 0 and JUMP_LOW <= after / before <= JUMP_HIGH)


def check_years(frame: pd.DataFrame, *, years: Iterable[int], label: str) -> list[Problem]:
    """Tell which school years of the study the file has for nobody."""
    absent = sorted(set(years) - set(frame["year"]))
    if not absent:
        return []
    what = f"There are no rows for {list_words(map(show_year, absent))}, in which no school is left out."
    fix = "Add the file's years, shorten `years`, or name them in years.leave_out with the reason."
    return [Problem(label, what, fix, stops=False)]


def check_remote(frame: pd.DataFrame, *, count: str, label: str) -> list[Problem]:
    """Tell which years have nearly no removals: less than a quarter of the median of the other years."""
    known = frame[frame[count].notna() & (frame[ENROLLED] > 0)]
    sums = known.groupby("year")[[count, ENROLLED]].sum()
    rates = 100 * sums[count] / sums[ENROLLED]
    problems = []
    for year, rate in rates.items():
        usual = rates.drop(year).median()
        if rate < REMOTE_SHARE * usual:
            what = (
                f"{show_year(year)} has {rate:.1f} {words_of(count)} per 100 students, the other years "
                f"{usual:.1f} (median): was schooling remote, or is the year incomplete?"
            )
            fix = f"Write years.leave_out: [{show_year(year)}] and a leave_out_reason, or explain the year."
            problems.append(Problem(label, what, fix, stops=False))
    return problems


def check_unknown(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Tell how many cells are unknown (suppressed or blank); they stay unknown, never zero."""
    unit = "rows" if "group" in frame else "school-years"
    told: dict[str, list[str]] = {}
    for column in [c for c in (ENROLLED, INVITED, *COUNTS) if c in frame]:
        unknown = frame[frame[column].isna()]
        if len(unknown):
            shown = list_words(f"{show_year(y)}: {n:,}" for y, n in unknown.groupby("year").size().items())
            told.setdefault(f"{len(unknown):,} of {len(frame):,} {unit} ({shown})", []).append(column)
    parts = [f"in {where}: {list_words(map(words_of, columns))}" for where, columns in told.items()]
    what = f"Suppressed or blank {'; '.join(parts)}."
    return [Problem(label, what, "They stay unknown, never zero.", stops=False)] if parts else []


def check_balance(frame: pd.DataFrame, *, label: str) -> list[Problem]:
    """Tell how many schools have every year; the others stay, with the years they have."""
    years = frame["year"].nunique()
    per_school = frame.groupby("school_id")["year"].nunique()
    whole = int((per_school == years).sum())
    if whole == len(per_school):
        return []
    what = f"{whole:,} of {len(per_school):,} schools have all {years} years; the others keep what they have."
    return [Problem(label, what, "Look at the schools that join or leave before comparing.", stops=False)]


def check_groups(groups: pd.DataFrame, panel: pd.DataFrame, *, label: str) -> list[Problem]:
    """Tell where the student groups of a school-year do not fit its total.

    A single group above the total is told always; sums are compared where the groups' enrollments add up to
    the schools', to within rounding by one. A sum below the total may mean suppressed cells written as zero.
    """
    keys = ["school_id", "year"]
    totals = panel.set_index(keys)
    problems = []
    for count in [c for c in (ENROLLED, *COUNTS) if c in groups and c in panel and c != "oss_days"]:
        known = groups[groups[count].notna()]
        total = known.merge(totals[count].rename("total").reset_index(), on=keys, how="inner")
        above = total[total[count] > total["total"] + ROUNDING]
        problems += _say_groups(above, count, len(totals), "a group above the school's total", label)
    if not _adds_up(groups, totals):
        return problems
    for count in [c for c in counts_in(groups) if c in panel and c != "oss_days"]:
        sums = groups.groupby(keys)[count].agg(lambda values: values.sum(skipna=False)).rename("sum")
        both = totals[[count, "school_name"]].join(sums, how="inner").dropna().reset_index()
        short = both[both["sum"] < both[count] - ROUNDING]
        over = both[both["sum"] > both[count] + ROUNDING]
        problems += _say_groups(over, count, len(both), "groups that add up to more than the total", label)
        told = "groups that add up to less than the total, so a zero by group may be a suppressed cell"
        problems += _say_groups(short, count, len(both), told, label)
    return problems


def _adds_up(groups: pd.DataFrame, totals: pd.DataFrame) -> bool:
    sums = groups.groupby(["school_id", "year"])[ENROLLED].sum()
    both = totals[[ENROLLED]].join(sums.rename("sum"), how="inner")
    return bool(((both["sum"] / both[ENROLLED] - 1).abs() <= PARTITION).mean() >= 0.5) if len(both) else False


def _say_groups(rows: pd.DataFrame, count: str, of: int, told: str, label: str) -> list[Problem]:
    if rows.empty:
        return []
    rows = rows.drop_duplicates(["school_id", "year"]).drop(columns="group", errors="ignore")
    verb = "has" if len(rows) == 1 else "have"
    what = f"{len(rows):,} of {of:,} school-years {verb} {told}: {show_school_years(rows)}."
    return [Problem(f"{label}: {count}", what, "Compare the two files before reading gaps.", stops=False)]
