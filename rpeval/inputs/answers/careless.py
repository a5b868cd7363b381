"""Answers that can hardly be meant: one answer to every item; and how many answers a scale lost, and why."""

from collections.abc import Sequence

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schema.instruments import Instrument
from rpeval.inputs.words import counted, quote

FEWEST = 4  # items; three answers are too often equal by chance


def straight_lines(frame: pd.DataFrame, instrument: Instrument) -> pd.Series:
    """Say who gave one and the same answer to every item, as the file has it, of four items or more."""
    codes = frame[instrument.item_ids]
    same = codes.notna().all(axis=1) & (codes.max(axis=1) == codes.min(axis=1))
    return same & (codes.shape[1] >= FEWEST)


def mark_straight_lines(
    frame: pd.DataFrame, scales: Sequence[Instrument], ledger: Ledger, *, drop: bool
) -> pd.DataFrame:
    """Add straight_line: True where one answer fills a scale whose items point both ways.

    Where all items point one way the same answer may be meant, so it is told but not marked.
    drop : leave the marked rows out, counted
    """
    marked = pd.Series(False, index=frame.index)
    for scale in scales:
        same = straight_lines(frame, scale)
        marked |= same & scale.both_ways
        if same.any():
            _tell(same, scale, ledger, drop=drop)
    frame = frame.assign(straight_line=marked)
    if drop:
        frame = ledger.keep(frame, ~marked, "One answer to every item of a scale that points both ways")
    return frame


def _tell(same: pd.Series, scale: Instrument, ledger: Ledger, *, drop: bool) -> None:
    told = f"{counted(int(same.sum()), 'respondent')} ({100 * same.mean():.1f} %)"
    told += f" gave the same answer to all {len(scale.items)} items of {quote(scale.id)}"
    if not scale.both_ways:
        what = f"{told}, which all point one way, so it may be meant; they are kept."
        ledger.warn(what, "Ask some items the other way round, to see who does not read.")
    elif drop:
        ledger.warn(
            f"{told}, although they point both ways; they leave.", "Look at the effect with them too."
        )
    else:
        what = f"{told}, although they point both ways; they are kept."
        ledger.warn(what, "Look at the effect without them (drop_straight_lines: true).")


def count_flags(frame: pd.DataFrame, scales: Sequence[Instrument], off: Sequence[int]) -> pd.DataFrame:
    """Count what is wrong with the answers to each scale.

    frame : the rows that are used; off: answers off each scale in the rows that could be read
    Returns scale (the instrument's id), flag, n, of_n. Questions without an answer are counted among
    respondents who answered at least one of the scale.
    """
    rows = []
    for scale, off_n in zip(scales, off, strict=True):
        codes = frame[scale.item_ids]
        codes = codes[codes.notna().any(axis=1)]
        given = int(codes.count().sum())
        same = int(straight_lines(frame, scale).sum())
        rows += [
            (scale.id, "Answers that are not on the scale", off_n, given + off_n),
            (scale.id, "Questions without an answer on the scale", codes.size - given, codes.size),
            (scale.id, "Respondents with one answer to every item", same, len(codes)),
        ]
    return pd.DataFrame(rows, columns=["scale", "flag", "n", "of_n"])
