"""Corrections as data, with a guard: refused when the file no longer shows the fault that they mend."""

from collections.abc import Iterable

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.layouts import Correction
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year

TOLERANCE = 0.15
GUARDS = ("ratio_to_next", "ratio_to_previous")


def correct(frame: pd.DataFrame, corrections: Iterable[Correction], ledger: Ledger) -> pd.DataFrame:
    """Multiply the columns and years that a correction names, after its guard holds.

    frame : one row per school-year (and group), numbers read
    The guard compares each faulty year with the nearest year beyond the faulty ones: the median ratio over
    the schools of both years must be within 15 % of what the correction expects. Each correction that is
    made is told, with its reason; one whose guard fails is a problem that stops.
    """
    for correction in corrections:
        where = f"corrections: {correction.reason}"
        failed = list(_failures(frame, correction))
        for what, fix in failed:
            ledger.say(what, fix, where=where)
        rows = frame["year"].isin(correction.years)
        columns = [column for column in correction.columns if column in frame]
        if failed or not rows.any():
            continue
        frame = frame.copy()
        frame.loc[rows, columns] *= correction.multiply
        what = f"{list_words(columns)} multiplied by {correction.multiply:g} in {rows.sum():,} rows of "
        ledger.say(
            what + f"{_show(correction.years)}.", "Keep the reason in the report.", stops=False, where=where
        )
    return frame


def _show(years: Iterable[int]) -> str:
    return list_words(show_year(year) for year in sorted(years))


def _failures(frame: pd.DataFrame, correction: Correction) -> Iterable[tuple[str, str]]:
    """Say why a correction cannot be made: what is wrong, and what mends it."""
    for column in {*correction.columns, correction.expect.get("column")} - set(frame.columns):
        yield f"There is no field {column} to correct.", "Name fields of the study, such as enrolled_n."
    guards = [guard for guard in GUARDS if guard in correction.expect]
    if len(guards) != 1 or correction.expect.get("column") not in frame:
        if len(guards) != 1:
            yield "The guard is missing.", f"Write expect: {{column: enrolled_n, {GUARDS[0]}: 2.0}}."
        return
    expected = float(correction.expect[guards[0]])
    for year in sorted(set(correction.years) & set(frame["year"])):
        ratio, other = _ratio(frame, correction, year, later=guards[0] == "ratio_to_next")
        if ratio is None:
            side = "after" if guards[0] == "ratio_to_next" else "before"
            yield f"There is no year {side} {show_year(year)} to compare with.", "Use the other guard."
        elif not abs(ratio / expected - 1) <= TOLERANCE:
            what = (
                f"The file no longer shows the fault: {correction.expect['column']} of {show_year(year)} is "
                f"{ratio:.2f} times that of {show_year(other)}, where {expected:g} was expected."
            )
            yield what, "Delete the correction, or check it against the publisher's file."


def _ratio(
    frame: pd.DataFrame, correction: Correction, year: int, *, later: bool
) -> tuple[float | None, int]:
    """Compare a faulty year with the nearest sound one: the median ratio over schools, and that year."""
    sound = set(frame["year"]) - set(correction.years)
    sound = {other for other in sound if (other > year if later else other < year)}
    if not sound:
        return None, 0
    other = min(sound, key=lambda candidate: abs(candidate - year))
    column = correction.expect["column"]
    keys = ["school_id", *(["group"] if "group" in frame else [])]
    here, there = (frame[frame["year"] == y].groupby(keys)[column].first() for y in (year, other))
    both = pd.concat([here.rename("here"), there.rename("there")], axis=1).dropna()
    both = both[both["there"] > 0]
    return float((both["here"] / both["there"]).median()), int(other)
