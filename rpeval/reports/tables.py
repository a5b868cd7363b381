"""Tables as printed: a released table, effects side by side, and the index of every number."""

from collections.abc import Sequence

import pandas as pd

from rpeval.findings import Collected, Table
from rpeval.findings.table import YEAR_COLUMNS
from rpeval.reports.blocks import Declared, Number, Run, Runs, TableBlock
from rpeval.reports.wording import Wording, anchor, number_of


def printed(table: Table, *, name: str, hidden_note: str) -> TableBlock:
    """Print a released table as it is; each cell carries "<table>/<row>/<column>".

    name        : "Table 3"
    hidden_note : what to say when rows are hidden, with {n} for how many
    """
    columns = list(table.labels)
    numeric = tuple(_numeric(table.frame[c], c) for c in columns)
    rows = [
        tuple(
            _cell(table, i, c, shown, number) for c, shown, number in zip(columns, row, numeric, strict=True)
        )
        for i, row in enumerate(table.rows())
    ]
    source = f"table:{table.id}"
    return TableBlock(
        table.id, anchor("table", table.id), name, (Declared(table.title, source),),
        tuple(Declared(table.labels[c], source) for c in columns), numeric, tuple(rows),
        note_of(table, hidden_note),
    )  # fmt: skip


def note_of(table: Table, hidden_note: str) -> Runs:
    """Give a table's note and, where rows are hidden, how many."""
    runs: list[Run] = [Declared(table.note.strip(), f"table:{table.id}")] if table.note.strip() else []
    if table.suppressed_n:
        before, _, after = hidden_note.partition("{n}")
        runs += [(" " if runs else "") + before, _hidden_number(table), after]
    return tuple(runs)


def _hidden_number(table: Table) -> Number:
    n = str(table.suppressed_n)
    return Number(f"{table.id}/suppressed_n", n, value=n, label="Rows hidden")


def _numeric(column: pd.Series, name: str) -> bool:
    return pd.api.types.is_numeric_dtype(column) and name not in YEAR_COLUMNS


def _cell(table: Table, row: int, column: str, shown: str, number: bool) -> Run:
    where = f"{table.id}/{row}/{column}"
    value = table.frame[column].iloc[row]
    if not number:
        return Declared(shown, where)
    return Number(where, shown, "cell", "" if pd.isna(value) else f"{value:g}")


def effects(
    wording: Wording, ids: Sequence[str], *, id: str, name: str, caption: Runs, note: Runs, words: dict
) -> TableBlock:
    """Put effects side by side, whatever their direction: outcome, effect, interval, unit, verdict.

    ids   : findings, one row each, in this order
    words : headings effect_of, effect, interval, unit, verdict
    """
    rows = tuple(
        (
            wording.part(i, "label"), wording.part(i, "number"), wording.part(i, "interval"),
            wording.part(i, "unit"), wording.states.get(wording.decision(i), wording.phrases["no_verdict"]),
        )
        for i in ids
    )  # fmt: skip
    headings = tuple(words[w] for w in ("effect_of", "effect", "interval", "unit", "verdict"))
    numeric = (False, True, True, False, False)
    return TableBlock(id, anchor("table", id), name, caption, headings, numeric, rows, note)


def index(found: Collected, *, id: str, name: str, caption: Runs, words: dict) -> TableBlock:
    """List every finding that is a number, or might have been: name, what is printed, where it was made."""
    rows = tuple(
        (
            Declared(f.id, f"id:{f.id}"), number_of(f, "label"), number_of(f, "value"),
            number_of(f, "interval"),
            Declared(" / ".join(x for x in (f.notebook, f.cell) if x), f"source:{f.id}"),
        )
        for f in found.findings.values() if f.kind != "text" or f.value is None
    )  # fmt: skip
    headings = tuple(words[w] for w in ("id", "what", "shown", "interval", "made_in"))
    numeric = (False, False, True, True, False)
    return TableBlock(id, anchor("table", id), name, caption, headings, numeric, rows)
