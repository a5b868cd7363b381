"""Student-level records, counted by an embedded database: a state's log does not fit into memory as frames.

Nothing is read by DuckDB itself: it gets rows that were read by our rules, all ids as text, and gives back
sums. Every number is a count, or a sum in a fixed order, so neither threads nor the order of rows matter.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from rpeval.errors import DataError, Problem

SCHOOL, STUDENT = "school_id, year", "student_id, school_id, year"
MEMORY = "600MB"  # beyond it DuckDB writes to a folder of its own, which goes when it closes


@contextlib.contextmanager
def open_counts() -> Iterator["Counts"]:
    """Open an empty database in memory, which lends space on the disk where memory is short, and close it."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="rpeval-", ignore_cleanup_errors=True) as folder:
        settings = {
            "memory_limit": MEMORY,
            "temp_directory": folder,
            "threads": _cores(),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
        try:
            with duckdb.connect(":memory:", config=settings) as database:
                yield Counts(database)
        except (duckdb.OutOfMemoryException, duckdb.IOException):
            what = f"They do not fit into {MEMORY} of memory and the disk space for temporary files."
            fix = "Free some space, or name another folder for temporary files with TMPDIR."
            raise DataError(Problem("the actions log and its enrollment", what, fix)) from None


def _cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Counts:
    """The records of a study's students, as they are stored, cleaned and counted.

    students : student_id, school_id, year and maybe school_name and groups, of an enrollment file
    actions  : student_id, school_id, year, kind and maybe days, date and action_id, of an actions log
    """

    def __init__(self, database: Any):
        self._database = database
        self._columns: dict[str, tuple[str, ...]] = {}
        self._groups: dict[str, str] = {}

    def store(self, table: str, rows: pd.DataFrame, groups: Iterable[str] = ()) -> None:
        """Add rows, all of which have the columns of the first that came; texts are stored as text.

        groups : columns that put students into groups; they may have any names
        """
        self._groups = {column: f"g{number}" for number, column in enumerate(groups)} or self._groups
        rows = rows.rename(columns=self._groups)
        part = pa.Table.from_pandas(rows.astype({"year": "int16"}), preserve_index=False)
        self._database.register("part", part)
        if table not in self._columns:
            self._columns[table] = tuple(rows.columns)
            self._run(f"CREATE TABLE {table} AS SELECT * FROM part LIMIT 0")
        self._run(f"INSERT INTO {table} SELECT * FROM part")
        self._database.unregister("part")

    def has(self, table: str, column: str) -> bool:
        """Say whether the rows that were stored have a column."""
        return column in self._columns[table]

    def enroll(self) -> dict[str, int]:
        """Keep one row per student, school and year; a student with two values of a group has none of it.

        Returns for how many students and school-years each column of groups has two values.
        """
        gs = list(self._groups.values())
        wanted = [
            f"if(min({g}) = max({g}), min({g}), '') AS {g}, min({g}) <> max({g}) AS {g}_two" for g in gs
        ]
        if self.has("students", "school_name"):
            order = ", ".join(f"{g} := {g}" for g in [*gs, "school_name"])
            wanted.append(f"min(struct_pack({order})).school_name AS school_name")
        self._run(
            f"CREATE TABLE enrolled AS SELECT {', '.join([STUDENT, 'count(*) AS rows_n', *wanted])} "
            f"FROM students GROUP BY {STUDENT}"
        )
        self._run("DROP TABLE students")
        return {c: self._number(f"count(*) FILTER ({g}_two)", "enrolled") for c, g in self._groups.items()}

    def act(self) -> int:
        """Count each action once; returns how many rows repeat one.

        With an action_id, rows of one action and kind are one; with a date, rows equal in student, school,
        date, kind and days, in the first of their years. With only a year every row is an action.
        """
        by, days = "student_id, school_id, kind", "NULL::DOUBLE AS days"
        if self.has("actions", "days"):
            by, days = f"{by}, days", "days"
        year, n, again = "year", "count(*)", "rows_n - 1"
        if self.has("actions", "action_id"):
            by, n, again = f"{by}, year, action_id", "if(action_id = '', count(*), 1)", "rows_n - n"
        elif self.has("actions", "date"):
            by, year, n, again = f"{by}, date", "min(year) AS year", "1", "rows_n - n"
        else:
            by = f"{by}, year"
        once = f"SELECT student_id, school_id, {year}, kind, {days}, count(*) AS rows_n, {n} AS n"
        self._run(
            f"CREATE TABLE acted AS SELECT {STUDENT}, kind, days, sum(rows_n)::BIGINT AS rows_n, "
            f"sum(n)::BIGINT AS n FROM ({once} FROM actions GROUP BY {by}) GROUP BY ALL"
        )
        self._run("DROP TABLE actions")
        return self._number(f"coalesce(sum({again}), 0)", "acted")

    def match(self, kinds: Mapping[str, str], *, per_day: float, hours: Mapping[str, float]) -> None:
        """Bring actions to the students enrolled in that school and year.

        kinds : kind of an action: the count it adds to; per_day: school hours of a day; hours: of an action
        by kind, where its row has no days
        """
        names = {"kind": list(kinds), "counts": list(kinds.values()), "told": [hours.get(k) for k in kinds]}
        types = [("kind", pa.string()), ("counts", pa.string()), ("told", pa.float64())]
        self._database.register("kinds", pa.table(names, schema=pa.schema(types)))
        gs = "".join(f", {g}" for g in self._groups.values())
        both = f"SELECT acted.*, enrolled.rows_n IS NOT NULL AS here{gs} FROM acted LEFT JOIN enrolled "
        both += f"USING ({STUDENT})"
        self._run(
            f"CREATE TABLE matched AS SELECT {SCHOOL}{gs}, here, counts, days, sum(n)::BIGINT AS n, "
            f"coalesce(days * {float(per_day)!r}, told) AS hours FROM ({both}) JOIN kinds USING (kind) "
            "GROUP BY ALL"
        )
        removed = "SELECT DISTINCT student_id, school_id, year, 1 AS one FROM acted JOIN kinds USING (kind) "
        removed += "WHERE counts = 'oss_n'"
        name = ", max(school_name) AS school_name" if self.has("students", "school_name") else ""
        self._run(
            f"CREATE TABLE members AS SELECT {SCHOOL}{gs}{name}, count(*) AS n, count(one) AS removed_n, "
            f"sum(rows_n - 1)::BIGINT AS again_n FROM enrolled LEFT JOIN ({removed}) USING ({STUDENT}) "
            "GROUP BY ALL"
        )

    def enrolled(self) -> pd.DataFrame:
        """Give the students who were stored: student_id, school_id, year, and their groups."""
        gs = "".join(f", {g}" for g in self._groups.values())
        told = self._ask(f"SELECT {STUDENT}{gs} FROM enrolled")
        return told.rename(columns={g: column for column, g in self._groups.items()})

    def students(self, group: str | None = None) -> pd.DataFrame:
        """Count students by school and year, and by the values of a column of groups.

        Returns school_id, year, (group,) n, removed_n (suspended out of school at least once) and, without a
        group, again_n (rows that list a student again) and the school_name where there is one.
        """
        whole = ", sum(again_n)::BIGINT AS again_n"
        whole += ", max(school_name) AS school_name" if self.has("students", "school_name") else ""
        sums = f"sum(n)::BIGINT AS n, sum(removed_n)::BIGINT AS removed_n{'' if group else whole}"
        return self._ask(f"SELECT {SCHOOL}{self._group(group)}, {sums} FROM members GROUP BY ALL")

    def actions(self, group: str | None = None) -> pd.DataFrame:
        """Count actions of enrolled students by school, year and count, and by the values of a group column.

        Returns school_id, year, (group,) column, n, days and hours (NaN where one of them is unknown).
        """
        g = self._group(group)
        same = f"SELECT {SCHOOL}{g}, counts, days, hours, sum(n)::BIGINT AS n FROM matched "
        same += "WHERE here GROUP BY ALL"
        total = (
            "CASE WHEN count({0}) = count(*) THEN sum({0} * n ORDER BY {0}, n) ELSE 'nan'::DOUBLE END AS {0}"
        )
        sums = f"sum(n)::BIGINT AS n, {total.format('days')}, {total.format('hours')}"
        grouped = f'{SCHOOL}, "group", counts' if g else f"{SCHOOL}, counts"
        return self._ask(f'SELECT {grouped} AS "column", {sums} FROM ({same}) GROUP BY {grouped}')

    def repeated(self) -> pd.DataFrame:
        """Count the rows that repeat an action: school_id, year, rows_n."""
        return self._ask(
            f"SELECT {SCHOOL}, sum(rows_n - n)::BIGINT AS rows_n FROM acted WHERE rows_n > n GROUP BY ALL"
        )

    def strangers(self) -> pd.DataFrame:
        """Count actions of students not enrolled there: known (elsewhere), school_id, year, rows_n."""
        needed = self._number("count(*) FILTER (NOT here AND n > 0)", "matched") > 0
        known = "student_id IN (SELECT student_id FROM enrolled) AS known"
        return self._ask(
            f"SELECT {known}, {SCHOOL}, sum(n)::BIGINT AS rows_n FROM acted ANTI JOIN enrolled "
            f"USING ({STUDENT}) WHERE {needed} AND n > 0 GROUP BY ALL"
        )

    def _group(self, column: str | None) -> str:
        return f', {self._groups[column]} AS "group"' if column else ""

    def _run(self, sql: str) -> None:
        self._database.execute(sql)

    def _number(self, what: str, table: str) -> int:
        return int(self._database.execute(f"SELECT {what} FROM {table}").fetchall()[0][0])

    def _ask(self, sql: str) -> pd.DataFrame:
        """Give what a query finds, sorted, years as the frames of the tables have them."""
        told = self._database.sql(f"{sql} ORDER BY ALL").to_arrow_table().to_pandas()
        return told.astype({"school_id": "str", "year": float})
