"""Qualtrics exports: their further heading rows, and which of their rows are no response."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.answers.decode import most_common
from rpeval.inputs.tables.files import TextTable, read_table
from rpeval.inputs.words import counted

ID, OLD_ID = "ResponseId", "ResponseID"
FIELDS = {
    "qualtrics.status": "Status",
    "qualtrics.channel": "DistributionChannel",
    "qualtrics.finished": "Finished",
}
RESPONSE_ID = re.compile(r"[A-Z]+_\w+")
IMPORT_ID = re.compile(r"\{\s*[\"']ImportId[\"'].*", re.DOTALL)
OLD_NAMES = tuple(f"V{number}" for number in range(1, 41))  # what the legacy export calls its own columns
PREVIEW, TEST, SPAM = 1, 2, 8  # bits of a numeric status
HEADING_ROWS = 3


def read_export(path: Path, *, only: Collection[str], **how: Any) -> TextTable:
    """Read a Qualtrics export as text, without the heading rows below the first.

    only : read these columns and no others; the legacy export's own columns go by the names in its second row
    how  : as `read_table` takes it
    Refuses (DataError) what `read_table` refuses, and a file that does not look like an export.
    """
    table = read_table(path, only={*only, ID, OLD_ID, *OLD_NAMES}, **how)
    frame, headings = table.frame, table.headings
    names = {}
    if headings[0] == OLD_NAMES[0] and frame["V1"].iloc[0] == OLD_ID:
        names = {old: frame[old].iloc[0] for old in OLD_NAMES if old in frame}
    if ID in only and ID not in headings:
        names = {old: ID if name == OLD_ID else name for old, name in ({OLD_ID: OLD_ID} | names).items()}
    frame = frame.rename(columns=names)
    skip = _heading_rows(frame, table.label)
    kept = [column for column in frame if column in only]
    return TextTable(frame[kept].iloc[skip:], tuple(names.get(h, h) for h in headings), table.label)


def _heading_rows(frame: pd.DataFrame, label: str) -> int:
    """Count the rows above the first response: up to that of import ids, else those without a response id."""
    top = frame.head(HEADING_ROWS).to_numpy(dtype=object).tolist()
    marked = [n for n, row in enumerate(top, start=1) if any(map(IMPORT_ID.fullmatch, row))]
    if marked:
        return marked[-1]
    ids = next((frame[name] for name in (ID, OLD_ID) if name in frame), pd.Series(dtype="str"))
    responses = [n for n, text in enumerate(ids.head(HEADING_ROWS)) if RESPONSE_ID.fullmatch(text)]
    if not responses:
        what = "This does not look like a Qualtrics export: it has no row of import ids, and no response ids."
        raise DataError(Problem(label, what, "Export it again as CSV, or say `shape: wide`."))
    return responses[0]


def keep_responses(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Keep what students finished: previews, tests and unfinished responses leave, counted.

    frame : text, with the columns FIELDS where the export has them
    Responses that Qualtrics takes for spam stay and are told: many students may share a device.
    """
    if absent := [column for field, column in FIELDS.items() if field not in frame]:
        what = f"The export has no column {' and no column '.join(absent)}."
        ledger.warn(what, "Export all of its fields, so that previews and unfinished responses can be seen.")
    told = {field: frame.get(field, pd.Series("", index=frame.index)).str.casefold() for field in FIELDS}
    status, channel, finished = told.values()
    kinds = {
        bit: _is(status, bit, word) for bit, word in ((PREVIEW, "preview"), (TEST, "test"), (SPAM, "spam"))
    }
    preview, test = kinds[PREVIEW] | (channel == "preview"), kinds[TEST] | (channel == "test")
    _tell_spam(kinds[SPAM] & ~preview & ~test, ledger)
    _tell_unknown(finished, ledger)
    reason = pd.Series("Preview of the survey, no response", index=frame.index)
    reason = reason.mask(test & ~preview, "Test of the survey, no response")
    reason = reason.mask(~(preview | test), "Response not finished")
    keep = ~(preview | test | finished.isin(["0", "false", "no"]))
    ledger.keep(frame.assign(year=np.nan), keep, reason)  # no year was read yet
    return frame[keep]


def _is(status: pd.Series, bit: int, word: str) -> pd.Series:
    """Tell which statuses say a thing, as a number made of bits or in words."""
    number = pd.to_numeric(status, errors="coerce").fillna(0).astype(int)
    return ((number & bit) > 0) | status.str.contains(word, regex=False)


def _tell_spam(spam: pd.Series, ledger: Ledger) -> None:
    if spam.any():
        told = counted(int(spam.sum()), "response", "is", "are")
        what = f"{told} marked as spam and kept: students who share a device look the same."
        ledger.warn(what, "Look at them in Qualtrics, and delete there what is none.")


def _tell_unknown(finished: pd.Series, ledger: Ledger) -> None:
    """Say which words for finished were not understood; such responses stay."""
    unknown = ~finished.isin(["", "0", "1", "false", "true", "no", "yes"])
    if unknown.any():
        what = (
            f"It is not clear whether these mean finished: {most_common(finished[unknown])}; they are kept."
        )
        ledger.warn(what, "Export the file in English, or with numeric values.", where="Finished")
