"""A random order of adoption that nobody can steer and anybody can check."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.wording import count_of, refuse, some

WHOLE = 2**64


def ticket(words: str, school: str) -> str:
    """Draw a school's lot: the SHA-256 of the announced words and the school's id, joined by a slash.

    An auditor needs no program of ours: `printf '%s' "WORDS/ID" | sha256sum` gives the same.

    >>> ticket("Lottery of 3 May: 4 8 15 16 23 42", "0101")[:12]
    'e01ae33366db'
    """
    return sha256(f"{words}/{school}".encode()).hexdigest()


def list_mark(schools: Iterable[str]) -> str:
    """Give the mark of a list of schools, to be published before the lot is drawn: SHA-256, one id a line.

    The order of the list does not matter.

    >>> list_mark(["b", "a"]) == list_mark(["a", "b"])
    True
    """
    return sha256("\n".join(sorted(schools)).encode()).hexdigest()


def adoption_order(
    schools: Sequence[str], *, words: str, waves: Sequence[int] = (), strata: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Put schools into a random order of adoption, from words that are public and came by chance.

    Use where more schools want the program than can start at once: a fair order is also the best design.
    The ceremony: publish the list of schools (`list_mark`), the strata, the waves and where the words will
    come from, such as the numbers of a state lottery on a later day; then anybody can draw the order alone.
    Each school's lot depends on its own id only, so a school that closes leaves the others where they were.

    schools : ids as text, each once, in any order; words : what the announced event gave
    waves   : how many schools start in each wave, in order; all others are comparison schools
    strata  : a school's level or size class by id: the order then takes every stratum in turn, in proportion
              to its size, from a random beginning, so that each wave resembles the district
    Returns one row per school in order of adoption: place (from 1), school_id, stratum, ticket, wave (from 1;
    missing = comparison). Every school has the same chance of every place.
    Refuses (MethodError) ids that appear twice or are no text, words that are empty, schools without a
    stratum, and more schools in waves than there are.
    Source: systematic sampling (Cochran 1977, Sampling Techniques, ch. 8) for the strata.

    >>> order = adoption_order(["0101", "0102", "0103"], words="4 8 15 16 23 42", waves=[1])
    >>> lots = sorted(["0103", "0102", "0101"], key=lambda s: ticket("4 8 15 16 23 42", s))
    >>> order["school_id"].tolist() == lots, int(order["wave"].notna().sum())
    (True, 1)
    """
    refuse(check_lot(schools, words, waves, strata))
    frame = pd.DataFrame({"school_id": list(schools), "ticket": [ticket(words, s) for s in schools]})
    frame["stratum"] = "" if strata is None else [strata[s] for s in schools]
    frame = frame.sort_values(["stratum", "ticket"], ignore_index=True)
    if strata is not None:
        begin = frame["stratum"].map(lambda name: int(ticket(words, f"stratum/{name}")[:16], 16) / WHOLE)
        by = frame.groupby("stratum")["ticket"]
        frame["turn"] = (by.cumcount() + begin) / by.transform("size")
        frame = frame.sort_values(["turn", "ticket"], ignore_index=True)
    started = [number for number, size in enumerate(waves, start=1) for _ in range(size)]
    wave = pd.array([*started, *[None] * (len(frame) - len(started))], dtype="Int64")
    frame = frame.assign(place=range(1, len(frame) + 1), wave=wave)
    return frame[["place", "school_id", "stratum", "ticket", "wave"]]


def size_classes(panel: pd.DataFrame) -> dict:
    """Sort schools into small, middle and large by their mean enrollment, as strata of an order.

    Equal thirds as far as they go; ties fall by id. Returns the class by school id.

    >>> size_classes(pd.DataFrame({"school_id": ["a", "b", "c"], "enrolled_n": [900, 200, 500]}))
    {'b': '1 small', 'c': '2 middle', 'a': '3 large'}
    """
    mean = panel.groupby("school_id")["enrolled_n"].mean().sort_index().sort_values(kind="stable")
    names = ("1 small", "2 middle", "3 large")
    return {school: names[3 * place // len(mean)] for place, school in enumerate(mean.index)}


def check_lot(
    schools: Sequence[str], words: str, waves: Sequence[int], strata: Mapping[str, str] | None
) -> list[Problem]:
    """Look for a lot that could not be drawn, or not be checked."""
    problems = []
    if not words.strip():
        problems.append(Problem("plan: lottery", "There are no words to draw from.", "Write what was drawn."))
    no_text = [school for school in schools if not isinstance(school, str)]
    if no_text:
        what = f"{count_of(len(no_text), 'school id')} not written as text: {some(no_text)}."
        problems.append(Problem("schools", what, "Write ids as text, with their zeros at the front."))
    twice = sorted({str(school) for school in schools if list(schools).count(school) > 1})
    if twice:
        problems.append(Problem("schools", f"Listed twice: {some(twice)}.", "Keep each school once."))
    if sum(waves) > len(schools) or any(size < 1 for size in waves):
        what = f"Waves of {some(waves)} schools cannot be dealt to {count_of(len(schools), 'school')}."
        problems.append(Problem("plan: waves", what, "Plan waves of at least one school, within the list."))
    lost = [] if strata is None else [school for school in schools if school not in strata]
    if lost:
        what = f"{count_of(len(lost), 'school')} without a stratum: {some(lost)}."
        problems.append(Problem("strata", what, "Give every school a stratum."))
    return problems
