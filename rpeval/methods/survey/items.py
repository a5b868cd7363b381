"""The items of a scale, laid out once: which columns, their range, and which are turned around."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.wording import refuse


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Answers to the items of one scale, checked by `lay_out_items`.

    codes     : a column per item, reversed ones turned around, so that high always means more; missing =
                unanswered
    rows      : the rows they came from, with school_id, wave and groups; same index
    low, high : the ends of the range
    reverse   : the items that were turned around
    """

    codes: pd.DataFrame
    rows: pd.DataFrame
    low: float
    high: float
    reverse: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The items, in order."""
        return list(self.codes.columns)

    @property
    def complete(self) -> np.ndarray:
        """True for who answered every item."""
        return self.codes.notna().all(axis=1).to_numpy()

    def part(self, kept: np.ndarray) -> "Items":
        """Give the answers of some respondents (True, or positions)."""
        return replace(self, codes=self.codes.iloc[kept], rows=self.rows.iloc[kept])


def lay_out_items(
    answers: pd.DataFrame, *, items: Sequence[str], low: float, high: float, reverse: Sequence[str] = ()
) -> Items:
    """Check that answers lie in their range, and turn the reversed items around.

    Use it once for each scale: scores, reliability, factors, invariance and the gate all take its Items. A
    reversed answer x becomes low + high - x; unanswered stays so.

    answers : one row per respondent, items as codes from `low` to `high`, missing = unanswered
    Returns Items. Refuses (MethodError): an item that is absent; a reversed item that is not among the items;
    an answer outside the range.

    >>> answers = pd.DataFrame({"a": [1, 4], "b": [1, 4]})
    >>> lay_out_items(answers, items=["a", "b"], low=1, high=4, reverse=["b"]).codes
         a    b
    0  1.0  4.0
    1  4.0  1.0
    """
    _require_items(answers, items, reverse)
    codes = answers[list(items)].astype(float)
    wrong = ((codes < low) | (codes > high)).sum()
    if wrong.any():
        counts = ", ".join(f"{name} {count}" for name, count in wrong[wrong > 0].items())
        what = f"Answers outside {low:g} to {high:g}: {counts}."
        refuse([Problem("items", what, "Correct the range, or read the file's labels as codes.")])
    codes[list(reverse)] = low + high - codes[list(reverse)]
    return Items(codes, answers, low, high, tuple(reverse))


def _require_items(answers: pd.DataFrame, items: Sequence[str], reverse: Sequence[str]) -> None:
    """Refuse unknown items."""
    absent = [name for name in items if name not in answers.columns]
    extra = [name for name in reverse if name not in items]
    problems = []
    if absent or not items:
        what = f"Items not in the data: {', '.join(absent) or 'none were named'}."
        problems.append(Problem("items", what, "Name columns that the survey holds."))
    if extra:
        what = f"Reversed items that are not among the items: {', '.join(extra)}."
        problems.append(Problem("reverse", what, "Reverse only items of the scale."))
    refuse(problems)


def alike(codes: pd.DataFrame) -> list[Problem]:
    """Look for items that everybody answers alike."""
    same = [str(name) for name in codes.columns if codes[name].nunique() < 2]
    what = f"Everybody answers alike: {', '.join(same)}."
    return [Problem("items", what, "Leave the item out.")] if same else []
