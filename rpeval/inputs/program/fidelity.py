"""Ratings of how well schools do what was planned, read with the instrument that they were made with."""

from typing import Any

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.program.reading import (
    fill,
    in_columns,
    keep_words,
    nothing_left,
    of_the_panel,
    once,
    open_log,
)
from rpeval.inputs.schema.program import FidelityInstrument
from rpeval.inputs.schools.checks import SCHOOL_YEAR
from rpeval.inputs.schools.incidents import add_days
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.words import counted

RATED = ["day", "indicator", "rater", "score", "share"]


def read_fidelity(
    params: Any, schools: pd.DataFrame, instrument: FidelityInstrument
) -> tuple[pd.DataFrame, Ledger]:
    """Read the ratings, one row per school, indicator, rater and day.

    Returns school_id, school_name, year, start_year and arm where known, and RATED, sorted (share = the score
    between the instrument's lowest, 0, and highest, 1); and the books. Indicators that the instrument does
    not have, scores off its range and rows without a score leave, counted and told.
    """
    frame, ledger, _ = open_log(params, "fidelity", needed=("school_id", "date", "indicator", "score"))
    frame = add_days(fill(frame, ("rater",), ()), ledger)
    frame = keep_words(frame, "indicator", [told.id for told in instrument.indicators], ledger)
    frame = of_the_panel(limit(frame, params, ledger), schools, ledger).astype({"day": int})
    frame = ledger.keep(frame, frame["score"].notna(), "No score")
    low, high = instrument.min, instrument.max
    on = frame["score"].between(low, high)
    if not on.all():
        what = f"{counted((~on).sum(), 'score', 'is', 'are')} not from {low} to {high}."
        ledger.warn(what, "They are left out; check the instrument's range.", where="score")
    frame = ledger.keep(frame, on, "Score off the instrument's range")
    nothing_left(frame, ledger)
    frame = once(frame, [*SCHOOL_YEAR, "indicator", "rater", "day"], ledger, "rating")
    return in_columns(frame.assign(share=(frame["score"] - low) / (high - low)), RATED), ledger
