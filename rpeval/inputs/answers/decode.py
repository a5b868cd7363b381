"""Survey answers: from the texts of a file to codes of an instrument, wide, once for each respondent."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schema.instruments import Instrument
from rpeval.inputs.tables.cells import read_cells, read_number
from rpeval.inputs.words import FEW, counted, list_words, quote

UNANSWERED = {"", "*", "--", ".", "na", "n/a", "nan", "null", "none"}
MOSTLY = 0.5  # beyond this share of answers off the scale, the file is read in the wrong way


def widen(rows: pd.DataFrame, items: Sequence[str], ledger: Ledger) -> pd.DataFrame:
    """Give each respondent one row: from one row per answer (item, answer) to one column per item.

    rows : respondent_id, school_id, year, item (instrument's id), answer (text), and what else describes the
           respondent, taken from the first row
    Someone who handed in twice has each item twice: the second answers make a second row. Every row of the
    file but the first of a respondent is counted as joined.
    """
    rows = ledger.keep(rows, rows["item"].isin(items), "Question is not of this scale")
    keys = ["respondent_id", "school_id", "year"]
    rows = rows.assign(occasion=rows.groupby([*keys, "item"], dropna=False).cumcount())
    keys = [*keys, "occasion"]
    ledger.fold(rows, keys, "Answer joined to the others of its respondent")
    wide = rows.pivot(index=keys, columns="item", values="answer").reindex(columns=list(items)).fillna("")
    first = rows.drop_duplicates(keys).drop(columns=["item", "answer"])
    return first.join(wide, on=keys).drop(columns="occasion")


def decode(
    texts: pd.DataFrame, instrument: Instrument, *, labels: bool, missing: Collection[str], ledger: Ledger
) -> pd.DataFrame:
    """Turn the texts of the item columns into codes; what is off the scale becomes unknown, and is counted.

    labels  : the texts are category labels (compared without case and extra spaces), not codes
    missing : further texts that mean unanswered
    Returns floats, NaN = unanswered or unknown. A file of which most answers are off the scale is a problem.
    """
    silent = UNANSWERED | {text.strip().casefold() for text in missing}
    known = {_plain(label): instrument.min + k for k, label in enumerate(instrument.categories)}

    def read(text: str) -> float:
        if text.strip().casefold() in silent:
            return np.nan
        code = known.get(_plain(text), np.inf) if labels else read_number(text)
        if not (instrument.min <= code <= instrument.max and code == int(code)):
            raise ValueError(text)
        return code

    answers = {item: read_cells(texts[item], read) for item in instrument.item_ids}
    off = {item: texts.loc[read.bad, item] for item, read in answers.items() if read.bad.any()}
    codes = pd.DataFrame({item: read.values for item, read in answers.items()}, index=texts.index)
    if off:
        _tell_off_scale(off, int(codes.count().sum()), instrument, labels, ledger)
    return codes


def _plain(text: str) -> str:
    """Compare labels without case, extra spaces and a period at the end."""
    return " ".join(text.split()).casefold().rstrip(".")


def _tell_off_scale(
    off: dict[str, pd.Series], on_n: int, instrument: Instrument, labels: bool, ledger: Ledger
) -> None:
    """Say how many answers are not on the scale, by item."""
    every = pd.concat(list(off.values()))
    by_item = list_words(f"{item} {len(texts)}" for item, texts in off.items())
    scale = list_words(instrument.categories) if labels else f"{instrument.min} to {instrument.max}"
    told = f"{counted(len(every), 'answer', 'is', 'are')} not on the scale ({scale}) and left as unanswered"
    fix = "Correct them, or name those that mean no answer under `missing`."
    wrong_way = len(every) / (len(every) + on_n) > MOSTLY
    if wrong_way:
        other = "codes" if labels else "labels"
        fix = f"Say `answers: {other}` in sources.survey, or name the instrument that the file follows."
    ledger.say(f"{told}: {most_common(every)}. By item: {by_item}.", fix, stops=wrong_way)


def most_common(texts: pd.Series) -> str:
    """Show the five commonest texts and how often each stands.

    >>> most_common(pd.Series(["9", "x", "9"]))
    '"9" (2), "x" (1)'
    """
    counts = texts.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return list_words(f"{quote(text)} ({n:,})" for text, n in counts.head(FEW).items())


def once_each(frame: pd.DataFrame, items: Sequence[str], ledger: Ledger) -> pd.DataFrame:
    """Keep one row of each respondent in a wave: the first complete one, else the one with most answers."""
    answered = frame[list(items)].notna().sum(axis=1)
    order = answered.sort_values(ascending=False, kind="stable").index
    keep = frame.loc[order].drop_duplicates(["respondent_id", "year"]).index
    again = len(frame) - len(keep)
    if again:
        told = counted(again, "row", "comes", "come")
        what = f"{told} from a respondent who had answered in the same wave; the first complete row counts."
        ledger.warn(what, "Check that the ids belong to persons, not to classes or devices.")
    return ledger.keep(frame, frame.index.isin(keep), "Same respondent answered again in the wave")


def tell_straight_lines(codes: pd.DataFrame, ledger: Ledger) -> None:
    """Say how many respondents gave one and the same answer to every item, as it stands in the file."""
    same = codes.notna().all(axis=1) & (codes.max(axis=1) == codes.min(axis=1))
    if codes.shape[1] >= 3 and same.any():
        told = f"{counted(int(same.sum()), 'respondent')} ({100 * same.mean():.1f} %)"
        what = f"{told} gave the same answer to all {codes.shape[1]} items; they are kept."
        ledger.warn(what, "Look at the effect without them, where items point both ways.")
