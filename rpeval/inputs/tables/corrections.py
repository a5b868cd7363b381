"""Corrections as data, with a guard: refused when the file no longer shows the fault that they mend."""

from collections.abc import Iterable, Iterator

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schema.sources import Correction
from rpeval.inputs.words import list_words
from rpeval.inputs.years import show_year

TOLERANCE = 0.15


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
        rows, columns = frame["year"].isin(correction.years), list(correction.columns)
        if not failed and rows.any():
            frame = frame.copy()
            frame.loc[rows, columns] *= correction.multiply
            years = list_words(map(show_year, sorted(correction.years)))
            what = f"{list_words(columns)} multiplied by {correction.multiply:g} in {rows.sum():,} rows of "
            ledger.warn(f"{what}{years}.", "Keep the reason in the report.", where=where)
    return frame


def _failures(frame: pd.DataFrame, correction: Correction) -> Iterator[tuple[str, str]]:
    """Say why a correction cannot be made: what is wrong, and what mends it."""
    column, later = correction.expect.column, correction.expect.ratio_to_next is not None
    expected = correction.expect.ratio_to_next or correction.expect.ratio_to_previous
    absent = sorted({*correction.columns, column} - set(frame.columns))
    for name in absent:
        yield f"There is no field {name} to correct.", "Name fields of the study, such as enrolled_n."
    for year in sorted(set(correction.years) & set(frame["year"])) if column not in absent else ():
        sound = set(frame["year"]) - set(correction.years)
        sound = {other for other in sound if (other > year if later else other < year)}
        if not sound:
            side = "after" if later else "before"
            yield f"There is no year {side} {show_year(year)} to compare with.", "Use the other guard."
            continue
        other = min(sound, key=lambda candidate, year=year: abs(candidate - year))
        ratio = _ratio(frame, column, year, other)
        if not abs(ratio / expected - 1) <= TOLERANCE:
            what = f"The file no longer shows the fault: {column} of {show_year(year)} is {ratio:.2f} times "
            what += f"that of {show_year(int(other))}, where {expected:g} was expected."
            yield what, "Delete the correction, or check it against the publisher's file."


def _ratio(frame: pd.DataFrame, column: str, year: int, other: int) -> float:
    """Compare a year with another: the median ratio over the schools that both have."""
    keys = ["school_id", *(["group"] if "group" in frame else [])]
    here, there = (frame[frame["year"] == y].groupby(keys)[column].first() for y in (year, other))
    both = pd.concat([here.rename("here"), there.rename("there")], axis=1).dropna()
    both = both[both["there"] > 0]
    return float((both["here"] / both["there"]).median())
