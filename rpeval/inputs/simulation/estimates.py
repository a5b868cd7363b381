"""Draw what several districts estimated, around effects that are known."""

from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.schools import stream

STAMP, TIMES = "yes", 2.03  # about the t quantile of the interval that a district publishes
SAME = ("finding", "label", "unit", "outcome", "method")


def estimate_rows(recipe: dict[str, Any]) -> pd.DataFrame:
    """Draw a table of district estimates: one row per district, in the order of the recipe.

    recipe : mean, tau and school_sd in the finding's unit, seed, and the districts; see
             data/reference/recipes/syntheses
    A district's estimate is the mean change of its adopting schools minus that of the others, with Welch's
    standard error; one that tells only an interval has no standard error, one that tells nothing a reason.

    >>> told = {"seed": 1, "mean": 0, "tau": 1, "school_sd": 1, "finding": "a.b", "label": "A", "unit": "u",
    ...         "outcome": "b", "method": "m", "districts": [
    ...             {"name": "X", "schools": 9, "adopting": 3, "design": "d", "told": "se"}]}
    >>> estimate_rows(told)[["study", "district", "simulated"]].values.tolist()
    [['x', 'X (simulated)', 'yes']]
    """
    rows = [_row(recipe, told) for told in recipe["districts"]]
    return pd.DataFrame(rows).assign(simulated=STAMP)


def _row(recipe: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    value, se = _estimate(recipe, told)
    row = {"study": told["name"].lower().replace(" ", "_"), "district": f"{told['name']} (simulated)"}
    row |= {name: recipe[name] for name in SAME}
    row |= {"weights": "schools", "definition": "events", "design": told["design"]}
    row |= {
        "schools_n": told["schools"],
        "adopting_n": told["adopting"],
        "value": "",
        "se": "",
        "low": "",
        "high": "",
    }
    if told["told"] == "se":
        row |= {"value": _shown(value), "se": _shown(se)}
    elif told["told"] == "interval":
        row |= {"value": _shown(value), "low": _shown(value - TIMES * se), "high": _shown(value + TIMES * se)}
    return row | {"reason": told.get("reason", "")}


def _estimate(recipe: dict[str, Any], told: dict[str, Any]) -> tuple[float, float]:
    rng = stream(recipe["seed"], told["name"])
    effect = rng.normal(recipe["mean"], recipe["tau"])
    adopting = rng.normal(effect, recipe["school_sd"], told["adopting"])
    others = rng.normal(0.0, recipe["school_sd"], told["schools"] - told["adopting"])
    variances = [arm.var(ddof=1) / len(arm) for arm in (adopting, others) if len(arm) > 1]
    return float(adopting.mean() - others.mean()), float(np.sqrt(sum(variances)))


def _shown(number: float) -> str:
    return f"{number:.3f}"
