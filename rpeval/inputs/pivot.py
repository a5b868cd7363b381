"""Turn a file with one row per kind of removal into one row per school and year."""

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.fields import counted
from rpeval.inputs.layouts import Pivot
from rpeval.inputs.words import list_words

FOLDED = "Joined into the row of its school and year"
FEW = 5


def widen(
    frame: pd.DataFrame, kinds: pd.Series, values: pd.Series, pivot: Pivot, ledger: Ledger
) -> pd.DataFrame:
    """Give each kind of removal its column.

    frame  : one row per school, year and kind, already read; kinds and values have its index
    Returns one row per school and year (and group). Two kinds of one column are added; a sum with an unknown
    part is unknown. Rows of a kind that the layout does not name leave with that reason. A kind twice in one
    school-year, or an enrollment that differs within one, is a problem.
    """
    keys = [key for key in ("school_id", "year", "group") if key in frame]
    frame = ledger.keep(
        frame, kinds.isin(pivot.names), f"{pivot.column} is " + kinds.where(kinds != "", "empty")
    )
    kinds, values = kinds.loc[frame.index], values.loc[frame.index]
    twice = frame[keys].assign(kind=kinds).duplicated(keep=False)
    if twice.any():
        told = counted(twice.sum(), "row", "repeats", "repeat")
        what = f"{told} a {pivot.column} of the same school and year"
        shown = list_words(sorted(frame.loc[twice, "row"])[:FEW])
        ledger.say(f"{what} (rows {shown}).", "Keep one row of each, or filter them with `where`.")
    wide = _one_row_each(frame, keys, ledger)
    targets = kinds.map(pivot.names)
    for column in sorted({target for target in pivot.names.values() if target}):
        rows = targets == column
        grouped = values[rows].groupby([frame.loc[rows, key] for key in keys])
        summed = grouped.sum().where(grouped.count() == grouped.size()).rename(column).reset_index()
        merged = wide[keys].merge(summed, on=keys, how="left", indicator=True)
        if pivot.absent == "zero":
            merged.loc[merged["_merge"] == "left_only", column] = 0.0
        wide[column] = merged[column].to_numpy()
    ledger.fold(frame, keys, FOLDED)
    return wide


def _one_row_each(frame: pd.DataFrame, keys: list[str], ledger: Ledger) -> pd.DataFrame:
    """Give one row per key with the known values, which must agree."""
    rest = [column for column in frame.columns if column not in keys]
    ordered = frame.sort_values([*keys, *rest], ignore_index=True)
    for column in ordered.columns.intersection(["enrolled_n"]):
        differ = ordered.groupby(keys)[column].nunique() > 1
        if differ.any():
            ledger.say(
                f"{counted(differ.sum(), 'school-year', 'has', 'have')} more than one enrollment.",
                "Use a file in which every kind of removal has the enrollment of the whole school.",
                where=column,
            )
    return ordered.groupby(keys, sort=True)[rest].first().reset_index()
