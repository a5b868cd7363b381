"""Disclosure control: nothing about fewer students than the study's minimum leaves a notebook."""

from collections.abc import Mapping, Sequence

import pandas as pd

Counts = Sequence[tuple[str, str | None]]

# Fewest students of a base, and the percent below which (and above whose complement) nothing is told.
EXTREMES = ((300, 1.0), (100, 2.0), (40, 5.0), (20, 10.0), (0, 20.0))


def small(cell: float | None, of: float | None, minimum: int) -> bool:
    """Say whether a count could point at a student: the cell, its base, or the rest of the base is small.

    cell : students (or events) counted; of : students at risk, None for events, which have no rest
    minimum : the study's smallest count that may be printed

    >>> small(4, 200, 10), small(195, 200, 10), small(50, 200, 10), small(12, None, 10)
    (True, True, False, False)
    """
    if cell is not None and cell < minimum:
        return True
    return of is not None and (of < minimum or (cell is not None and of - cell < minimum))


def hide_small(
    frame: pd.DataFrame, *, keys: Sequence[str], counts: Counts, minimum: int, within: str | None = None
) -> tuple[pd.DataFrame, int]:
    """Blank every row of a table in which a count is small; return the table and how many rows were hidden.

    keys    : columns that name the row and stay
    counts  : pairs (count column, base column); base None for events (no complement). A count that is
              missing is not small: it is already unknown.
    within  : when the rows of one `within` value add up to a published total, hide so many more of them,
              smallest first, that the hidden ones together reach the minimum and are at least two
    Returns the frame with an added column `suppressed` and the number of rows hidden.

    >>> t = pd.DataFrame({"group": ["A", "B"], "cell_n": [4.0, 30.0], "of_n": [50.0, 200.0]})
    >>> hide_small(t, keys=["group"], counts=[("cell_n", "of_n")], minimum=10)[0]["suppressed"].tolist()
    [True, False]
    """
    hidden = pd.Series(False, index=frame.index)
    for cell, of in counts:
        base = frame[of] if of else None
        for row in frame.index:
            n, b = frame.at[row, cell], base.at[row] if base is not None else None
            hidden[row] |= small(None if pd.isna(n) else n, None if b is None or pd.isna(b) else b, minimum)
    if within is not None and counts:
        hidden = _hide_residuals(frame, hidden, frame[within], counts[0][0], minimum)
    blank = [c for c in frame.columns if c not in keys]
    released = frame.copy()
    for column in blank:
        released[column] = released[column].astype(object).where(~hidden, None)
        if pd.api.types.is_numeric_dtype(frame[column]):
            released[column] = pd.to_numeric(released[column])
    return released.assign(suppressed=hidden), int(hidden.sum())


def extreme(of: float) -> float:
    """Give the percent nearest to 0 that may be printed of so many students; near 100, its complement.

    Zero and one hundred percent tell something of every single student, and nearly so of a few.

    >>> extreme(1000), extreme(45), extreme(12)
    (1.0, 5.0, 20.0)
    """
    return next(percent for least, percent in EXTREMES if of >= least)


def blur(frame: pd.DataFrame, percents: Mapping[str, str]) -> pd.DataFrame:
    """Move percents that are too near 0 or 100 for the size of their base to the nearest that may be told.

    percents : column of percents to the column with its students

    >>> t = pd.DataFrame({"favorable": [0.0, 50.0, 97.0], "students_n": [500, 50, 50]})
    >>> blur(t, {"favorable": "students_n"})["favorable"].tolist()
    [1.0, 50.0, 95.0]
    """
    blurred = frame.copy()
    for column, base in percents.items():
        least = frame[base].map(lambda n: extreme(n) if pd.notna(n) else 0.0)
        blurred[column] = frame[column].clip(least, 100 - least)
    return blurred


def _hide_residuals(frame, hidden, within, cell, minimum) -> pd.Series:
    """Hide more rows until what total minus visible rows reveals is no longer small."""
    hidden = hidden.copy()
    for _, rows in frame.groupby(within, observed=True):
        waiting = rows.loc[~hidden[rows.index], cell].sort_values().index.tolist()
        while hidden[rows.index].any() and waiting:
            veiled = rows.loc[hidden[rows.index], cell]
            if len(veiled) > 1 and veiled.sum() >= minimum:
                break
            hidden[waiting.pop(0)] = True
    return hidden
