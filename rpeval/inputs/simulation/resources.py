"""Draw what the program took, and its summers: staff, sections, costs; and every log of it together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation import program
from rpeval.inputs.simulation.outcomes import Planted, treated_cells
from rpeval.inputs.simulation.schools import District, Rates, dose, stream
from rpeval.inputs.years import parse_year, show_year

SUMMER_DAYS, FALL_DAYS = 20, 40


def draw_program(
    enrolled: np.ndarray,
    rates: Rates,
    incidents: pd.DataFrame | None,
    district: District,
    recipe: Mapping[str, Any],
) -> tuple[dict[str, pd.DataFrame], Planted]:
    """Draw every log of the program that a recipe describes, by name, and state what was planted.

    enrolled : students by school, group and year
    """
    told, in_all = recipe.get("program_logs"), enrolled.sum(axis=1)
    if not told:
        return {}, {}
    practices, planted = program.draw_practices(in_all, incidents, district, recipe)
    training, positions, of_staff = program.draw_training(in_all, district, recipe)
    logs, planted = {"practices": practices, "training": training}, planted | of_staff
    fidelity, rated = program.draw_fidelity(district, recipe)
    planted |= rated | planted_responses(enrolled, rates, district, recipe)
    if fidelity is not None:
        logs["fidelity"] = fidelity
    if "staffing" in told:
        logs["staffing"] = staffing_rows(positions, district, recipe)
        logs["sections"] = draw_sections(in_all, district, recipe)
        logs["summer"], summer = draw_summer(district, recipe)
        planted |= summer
    if "costs" in told:
        logs["costs"], spent = cost_rows(training, in_all, district, recipe)
        planted |= spent
    return logs, planted


def planted_responses(
    enrolled: np.ndarray, rates: Rates, district: District, recipe: Mapping[str, Any]
) -> Planted:
    """State the share of incidents answered restoratively in program years, of all and by group."""
    told = recipe.get("incidents")
    if not told:
        return {}
    cells = treated_cells(district, recipe)[:, None, :]
    answered = enrolled * told["unanswered"] * told["restorative"] * cells
    every = enrolled * (told["unanswered"] + rates.oss + rates.iss) * cells
    what = ("percent of incidents", "In expectation, in treated school-years.")
    planted = {"implementation.response_share": (100 * float(answered.sum() / every.sum()), *what)}
    for group, part, whole in zip(district.groups, answered.sum((0, 2)), every.sum((0, 2)), strict=True):
        name = group.lower().replace(" ", "_")
        planted[f"implementation.access.{name}"] = (100 * float(part / whole), *what)
    return planted


def staffing_rows(positions: np.ndarray, district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """List all staff of every school and year, and coordinators where the program is in force."""
    told, in_force = recipe["program_logs"]["staffing"], dose(district, recipe["program"]["steps"]) > 0
    school_no, year_no = (axis.ravel() for axis in np.indices(in_force.shape))
    staff = {"school_no": school_no, "year_no": year_no, "role": "all_staff", "staff_n": positions[school_no]}
    staff = pd.DataFrame(staff).assign(fte="", funding="")
    school_no, year_no = np.nonzero(in_force)
    leads = {"school_no": school_no, "year_no": year_no, "role": "coordinator", "staff_n": 1}
    since = district.years[year_no] - district.schools["start_year"].to_numpy()[school_no]
    paid = np.where(since < told["grant_years"], "grant", "general fund")
    leads = pd.DataFrame(leads).assign(fte=told["coordinator"], funding=paid)
    every = pd.concat([staff, leads], ignore_index=True)
    order = ["school_no", "year_no", "role"]
    return every.sort_values(order, ignore_index=True)[[*order, "fte", "staff_n", "funding"]]


def draw_sections(enrolled: np.ndarray, district: District, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """Count classes by school and year; high schools in the program teach most of the sections planned."""
    told, rng = recipe["program_logs"]["sections"], stream(recipe["seed"], "sections")
    school_no, year_no = (axis.ravel() for axis in np.indices(enrolled.shape))
    high = district.schools["school_name"].str.endswith("High").to_numpy()[:, None]
    teaches = (high & (program.open_dose(district, recipe) > 0)).ravel()
    planned = teaches * told["planned"]
    taught = rng.binomial(planned, told["taught"])
    table = {"school_no": school_no, "year_no": year_no, "sections_n": taught, "planned_n": planned}
    classes = program.classes_of(enrolled, recipe).ravel().astype(int)
    size = recipe["program_logs"]["class_size"]
    table = pd.DataFrame(table).assign(classes_n=classes, students_n=taught * size)
    return table[["school_no", "year_no", "classes_n", "sections_n", "students_n", "planned_n"]]


def draw_summer(district: District, recipe: Mapping[str, Any]) -> tuple[pd.DataFrame, Planted]:
    """Draw sites with and without restorative practices, and the fall after; state how they differ.

    In restorative sites more days are attended and incidents are fewer; in the fall nothing differs.
    """
    told, rng = recipe["program_logs"]["summer"], stream(recipe["seed"], "summer")
    names, years = told["sites"], [parse_year(year) for year in told["years"]]
    site, year = (axis.ravel() for axis in np.indices((len(names), len(years))))
    restorative = site % 2 == 0
    own = rng.normal(0, told["site_sd"], len(names))[site]
    enrolled = rng.poisson(told["students"], len(site))
    school = rng.choice(len(district.schools), len(names), replace=False)[site]
    attends = told["attendance"] + own + told["attendance_effect"] * restorative
    rate = told["incidents_per_1000_days"] / 1000
    ratio = np.where(restorative, told["incidents_ratio"], 1.0)
    possible, fall = enrolled * SUMMER_DAYS, enrolled * FALL_DAYS
    table = pd.DataFrame(
        {
            "site": np.array(names)[site],
            "school_no": school,
            "year": [show_year(years[k]) for k in year],
            "restorative": np.where(restorative, "yes", "no"),
            "enrolled_n": enrolled,
            "attended_days": rng.binomial(possible, attends),
            "possible_days": possible,
            "incidents_n": rng.poisson(possible * rate * ratio),
            "fall_attended_days": rng.binomial(fall, told["fall_attendance"] + own / 2),
            "fall_possible_days": fall,
            "fall_incidents_n": rng.poisson(fall * rate),
        }
    )
    what = "Restorative sites less, or over, the others."
    return table, {
        "summer.attendance.att": (100 * told["attendance_effect"], "percentage points", what),
        "summer.incidents.ratio": (
            float(told["incidents_ratio"]),
            "ratio of rates per day",
            what,
        ),
        "summer.fall_attendance.att": (0.0, "percentage points", what),
    }


def cost_rows(
    training: pd.DataFrame, enrolled: np.ndarray, district: District, recipe: Mapping[str, Any]
) -> tuple[pd.DataFrame, Planted]:
    """List the ingredients of every year, by what each is counted; state the totals, exact."""
    in_force, start = (
        dose(district, recipe["program"]["steps"]) > 0,
        district.schools["start_year"].to_numpy(),
    )
    own = training[~np.isnan(start[training["school_no"]]) & (training["trained_on"] != "")]
    hours = own.groupby(own["trained_on"].str[:4].astype(int))["hours"].sum()  # courses are held in the fall
    rows = []
    for k, year in enumerate(district.years):
        many = {
            "school": int(in_force[:, k].sum()),
            "new school": int((start == year).sum()),
            "hour of training": int(hours.get(year, 0)),
        }
        for of in recipe["program_logs"]["costs"]:
            amount = round(many[of["for_each"]] * of["quantity"], 2)
            rows += [{"year_no": k, **of, "quantity": amount}] if amount else []
    columns = ["year_no", "ingredient", "category", "quantity", "unit", "unit_price", "funding", "phase",
               "perspective", "life_years"]  # fmt: skip
    table = pd.DataFrame(rows)[columns]
    return table, _planted_costs(table, enrolled, district, recipe)


def _planted_costs(
    table: pd.DataFrame, enrolled: np.ndarray, district: District, recipe: Mapping[str, Any]
) -> Planted:
    cost, paid = table["quantity"] * table["unit_price"], table["perspective"] == "district"
    cells = treated_cells(district, recipe)
    used = cells.any(axis=0)[table["year_no"]]
    all_years = "All years, undiscounted."
    note = "The district's, without years left out, undiscounted; per student-year in program schools."
    return {
        "cost.total": (float(cost[paid].sum()), "dollars", f"The district's. {all_years}"),
        "cost.total.societal": (float(cost.sum()), "dollars", all_years),
        "cost.per_student.spent": (
            float(cost[paid & used].sum() / enrolled[cells].sum()),
            "dollars",
            note,
        ),
    }
