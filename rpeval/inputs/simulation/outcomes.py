"""Draw what else moved: other outcomes of school-years, and children counted for IDEA; with their truth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.schools import District, dose, enrollment, stream
from rpeval.inputs.years import parse_year

Planted = dict[str, tuple[float, str, str]]


def treated_cells(district: District, recipe: Mapping[str, Any]) -> np.ndarray:
    """Say which school-years an effect is planted in: in the program, not left out (schools × years)."""
    left_out = [parse_year(year) for year in recipe["years"]["leave_out"]]
    in_force = dose(district, recipe["program"]["steps"]) > 0
    return in_force & ~np.isin(district.years, left_out)


def draw_outcomes(district: District, recipe: Mapping[str, Any]) -> tuple[pd.DataFrame | None, Planted]:
    """Draw the outcomes that a recipe names, one row per school and year, and state the effects planted.

    Each is a base plus a difference of the school, a shock of the year that all schools share, noise of the
    school-year, and the effect where and as far as the program is in force.
    """
    told = recipe.get("outcomes")
    if not told:
        return None, {}
    n_schools, _, n_years = district.shape
    school_no, year_no = np.indices((n_schools, n_years))
    table = {"school_no": school_no.ravel(), "year_no": year_no.ravel()}
    in_force, cells = dose(district, recipe["program"]["steps"]), treated_cells(district, recipe)
    planted: Planted = {}
    for name, of in told.items():
        rng = stream(recipe["seed"], f"outcome {name}")
        expected = (
            of["base"]
            + rng.normal(0, of["schools"], n_schools)[:, None]
            + rng.normal(0, of["years"], n_years)
        )
        noise = rng.normal(0, of["noise"], (n_schools, n_years))
        drawn = expected + noise + of["effect"] * in_force
        lowest = 0 if name.endswith("_per_100") else -np.inf
        table[name] = np.maximum(drawn, lowest).round(3).ravel()
        note = f"Mean over {cells.sum()} treated school-years."
        planted[f"harms.{name}.att"] = (float(of["effect"] * in_force[cells].mean()), of["unit"], note)
    return pd.DataFrame(table), planted


def draw_idea(
    students: pd.DataFrame, district: District, recipe: Mapping[str, Any]
) -> tuple[pd.DataFrame | None, Planted]:
    """Draw children counted by year, category and group, and state the risk ratios of the last year.

    Identified children are a share of the group's students; children of the other categories are a share of
    the group's children with disabilities. The state has so many times as many children, drawn from the
    district's shares times one factor.
    """
    told = recipe.get("idea")
    if not told:
        return None, {}
    by_year = enrollment(students, district).sum(axis=0).T
    shares = np.array([told["disability"][group] for group in district.groups])
    rows = _levels(told, by_year, shares, stream(recipe["seed"], "idea"))
    table = pd.DataFrame(rows, columns=["year_no", "level", "category", "group_no", "cell_n", "of_n"])
    planted = {
        f"idea.{name}.{group.lower()}": _planted_ratio(
            told["among_disabled"][name], by_year[-1] * shares, district, group
        )
        for name, groups in told["stated"].items()
        for group in groups
    }
    return table, planted


def _levels(
    told: Mapping[str, Any], by_year: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> list[tuple]:
    """Draw the district's rows, then the state's."""
    rows = []
    for level, times, factor in (
        ("district", 1, 1.0),
        ("state", told["state"]["times"], told["state"]["factor"]),
    ):
        students = by_year * times
        disabled = rng.binomial(students, shares * factor)
        rows += _cells(level, {"identified": disabled}, students)
        for key, among in (("identified", students), ("among_disabled", disabled)):
            risks = {name: np.array(list(of.values())) * factor for name, of in told[key].items()}
            rows += _cells(level, {name: rng.binomial(among, risk) for name, risk in risks.items()}, among)
    return rows


def _cells(level: str, counts: Mapping[str, np.ndarray], among: np.ndarray) -> list[tuple]:
    """Lay counts of years × groups under each other."""
    return [
        (year, level, name, group, int(cells[year, group]), int(among[year, group]))
        for name, cells in counts.items()
        for year, group in np.ndindex(among.shape)
    ]


def _planted_ratio(
    of: Mapping[str, float], among: np.ndarray, district: District, group: str
) -> tuple[float, str, str]:
    """Risk of a group against all others, in expectation."""
    risk, own = np.array([of[name] for name in district.groups]), district.groups.index(group)
    rest = np.arange(len(risk)) != own
    others = (among[rest] @ risk[rest]) / among[rest].sum()
    return float(risk[own] / others), "times the risk of all others", "In expectation, in the last year."
