"""What the program costs, by the ingredients method: every resource, its quantity and its price."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import Problem
from rpeval.methods.wording import needed, refuse, some

PERSPECTIVES = ("district", "societal")


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What was spent beyond business as usual, in dollars of one price year.

    rows        : one row per ingredient and year: those of the file, with annual (a lasting thing's cost
                  spread over its life) and present (discounted to the first year)
    spent       : dollars as spent, nothing spread or discounted
    total       : sum of present; undiscounted: sum of annual
    startup, recurring : parts of total
    first_year  : year to which costs are discounted; discount: rate a year, 0.03 = 3 percent
    perspective : district, or societal, which adds what others bear
    """

    rows: pd.DataFrame
    spent: float
    total: float
    undiscounted: float
    startup: float
    recurring: float
    first_year: int
    discount: float
    perspective: str


def cost_up(
    costs: pd.DataFrame | None, *, discount: float, perspective: str = "district",
    years: Collection[int] | None = None,
) -> Costs:  # fmt: skip
    """Add up what the program cost, by the ingredients method.

    Use before any cost per student. What the program took beyond business as usual is in prices of one year,
    so nothing is inflated here. What lasts for years is spread over its life, at the discount rate, from the
    year in which it was bought to the last year of the file. Each year is then discounted to the first one.

    costs       : one row per ingredient and year: year, ingredient, category, quantity, unit_price, cost
                  (dollars), phase (startup | recurring), perspective (district | societal), life_years (NaN =
                  used up in its year)
    discount    : 0.03 = 3 percent a year
    perspective : district: what the district paid; societal: that and what others bore
    years       : count only what falls into these years, to match an effect that was seen in them
    Returns a Costs. Refuses (MethodError): a study without costs; a cost that is unknown or below zero,
    naming ingredients.
    Source: Levin and others (2018), Economic Evaluation in Education, third edition.

    >>> costs = pd.DataFrame({"year": [2018, 2019], "ingredient": ["Training", "Coordinator"],
    ...                       "cost": [1000.0, 1030.0], "phase": ["startup", "recurring"],
    ...                       "perspective": "district", "life_years": np.nan})
    >>> found = cost_up(costs, discount=0.03)
    >>> found.total, found.undiscounted, found.startup
    (2000.0, 2030.0, 1000.0)
    """
    costs = needed(costs, "costs", "costs")
    if perspective not in PERSPECTIVES:
        what = f"{perspective!r} is no perspective."
        refuse([Problem("perspective", what, f"Use one of: {', '.join(PERSPECTIVES)}.")])
    kept = costs if perspective == "societal" else costs[costs["perspective"] == "district"]
    odd = kept[~(kept["cost"] >= 0)]
    if len(odd) or kept.empty:
        named = f"Costs that are unknown or below zero: {some(odd['ingredient'])}."
        what = named if len(odd) else "No costs."
        refuse([Problem("costs", what, "Give each ingredient's quantity and price.")])
    first, last = int(kept["year"].min()), int(kept["year"].max())
    rows = _spread(kept, last, discount)
    rows["present"] = rows["annual"] / (1 + discount) ** (rows["year"] - first)
    spent = kept["cost"] if years is None else kept.loc[kept["year"].isin(years), "cost"]
    rows = rows if years is None else rows[rows["year"].isin(years)]
    order = [c for c in ("year", "phase", "category", "ingredient") if c in rows]
    rows = rows.sort_values(order, kind="stable", ignore_index=True)
    parts = rows.groupby("phase")["present"].sum()
    return Costs(
        rows=rows, spent=float(spent.sum()), total=float(rows["present"].sum()),
        undiscounted=float(rows["annual"].sum()),
        startup=float(parts.get("startup", 0.0)), recurring=float(parts.get("recurring", 0.0)),
        first_year=first, discount=discount, perspective=perspective,
    )  # fmt: skip


def yearly_charge(cost: float, *, life_years: float, discount: float) -> float:
    """Spread the cost of something that lasts evenly over its life, with interest on what is still bound.

    The first charge falls in the year of the purchase, so that at any rate the charges are worth the price.

    >>> round(yearly_charge(1000.0, life_years=2, discount=0.03), 2)
    507.39
    """
    worth = sum((1 + discount) ** -k for k in range(round(life_years)))
    return cost / worth


def _spread(rows: pd.DataFrame, last: int, discount: float) -> pd.DataFrame:
    """Write what lasts as one row for each year of its life, up to the last year of the file."""
    parts = []
    for row in rows.to_dict("records"):
        life = row.get("life_years", np.nan)
        years = 1 if pd.isna(life) or round(life) < 2 else round(life)
        charge, bought = yearly_charge(row["cost"], life_years=years, discount=discount), int(row["year"])
        within = range(bought, min(bought + years - 1, last) + 1)
        parts += [{**row, "year": year, "annual": charge} for year in within]
    return pd.DataFrame(parts)


def by_ingredient(costs: Costs) -> pd.DataFrame:
    """List the ingredients, the dearest first.

    Returns ingredient, category, phase, perspective, years_n, cost (undiscounted), present (discounted),
    percent (of all).
    """
    keys = [c for c in ("ingredient", "category", "phase", "perspective") if c in costs.rows]
    sums = costs.rows.groupby(keys, dropna=False).agg(
        years_n=("year", "nunique"), cost=("annual", "sum"), present=("present", "sum")
    )
    made = sums.reset_index().assign(percent=lambda t: 100 * t["present"] / costs.total)
    return made.sort_values(["present", "ingredient"], ascending=[False, True], ignore_index=True)


def per(costs: Costs, base: float, *, what: str, spent: bool = False) -> float:
    """Divide the cost by students, schools or trained staff.

    base  : how many; what: what is counted, for the message
    spent : divide what was spent, nothing spread or discounted, instead of the total
    Refuses (MethodError) a base that is not above zero, or unknown.

    >>> rows = pd.DataFrame({"year": [2018], "ingredient": "Training", "cost": 900.0, "phase": "startup",
    ...                      "perspective": "district", "life_years": np.nan})
    >>> per(cost_up(rows, discount=0.03), 300, what="students")
    3.0
    """
    if not base > 0:
        refuse([Problem("costs", f"The study does not know how many {what} there were.", "Add them.")])
    return (costs.spent if spent else costs.total) / float(base)
