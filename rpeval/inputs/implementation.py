"""What was done of the program and what it took: the logs of a study, read, checked and counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.accounting import Accounting, Attempts, Ledger
from rpeval.inputs.kept import kept
from rpeval.inputs.panel import Panel
from rpeval.inputs.program.access import read_access
from rpeval.inputs.program.counts import read_costs, read_sections, read_staffing, read_summer
from rpeval.inputs.program.events import read_practices, read_training
from rpeval.inputs.program.fidelity import read_fidelity
from rpeval.inputs.schema.program import (
    FidelityInstrument,
    Practice,
    read_fidelity_instrument,
    read_practice_catalog,
)

LOGS = ("practices", "training", "fidelity", "staffing", "sections", "summer", "costs")


@dataclass(frozen=True, slots=True, eq=False)
class Implementation:
    """The program as it was carried out. Every log is a frame, or None where the study names no file.

    Frames begin with school_id, school_name, year (start of the school year), start_year and arm where known,
    and hold the panel's school-years only; training and costs keep every year, costs and summer no arm.

    practices : day (counted from January 1, 1970), practice, tier, events_n, minutes, students_n and staff_n
                of each event, incident_id, voluntary, agreement, completed ("yes", "no" or "" = not told)
    training  : staff (a running number), hired_day, left_day (NaN = employed), course, hours, day; a row per
                person and course
    roster    : whether the training log lists staff without any training too
    fidelity  : day, indicator, rater, score, share (0 to 1); instrument : what it was rated with
    staffing  : role (all_staff, coordinator, …), fte, staff_n, funding
    sections  : classes_n, sections_n, students_n, planned_n
    summer    : site, school_id, school_name, year (that begins after the summer), restorative, sums
    costs     : year, ingredient, category, quantity, unit_price, unit, cost (dollars of price_year), funding,
                phase, perspective, life_years
    access    : group, eligible_n, answered_n: incidents of students of the group, and those answered
                restoratively; None without logs that tell it
    catalog   : the practices that a log can name
    unseen    : the logs that the study does not have
    accounting: where every row went, by log
    """

    practices: pd.DataFrame | None = None
    training: pd.DataFrame | None = None
    fidelity: pd.DataFrame | None = None
    staffing: pd.DataFrame | None = None
    sections: pd.DataFrame | None = None
    summer: pd.DataFrame | None = None
    costs: pd.DataFrame | None = None
    access: pd.DataFrame | None = None
    roster: bool = False
    instrument: FidelityInstrument | None = None
    catalog: Mapping[str, Practice] = field(default_factory=dict)
    unseen: tuple[str, ...] = LOGS
    accounting: Mapping[str, Accounting] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()


def read_implementation(params: Any, panel: Panel) -> Implementation:
    """Read every log of the program that a study names.

    Use it first in a notebook on implementation. params: the study's Params; panel: its panel, as read.
    Refuses (DataError, every problem at once): files that cannot be read, columns that name persons, days
    that no calendar has, amounts below zero, rows that contradict each other, costs without a price year.
    What a study does not name is None and listed in `unseen`, never guessed.

    >>> from rpeval.inputs.panel import read_panel
    >>> from rpeval.inputs.params import read_params
    >>> prairie = read_params("params/prairie.yml")
    >>> told = read_implementation(prairie, read_panel(prairie))
    >>> told.fidelity is None, told.unseen
    (True, ('fidelity', 'staffing', 'sections', 'summer'))
    """
    implementation, problems = gather_implementation(params, panel)
    if implementation is None:
        raise DataError([problem for problem in problems if problem.stops])
    return implementation


@kept
def gather_implementation(params: Any, panel: Panel) -> tuple[Implementation | None, list[Problem]]:
    """Read like `read_implementation`, but return every problem and warning instead of stopping."""
    told, named = Attempts(), [name for name in LOGS if getattr(params.sources, name) is not None]
    catalog = (told.attempt(read_practice_catalog, params.root) if named else None) or {}
    instrument = None
    if "fidelity" in named:
        rated = params.sources.fidelity.instrument
        instrument = told.attempt(read_fidelity_instrument, rated, params.root)
    frames, books, roster = {}, {}, False
    for name in named:
        read = told.attempt(_read, name, params, panel.frame, catalog, instrument)
        if read is not None:
            frames[name], *rest, books[name] = read
            roster = rest[0] if rest else roster
    problems = [*told.problems, *(p for ledger in books.values() for p in ledger.problems)]
    if any(problem.stops for problem in problems):
        return None, problems
    access = told.attempt(read_access, params, panel.frame, frames.get("practices"))
    return Implementation(
        **frames,
        access=access,
        roster=roster,
        instrument=instrument,
        catalog=catalog,
        unseen=tuple(name for name in LOGS if name not in named),
        accounting={name: ledger.close(len(frames[name])) for name, ledger in books.items()},
        warnings=tuple(problems),
    ), problems


def _read(
    name: str,
    params: Any,
    schools: pd.DataFrame,
    catalog: Mapping[str, Practice],
    instrument: FidelityInstrument | None,
) -> tuple[pd.DataFrame, bool, Ledger] | tuple[pd.DataFrame, Ledger] | None:
    """Read one log; None where what it needs could not be read, which is told already."""
    if name == "practices":
        return read_practices(params, schools, catalog) if catalog else None
    if name == "fidelity":
        return read_fidelity(params, schools, instrument) if instrument else None
    if name == "costs":
        return read_costs(params)
    plain = {
        "training": read_training,
        "staffing": read_staffing,
        "sections": read_sections,
        "summer": read_summer,
    }
    return plain[name](params, schools)
