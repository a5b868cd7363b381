"""Row accounting: how many rows came in, how many went out, and for every other row the reason."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pandas as pd

from rpeval.errors import DataError, Problem, RpevalError
from rpeval.inputs.words import FEW

KEYS = ["source", "reason", "school_id", "year"]


def count_drops(rows: pd.DataFrame, *, source: str, reason: Any) -> pd.DataFrame:
    """Count rows that leave by source, reason, school and year.

    rows   : the rows that leave, with school_id and year where they are known (missing otherwise)
    reason : one text for all of them, or a series with a reason for each row
    Returns source, reason, school_id, year, rows_n, sorted; the order of the rows does not matter.

    >>> rows = pd.DataFrame({"school_id": ["02", "01", "02"], "year": [2018, 2018, 2018]})
    >>> count_drops(rows, source="panel", reason="No students")[["school_id", "rows_n"]].values.tolist()
    [['01', 1], ['02', 2]]
    """
    schools, years = rows["school_id"].astype("str").fillna(""), rows["year"].astype("Int64")
    named, by = pd.DataFrame({"school_id": schools, "year": years}), ["school_id", "year"]
    if isinstance(reason, pd.Series):
        named, by = named.assign(reason=pd.Series(reason, index=rows.index, dtype="str")), ["reason", *by]
    summed = named.groupby(by, dropna=False).size().rename("rows_n").reset_index()
    return name_drops(summed, source=source, reason=summed["reason"] if "reason" in by else reason)


def name_drops(counts: pd.DataFrame, *, source: str, reason: Any) -> pd.DataFrame:
    """Give counts of rows that left (school_id, year, rows_n) their source and reason."""
    named = counts.assign(source=source, reason=reason)[[*KEYS, "rows_n"]]
    return named.astype(dict.fromkeys(KEYS, "str") | {"year": "Int64", "rows_n": "int64"})


def add_drops(drops: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Add several tables of drops into one, sorted."""
    none = pd.DataFrame({key: pd.Series(dtype="str") for key in KEYS}).assign(rows_n=0)
    every = pd.concat([none.astype({"year": "Int64"}), *drops], ignore_index=True)
    summed = every.groupby(KEYS, dropna=False, sort=True)["rows_n"].sum().reset_index()
    return summed.astype({"rows_n": "int64", "year": "Int64"})


