"""Survey answers: from the texts of a file to codes of an instrument, wide, once for each respondent."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.schema.instruments import Instrument
from rpeval.inputs.tables.cells import NUMBER, read_cells, read_number
from rpeval.inputs.words import FEW, counted, list_words, quote

UNANSWERED = {"", "*", "--", ".", "na", "n/a", "nan", "null", "none"}
MOSTLY = 0.5  # beyond this share of answers off the scale, the file is read in the wrong way
LONG = 25  # a longer text that stands once may be a student's own words, and is not quoted
CODED = (
    re.compile(r"\(?(?P<code>[0-9]+)\)?[ .:=–-]+(?P<label>.+)"),
    re.compile(r"(?P<label>.+?) ?\((?P<code>[0-9]+)\)"),
)
APOSTROPHES = str.maketrans("‘’ʼ´`", "'''''")


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
    texts: pd.DataFrame,
    instrument: Instrument,
    *,
    labels: Mapping[str, str] | None,
    missing: Collection[str],
    ledger: Ledger,
) -> tuple[pd.DataFrame, int]:
    """Turn the texts of the item columns into codes; what is off the scale becomes unknown, and is counted.

    labels  : none where the texts are codes; else they are labels of the categories, compared without case
              and extra spaces, with or without their code ("4 - Agree", "Agree (4)"), and this says what
              other texts mean: text → category
    missing : further texts that mean unanswered
    Returns floats, NaN = unanswered or unknown, and how many answers were off the scale. A file of which most
    answers are off the scale is a problem.
    """
    read = _reader(instrument, labels, UNANSWERED | {text.strip().casefold() for text in missing})
    answers = {item: read_cells(texts[item], read) for item in instrument.item_ids}
    off = {item: texts.loc[read.bad, item] for item, read in answers.items() if read.bad.any()}
    codes = pd.DataFrame({item: read.values for item, read in answers.items()}, index=texts.index)
    if off:
        _tell_off_scale(off, int(codes.count().sum()), instrument, labels is not None, ledger)
    return codes, sum(map(len, off.values()))


def _reader(
    instrument: Instrument, labels: Mapping[str, str] | None, silent: Collection[str]
) -> Callable[[str], float]:
    """Give the function that reads one answer: its code, NaN for no answer, ValueError off the scale."""
    known = {plain(label): instrument.min + k for k, label in enumerate(instrument.categories)}
    known |= {plain(text): known[plain(of)] for text, of in (labels or {}).items() if plain(of) in known}

    def read(text: str) -> float:
        if text.strip().casefold() in silent:
            return np.nan
        code = read_number(text) if labels is None else _labeled(plain(text), known)
        if not (instrument.min <= code <= instrument.max and code == int(code)):
            raise ValueError(text)
        return code

    return read


def plain(text: str) -> str:
    """Compare labels without case, extra spaces, kinds of apostrophe and a period at the end.

    >>> plain(" Don’t  KNOW. ")
    "don't know"
    """
    whole = unicodedata.normalize("NFKC", text).translate(APOSTROPHES)
    return " ".join(whole.split()).casefold().rstrip(".")


def _labeled(label: str, known: Mapping[str, int]) -> float:
    """Give the code of a label, which may stand with it; infinity for an unknown one."""
    found = [match for pattern in CODED if (match := pattern.fullmatch(label))]
    coded = [known[of["label"]] for of in found if known.get(of["label"]) == int(of["code"])]
    return known.get(label, coded[0] if coded else np.inf)


def _tell_off_scale(
    off: dict[str, pd.Series], on_n: int, instrument: Instrument, labels: bool, ledger: Ledger
) -> None:
    """Say how many answers are not on the scale, by item."""
    every = pd.concat(list(off.values()))
    by_item = list_words(f"{item} {len(texts)}" for item, texts in off.items())
    scale = list_words(instrument.categories) if labels else f"{instrument.min} to {instrument.max}"
    told = f"{counted(len(every), 'answer', 'is', 'are')} not on the scale ({scale}) and left as unanswered"
    wrong_way = len(every) / (len(every) + on_n) > MOSTLY
    mend = "Say under `labels` which category each is" if labels else "Correct them"
    fix = f"{mend}, or name those that mean no answer under `missing`."
    fix = _other_way(every, labels) if wrong_way else fix
    ledger.say(f"{told}: {most_common(every)}. By item: {by_item}.", fix, stops=wrong_way)


def _other_way(texts: pd.Series, labels: bool) -> str:
    """Say how a file may be meant that is read in the wrong way."""
    instrument = "or name the instrument that the file follows."
    if not labels:
        return f"Say `answers: labels` in sources.survey, {instrument}"
    if texts.str.fullmatch(NUMBER).mean() > MOSTLY:
        return f"Say `answers: codes` in sources.survey, {instrument}"
    return f"Say under `labels` in sources.survey which category each text is, {instrument}"


def most_common(texts: pd.Series) -> str:
    """Show the five commonest texts and how often each stands; long ones that stand once are only counted.

    >>> most_common(pd.Series(["9", "x", "9", "A student's own words, about a teacher"]))
    '"9" (2), "x" (1), longer texts that stand once (1)'
    """
    counts = texts.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    own = (counts == 1) & (counts.index.str.len() > LONG)
    shown = [f"{quote(text)} ({n:,})" for text, n in counts[~own].head(FEW).items()]
    return list_words([*shown, *([f"longer texts that stand once ({own.sum():,})"] if own.any() else [])])


def once_each(frame: pd.DataFrame, items: Sequence[str], ledger: Ledger) -> pd.DataFrame:
    """Keep one row of each respondent in a wave: the first complete one, else the one with most answers."""
    answered = frame[list(items)].notna().sum(axis=1)
    order = answered.sort_values(ascending=False, kind="stable").index
    keep = frame.loc[order].drop_duplicates(["respondent_id", "year"]).index
    again = len(frame) - len(keep)
    if again:
        told = counted(again, "row", "comes", "come")
        what = f"{told} from a respondent who had answered in the same wave; the first complete row counts."
        schools = frame.groupby(["respondent_id", "year"])["school_id"].transform("nunique")
        if away := int((schools > 1).sum()):
            what += f" {counted(away, 'row', 'has', 'have')} an id that stands in several schools."
        ledger.warn(what, "Check that the ids belong to persons, not to classes, devices or single schools.")
    return ledger.keep(frame, frame.index.isin(keep), "Same respondent answered again in the wave")
