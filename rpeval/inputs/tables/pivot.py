"""Turn a file with one row per kind of removal into one row per school and year."""

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schema.sources import Pivot
from rpeval.inputs.tables.fields import ENROLLED
from rpeval.inputs.tables.layouts import names_of
from rpeval.inputs.words import FEW, counted, list_words


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
    names, reasons = names_of(pivot.names), f"{pivot.column} is " + kinds.where(kinds != "", "empty")
    frame = ledger.keep(frame, kinds.isin(names), reasons)
    kinds, values = kinds.loc[frame.index], values.loc[frame.index]
    twice = frame[keys].assign(kind=kinds).duplicated(keep=False)
    if twice.any():
        told, shown = counted(twice.sum(), "row", "repeats", "repeat"), sorted(frame.loc[twice, "row"])[:FEW]
        what = f"{told} a {pivot.column} of the same school and year (rows {list_words(shown)})."
        ledger.say(what, "Keep one row of each, or filter them with `where`.")
    wide = _one_row_each(frame, keys, ledger)
    targets = kinds.map(names)
    for column in sorted({target for target in names.values() if target}):
        rows = frame.loc[targets == column, keys].assign(value=values[targets == column])
        grouped = rows.groupby(keys)["value"]
        summed = grouped.sum().where(grouped.count() == grouped.size()).reset_index()
        merged = wide[keys].merge(summed, on=keys, how="left", indicator=True)
        if pivot.absent == "zero":
            merged.loc[merged["_merge"] == "left_only", "value"] = 0.0
        wide[column] = merged["value"].to_numpy()
    ledger.fold(frame, keys, "Joined into the row of its school and year")
    return wide


def _one_row_each(frame: pd.DataFrame, keys: list[str], ledger: Ledger) -> pd.DataFrame:
    """Give one row per key with the known values, which must agree."""
    rest = [column for column in frame.columns if column not in keys]
    grouped = frame.sort_values([*keys, *rest], ignore_index=True).groupby(keys, sort=True)
    differ = int((grouped[ENROLLED].nunique() > 1).sum()) if ENROLLED in frame else 0
    if differ:
        told = counted(differ, "school-year", "has", "have")
        fix = "Use a file in which every kind of removal has the enrollment of the whole school."
        ledger.say(f"{told} more than one enrollment.", fix, where=ENROLLED)
    return grouped[rest].first().reset_index()
