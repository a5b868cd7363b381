"""Tables of the program by school and year: staff, sections, summers; and its costs, by ingredient."""

from typing import Any

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.program.reading import (
    check_amounts,
    fill,
    in_columns,
    keep_words,
    must_be,
    nothing_left,
    of_the_panel,
    once,
    open_log,
    read_yes,
)
from rpeval.inputs.schools.checks import SCHOOL_YEAR
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.words import counted, some
from rpeval.inputs.years import show_year

STAFFING = ("fte", "staff_n")
SECTIONS = ("classes_n", "sections_n", "students_n", "planned_n")
SUMMER = (
    "enrolled_n", "attended_days", "possible_days", "incidents_n", "fall_attended_days", "fall_possible_days",
    "fall_incidents_n",
)  # fmt: skip
PHASES, PERSPECTIVES = ("startup", "recurring"), ("district", "societal")
COSTS = ["year", "ingredient", "category", "quantity", "unit_price", "unit", "cost", "funding", "phase",
         "perspective", "life_years"]  # fmt: skip


def read_staffing(params: Any, schools: pd.DataFrame) -> tuple[pd.DataFrame, Ledger]:
    """Read who works where: school_id, year, role, fte, staff_n, funding; and the books."""
    frame, ledger, _ = open_log(params, "staffing", needed=("school_id", "year", "role"))
    frame = fill(frame, ("funding",), STAFFING)
    frame = _school_years(frame, params, schools, ledger, amounts=STAFFING)
    frame = ledger.keep(frame, frame["role"] != "", "No role")
    keys = [*SCHOOL_YEAR, "role", "funding"]
    frame = once(frame, keys, ledger, "role")
    return in_columns(frame, ["role", *STAFFING, "funding"]), ledger


def read_sections(params: Any, schools: pd.DataFrame) -> tuple[pd.DataFrame, Ledger]:
    """Read classes and sections: school_id, year and SECTIONS; and the books."""
    frame, ledger, _ = open_log(params, "sections", needed=("school_id", "year"))
    frame = _school_years(fill(frame, (), SECTIONS), params, schools, ledger, amounts=SECTIONS)
    return in_columns(once(frame, SCHOOL_YEAR, ledger, "school-year"), list(SECTIONS)), ledger


def _school_years(
    frame: pd.DataFrame, params: Any, schools: pd.DataFrame, ledger: Ledger, *, amounts: tuple[str, ...]
) -> pd.DataFrame:
    frame = of_the_panel(limit(frame, params, ledger), schools, ledger)
    nothing_left(frame, ledger)
    check_amounts(frame, amounts, ledger)
    return frame


def read_summer(params: Any, schools: pd.DataFrame) -> tuple[pd.DataFrame, Ledger]:
    """Read the summer programs by site, year and, where told, the school that students come from.

    Returns site, school_id ("" where it is not told), school_name, year (the school year that begins after
    the summer), restorative (True or False) and SUMMER; and the books. Other schools than the panel's leave.
    """
    needed = ("site", "year", "restorative", "enrolled_n")
    frame, ledger, _ = open_log(params, "summer", needed=needed, district=True)
    frame = ledger.keep(fill(frame, (), SUMMER), frame["site"] != "", "No site")
    frame = limit(frame, params, ledger).astype({"year": int})
    known = frame["school_id"].isin({"", *schools["school_id"]})
    frame = ledger.keep(frame, known, "School is not in the panel")
    frame = frame.assign(restorative=read_yes(frame["restorative"], ledger, "restorative"))
    frame = keep_words(frame, "restorative", ("yes", "no"), ledger)
    nothing_left(frame, ledger)
    check_amounts(frame, SUMMER, ledger)
    for attended, possible in (
        ("attended_days", "possible_days"),
        ("fall_attended_days", "fall_possible_days"),
    ):
        if n := int((frame[attended] > frame[possible]).sum()):
            what = f"{counted(n, 'row', 'has', 'have')} more days attended than were possible."
            ledger.say(what, "Check what the two columns count.", where=attended)
    frame = once(frame, ["site", *SCHOOL_YEAR], ledger, "site")
    names = schools.drop_duplicates("school_id").set_index("school_id")["school_name"]
    named = frame.assign(
        restorative=frame["restorative"] == "yes", school_name=frame["school_id"].map(names).fillna("")
    )
    columns = ["site", "school_id", "school_name", "year", "restorative", *SUMMER]
    return named[columns].sort_values(["site", *SCHOOL_YEAR], ignore_index=True), ledger


def read_costs(params: Any) -> tuple[pd.DataFrame, Ledger]:
    """Read the ingredients: COSTS, a row per ingredient and year; cost = quantity × unit_price; the books.

    Every year of the study stays, also those left out: money was spent then. Refuses costs without a price
    year, and rows whose phase or perspective is neither, because a sum without them would be too small.
    """
    needed = ("ingredient", "year", "quantity", "unit_price")
    frame, ledger, _ = open_log(params, "costs", needed=needed, district=True)
    if params.price_year is None:
        ledger.say(
            "The params do not say in which year's dollars prices are.", "Add a line like `price_year: 2024`."
        )
    frame = fill(frame, ("category", "unit", "funding", "phase", "perspective"), ("life_years",))
    years = params.years
    inside = frame["year"].between(years.first, years.last)
    frame = ledger.keep(frame, inside, f"Outside the study's years, {years}").astype({"year": int})
    nothing_left(frame, ledger)
    frame = frame.assign(
        phase=frame["phase"].where(frame["phase"] != "", PHASES[1]),
        perspective=frame["perspective"].where(frame["perspective"] != "", PERSPECTIVES[0]),
    )
    must_be(frame, "phase", PHASES, ledger)
    must_be(frame, "perspective", PERSPECTIVES, ledger)
    check_amounts(frame, ("quantity", "unit_price", "life_years"), ledger)
    frame = frame.assign(cost=frame["quantity"] * frame["unit_price"])
    unknown = frame[frame["cost"].isna()]
    if len(unknown):
        told = counted(len(unknown), "ingredient", "has", "have")
        shown = some(f"{r.ingredient} in {show_year(r.year)}" for r in unknown.itertuples())
        ledger.warn(f"{told} no quantity or price: {shown}.", "A sum over them is too small; fill them in.")
    equal = frame.drop(columns="row").duplicated()
    if equal.any():
        told = counted(equal.sum(), "row", "repeats", "repeat")
        ledger.warn(f"{told} another in every value; each is used once.", "Check that no row was copied.")
    frame = ledger.keep(frame, ~equal, "Exact copy of another row")
    return frame[COSTS].sort_values(COSTS, ignore_index=True), ledger
