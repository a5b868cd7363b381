"""Which studies may be pooled: the same finding of different districts, told in the same way."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import Problem
from rpeval.methods.wording import refuse, some

LOPSIDED = 1.1  # of the two halves of an interval; beyond it, no standard error can be read from its width
ROUNDED = 3  # decimals; published numbers with no more may be equal by chance
# What must be the same in all studies, and how to make it so.
SAME = {
    "simulated": "Pool simulated studies and real ones apart, never together.",
    "finding": "Name one finding.",
    "unit": "Pool a finding that every study has in one unit.",
    "outcome": "Run the studies with the same `outcome`, or pool the finding that names the measure.",
    "definition": "Run the studies with the same definitions, or pool those that share them.",
    "weights": "Run the studies with the same `weights`.",
    "method": "Pool a finding that every study makes by one method, or those studies that share it.",
}


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the studies as they can be pooled; refuse those whose numbers do not answer one question.

    Use before anything is pooled. A mean over effects on different outcomes, in different units, by methods
    that weigh schools differently, or of one district twice, is a number without a meaning.

    frame : one row per study with an estimate: study, value, and se or low and high (with level and df); and
            what it is: simulated, finding, unit, outcome, definition, weights, method. `district` and
            `district_id`, where they are there, tell two studies of one district apart.
    Returns the rows with `se`, the ends of each interval, and `se_from`: "reported", or "interval" where the
    standard error was read from the width of an interval by its t distribution (normal where no degrees of
    freedom are told).
    A reported one is taken even where the interval came by other means, such as by dealing the start years
    anew: the pooled weight needs the variance of the estimate, not how sure the study is of that variance.
    Refuses (MethodError, everything at once with the studies' names): whatever is not the same in all of
    them; a study, district or estimate that stands twice; no standard error and none that can be read.

    >>> both = pd.DataFrame({"study": ["a", "b"], "value": [1.0, 2.0], "se": [0.5, None], "low": [0.0, 1.0],
    ...                      "high": [2.0, 3.0], "level": 0.95, "df": [None, None], "unit": "days"})
    >>> comparable(both)["se"].round(3).tolist()
    [0.5, 0.51]
    """
    refuse([*_different(frame), *_twice(frame), *_without_error(frame)])
    read = frame["se"].isna() if "se" in frame else pd.Series(True, index=frame.index)
    told = _with_ends(frame.assign(se=_errors(frame).astype(float)))
    return told.assign(se_from=np.where(read, "interval", "reported")).reset_index(drop=True)


def _with_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the interval of studies that tell a standard error only."""
    half = _reach(frame) * frame["se"]
    for name, end in {"low": frame["value"] - half, "high": frame["value"] + half}.items():
        frame = frame.assign(**{name: frame[name].fillna(end) if name in frame else end})
    return frame


def _different(frame: pd.DataFrame) -> Iterator[Problem]:
    """Tell each thing that differs between the studies, with the studies on each side."""
    for column in SAME:
        if column not in frame:
            continue
        sides = frame.groupby(frame[column].fillna("not told").astype(str), sort=False)["study"].agg(list)
        if len(sides) > 1:
            told = "; ".join(f"{value} ({some(studies)})" for value, studies in sides.items())
            yield Problem("studies", f"They differ in {column}: {told}.", SAME[column])


def _twice(frame: pd.DataFrame) -> Iterator[Problem]:
    for column in ("study", "district", "district_id"):
        if column not in frame:
            continue
        names = frame[column].astype("string").str.strip().str.casefold()
        again = names[names.notna() & names.duplicated(keep=False) & ~names.isin(["", "none"])]
        for _, rows in frame.loc[again.index].groupby(again, sort=False):
            what = f"One {column.replace('_', ' ')} stands {len(rows)} times: {some(rows['study'])}."
            yield Problem("studies", what, "Keep one study of each district.")
    told = [name for name in ("value", "se", "low", "high") if name in frame]
    exact = frame[(frame["value"].round(ROUNDED) != frame["value"]) & ~frame["study"].duplicated(keep=False)]
    for _, rows in exact.groupby(told, sort=False, dropna=False):
        if len(rows) > 1:
            what = f"The same estimate stands under several names, to the last digit: {some(rows['study'])}."
            yield Problem("studies", what, "Keep one of them.")


def _without_error(frame: pd.DataFrame) -> Iterator[Problem]:
    errors = _errors(frame)
    bad = ~(errors > 0) | ~np.isfinite(errors.fillna(0)) | ~np.isfinite(frame["value"].astype(float))
    if bad.any():
        names = some(frame.loc[bad, "study"])
        what = f"No standard error is told or can be read from an interval around the value: {names}."
        yield Problem("studies", what, "Give the standard error, or leave the study out with its reason.")


def _errors(frame: pd.DataFrame) -> pd.Series:
    """Give the standard errors that are told; others from the width of an interval that is not lopsided."""
    told = frame["se"].astype(float) if "se" in frame else pd.Series(np.nan, index=frame.index)
    if not {"low", "high"} <= set(frame):
        return told
    value, low, high = (frame[name].astype(float) for name in ("value", "low", "high"))
    even = np.maximum(high - value, value - low) <= LOPSIDED * np.minimum(high - value, value - low)
    return told.fillna(((high - low) / (2 * _reach(frame))).where(even))


def _reach(frame: pd.DataFrame) -> np.ndarray:
    """Give the half width of each study's interval in standard errors."""
    level = frame["level"].astype(float).fillna(0.95) if "level" in frame else pd.Series(0.95, frame.index)
    df = frame["df"].astype(float).fillna(np.inf) if "df" in frame else np.inf
    return stats.t.ppf((1 + level) / 2, df)