@dataclass(frozen=True, slots=True, eq=False)
class Accounting:
    """Where every row of a source went.

    rows_in  : rows read from the files
    rows_out : rows of the table that the study uses
    drops    : source, reason, school_id ("" where unknown), year (missing where unknown), rows_n: the rows
               that left, or were summed into another row
    Refuses (DataError) when rows_in less the drops is not rows_out.

    >>> rows = pd.DataFrame({"school_id": ["01", "02"], "year": [2020, 2020]})
    >>> books = Accounting(5, 3, count_drops(rows, source="panel", reason="Remote year"))
    >>> books.by_reason().values.tolist()
    [['panel', 'Remote year', 2, 2]]
    """

    rows_in: int
    rows_out: int
    drops: pd.DataFrame

    def __post_init__(self):
        left = int(self.drops["rows_n"].sum())
        if self.rows_in - left != self.rows_out:
            what = f"{self.rows_in} rows came in, {left} left with a reason, but {self.rows_out} are used."
            raise DataError(Problem("row accounting", what, "Report this: it is a fault of rpeval."))

    def by_reason(self) -> pd.DataFrame:
        """Sum the drops by source and reason: source, reason, rows_n, schools_n, the largest first."""
        known = self.drops.assign(school_id=self.drops["school_id"].where(self.drops["school_id"] != ""))
        grouped = known.groupby(["source", "reason"], as_index=False)
        summed = grouped.agg(rows_n=("rows_n", "sum"), schools_n=("school_id", "nunique"))
        order = ["source", "rows_n", "reason"]
        return summed.sort_values(order, ascending=[True, False, True], ignore_index=True)


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at some rows found: it can be added up over the parts of a file.

    n     : how many rows or cells; of: among how many, where that is told
    first : the first of them, each the row in the file and its text

    >>> Found(1, first=((7, "x"),)) + Found(1, first=((3, "y"),))
    Found(n=2, of=0, first=((3, 'y'), (7, 'x')))
    """

    n: int = 0
    of: int = 0
    first: tuple[tuple[int, str], ...] = ()

    def __add__(self, other: "Found") -> "Found":
        return Found(self.n + other.n, self.of + other.of, tuple(sorted(self.first + other.first)[:FEW]))


@dataclass(slots=True)
class Ledger:
    """Keeps the books of one source while it is read: what left, and what is wrong.

    source   : the source's name in the params ("panel")
    label    : how messages name its file
    rows_in  : rows read
    drops    : one table for each reason
    problems : all that is wrong or worth knowing
    parts    : what was found so far in a file that is read in parts; None for one that is read whole
    """

    source: str
    label: str
    rows_in: int = 0
    drops: list[pd.DataFrame] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    parts: dict[str, tuple[Callable[[Found], None], Found]] | None = None

    def keep(self, frame: pd.DataFrame, mask: Any, reason: Any) -> pd.DataFrame:
        """Keep the rows where `mask` holds and count the others under their reason."""
        keep = pd.Series(mask, index=frame.index).astype(bool)
        if not keep.all():
            gone = frame[~keep]
            reasons = reason.loc[gone.index] if isinstance(reason, pd.Series) else reason
            self.drops.append(count_drops(gone, source=self.source, reason=reasons))
            return frame[keep]
        return frame.copy(deep=False)

    def drop(self, counts: pd.DataFrame, reason: Any) -> None:
        """Count rows that left under their reason: school_id, year, rows_n."""
        if len(counts):
            self.drops.append(name_drops(counts, source=self.source, reason=reason))

    def fold(self, frame: pd.DataFrame, keys: list[str], reason: str) -> None:
        """Count the rows that are summed into the first row of their keys."""
        self.keep(frame, ~frame.duplicated(keys), reason)

    def why(self) -> str:
        """Tell the reason for which most rows left, with their number; nothing where none left."""
        reasons = add_drops(self.drops).groupby("reason")["rows_n"].sum()
        if reasons.empty:
            return ""
        return f" {reasons.max():,} of {self.rows_in:,} rows left because: {reasons.idxmax()}."

    def note(self, key: str, found: Found, tell: Callable[[Found], None]) -> None:
        """Tell what was found, if anything; of a file that is read in parts, after the last of them.

        key : one for each thing that is looked for, noted for every part in the same order
        """
        if self.parts is not None:
            before = self.parts[key][1] if key in self.parts else Found()
            self.parts[key] = (tell, before + found)
        elif found.n:
            tell(found)

    def tell_parts(self) -> None:
        """Tell what was found in all parts of a file."""
        for tell, found in (self.parts or {}).values():
            if found.n:
                tell(found)
        self.parts = None

    def say(self, what: str, fix: str, *, where: str = "", stops: bool = True) -> None:
        """Note a problem of this source."""
        self.problems.append(Problem(f"{self.label}{where and ': ' + where}", what, fix, stops))

    def warn(self, what: str, fix: str, *, where: str = "") -> None:
        """Note something worth knowing, which stops nothing."""
        self.say(what, fix, where=where, stops=False)

    def refuse(self, what: str, fix: str) -> NoReturn:
        """Stop reading this source: note the problem, and raise all there are (DataError)."""
        self.say(what, fix)
        raise DataError(self.problems)

    def close(self, rows_out: int) -> Accounting:
        """Close the books."""
        return close_all([self], rows_out)


def close_all(books: Iterable[Ledger], rows_out: int) -> Accounting:
    """Close the books of several files that make one table."""
    books = list(books)
    drops = add_drops(drop for ledger in books for drop in ledger.drops)
    return Accounting(sum(ledger.rows_in for ledger in books), rows_out, drops)


@dataclass(slots=True)
class Attempts:
    """Reads several sources and keeps the problems of those that refuse, so that all are told at once."""

    problems: list[Problem] = field(default_factory=list)

    def attempt(self, read: Callable[..., Any], *args: Any, **how: Any) -> Any:
        """Call a reader; where it refuses, note its problems and give None."""
        try:
            return read(*args, **how)
        except RpevalError as error:
            self.problems += error.problems
            return None
