"""Rates per 100 students from counts, and counts from rates where only those are given."""

import numpy as np
import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.fields import COUNTS, ENROLLED, RATES, REMOVALS, counted, rate_of, words_of
from rpeval.inputs.words import list_words

REMOVED_BY = ("oss_n", "iss_n", "expelled_n")
DISAGREE = 0.1


def derive_counts(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Rebuild counts where a file gives only rates: rate × enrollment / 100, rounded.

    Rates that stand beside counts are checked against them (a warning beyond 0.1 per 100) and then computed
    anew from the counts.
    """
    frame = frame.copy()
    rebuilt = []
    for rate, count in RATES.items():
        if rate not in frame:
            continue
        from_rate = (frame[rate] * frame[ENROLLED] / 100).round()
        if count not in frame:
            frame[count] = from_rate
            rebuilt.append(words_of(count))
        else:
            apart = (
                100 * frame[count] / frame[ENROLLED].where(frame[ENROLLED] > 0) - frame[rate]
            ).abs() > DISAGREE
            if apart.any():
                told = counted(apart.sum(), "rate", "differs", "differ")
                what = f"{told} from 100 × {count} / {ENROLLED} by more than {DISAGREE}."
                ledger.say(what, "The counts are used; check what the rate counts.", stops=False, where=rate)
    if rebuilt:
        what = f"The file gives rates only; counts are rebuilt by rounding: {list_words(rebuilt)}."
        ledger.say(what, "Use a file with counts where there is one.", stops=False)
    return frame.drop(columns=[rate for rate in RATES if rate in frame])


def add_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the rate per 100 students of every count, and removals_per_100.

    frame : enrolled_n and counts; a rate is unknown where its count or the enrollment is unknown or zero
    Returns the frame with <x>_per_100 for each count. Removals are out-of-school and in-school suspensions,
    both of which must be there, and, where counted, expulsions.

    >>> add_rates(pd.DataFrame({"enrolled_n": [200.0], "oss_n": [5.0], "iss_n": [3.0]})).iloc[0].tolist()
    [200.0, 5.0, 3.0, 2.5, 1.5, 4.0]
    """
    enrolled = frame[ENROLLED].where(frame[ENROLLED] > 0)
    rates = {rate_of(count): 100 * frame[count] / enrolled for count in COUNTS if count in frame}
    frame = frame.assign(**rates)
    if {"oss_n", "iss_n"} <= set(frame.columns):
        removed = np.add.reduce([frame[count] for count in REMOVED_BY if count in frame])
        frame[REMOVALS] = 100 * removed / enrolled
    return frame
