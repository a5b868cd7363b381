"""Tables as printed: a released table, effects side by side, and the index of every number."""

import re
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from rpeval.findings import Collected, Table
from rpeval.findings.table import YEAR_COLUMNS
from rpeval.reports.blocks import Declared, Mixed, Number, Run, Runs, TableBlock, plain
from rpeval.reports.wording import Wording, anchor, number_of

MOST, EACH_END = 48, 10  # rows of a table that are all printed; of a longer one, how many of each end


def printed(table: Table, *, name: str, phrases: Mapping[str, str]) -> TableBlock:
    """Print a released table as it is; a long one by its ends, which its note says.

    name    : "Table 3"
    phrases : hidden (what to say when rows are hidden, with {n}), capped (when not all rows are printed, with
              {shown}, {n} and {file})
    """
    columns, at = list(table.labels), printed_rows(table)
    numeric = tuple(_numeric(table.frame[c], c) for c in columns)
    texts = table.rows()
    rows = [
        tuple(_cell(table, i, *cell) for cell in zip(columns, texts[i], numeric, strict=True)) for i in at
    ]
    source = f"table:{table.id}"
    return TableBlock(
        table.id, anchor("table", table.id), name, (Declared(table.title, source),),
        tuple(Declared(table.labels[c], source) for c in columns), numeric, tuple(rows),
        note_of(table, phrases, printed_n=len(at)), tuple(f"{table.id}/{i}" for i in at),
    )  # fmt: skip


def printed_rows(table: Table) -> list[int]:
    """Choose the rows to print: all, or of a long table those with the lowest and the highest values.

    >>> long = pd.DataFrame({"value": range(100, 0, -1)})
    >>> printed_rows(Table("a.b", "Long", long, {"value": "Value"}))[:3]
    [99, 98, 97]
    """
    n = len(table.frame)
    if n <= MOST:
        return list(range(n))
    order = list(range(n))
    if "value" in table.labels:
        order = table.frame["value"].reset_index(drop=True).sort_values(kind="stable").dropna().index.tolist()
    return [*order[:EACH_END], *order[-EACH_END:]]


def note_of(table: Table, phrases: Mapping[str, str], *, printed_n: int) -> Runs:
    """Give a table's note and, where rows are hidden or not all are printed, how many."""
    runs: list[Run] = [Declared(table.note.strip(), f"table:{table.id}")] if table.note.strip() else []
    counts = {"n": len(table.frame), "shown": printed_n, "suppressed_n": table.suppressed_n}
    numbers: dict[str, Run] = {key: _count(table, key, n) for key, n in counts.items()}
    if table.suppressed_n:
        runs += [" ", *_filled(phrases["hidden"], {"n": numbers["suppressed_n"]})]
    if printed_n < len(table.frame):
        file = Declared(f"tables/{table.id}.csv", f"table:{table.id}")
        runs += [" ", *_filled(phrases["capped"], numbers | {"file": file})]
    return tuple(runs[1:] if runs[:1] == [" "] else runs)


def _filled(phrase: str, runs: Mapping[str, Run]) -> list[Run]:
    pieces = re.split(r"\{([a-z_]+)\}", phrase)
    return [runs[piece] if i % 2 else piece for i, piece in enumerate(pieces) if piece]


def _count(table: Table, what: str, n: int) -> Number:
    return Number(f"{table.id}/{what}", f"{n:,}", value=str(n), label="Rows")


def _numeric(column: pd.Series, name: str) -> bool:
    return pd.api.types.is_numeric_dtype(column) and name not in YEAR_COLUMNS


def _cell(table: Table, row: int, column: str, shown: str, number: bool) -> Run:
    where = f"{table.id}/{row}/{column}"
    value = table.frame[column].iloc[row]
    if not number:
        return Declared(shown, where)
    return Number(where, shown, "cell", "" if pd.isna(value) else f"{value:g}")


def cells_of(table: Table) -> Callable[[int, str], Run]:
    """Give a function from row and column of a released table to the cell as printed; "" for other columns.

    >>> rates = Table("a.b", "Rates", pd.DataFrame({"rate": [1.25]}), {"rate": "Rate"}, {"rate": 1})
    >>> cells_of(rates)(0, "rate").shown, cells_of(rates)(0, "other")
    ('1.2', '')
    """
    columns, texts = list(table.labels), table.rows()

    def cell(row: int, column: str) -> Run:
        if column not in table.labels:
            return ""
        shown, number = texts[row][columns.index(column)], _numeric(table.frame[column], column)
        return _cell(table, row, column, shown, number)

    return cell


def grid(
    id: str, *, name: str, caption: Runs, headings: Sequence[str], rows: Sequence[Sequence[Runs]], note: Runs
) -> TableBlock:
    """Lay out a table of the text catalog; a column without a letter stands to the right.

    >>> rows = [[("All",), ("1", "/", "2")]]
    >>> made = grid("a.b", name="", caption=("A",), headings=["Who", "Of"], rows=rows, note=())
    >>> made.rows[0], made.numeric
    (('All', Mixed(runs=('1', '/', '2'))), (False, True))
    """
    lettered = [any(re.search(r"[^\W\d_]", plain(row[i])) for row in rows) for i in range(len(headings))]
    cells = tuple(tuple(_one(runs) for runs in row) for row in rows)
    numeric = tuple(i > 0 and not letter for i, letter in enumerate(lettered))
    return TableBlock(id, anchor("table", id), name, caption, tuple(headings), numeric, cells, note)


def _one(runs: Runs) -> Run:
    return runs[0] if len(runs) == 1 else Mixed(runs) if runs else ""


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
    sources = tuple(row[0].text for row in rows)
    return TableBlock(id, anchor("table", id), name, caption, headings, numeric, rows, (), sources)
