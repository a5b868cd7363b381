"""Headline numbers computed a second time, by other libraries and from the study's own files.

Nothing of rpeval.methods is used: effects by diff-diff, regressions by statsmodels, ratios by plain division;
means over studies by scipy and statsmodels.
"""

import importlib.metadata
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

Number = Callable[[], float]
DIFF_DIFF, STATSMODELS, PANDAS, SCIPY = "diff-diff", "statsmodels", "pandas", "scipy"
ALLOWANCE = 0.01  # an answered share of 0.6667 of six items asks for four
SWEEPS = 500


def version_of(library: str) -> str:
    """Give a library's name and version; the name alone where it is not installed."""
    try:
        return f"{library} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError:
        return library


def time_panel(frame: pd.DataFrame, *, outcome: str) -> pd.DataFrame:
    """Lay out a panel as other programs ask for it: running numbers for schools and years.

    frame : school_id, year, start_year (missing = never), the outcome
    Returns id, t (1, 2 … over the years that are there), g (the t of the start, 0 = never) and D (in the
    program) beside the frame's own columns, without rows whose outcome is unknown. A year that the study
    leaves out leaves no hole: the year before it and the year after it are neighbors.
    """
    years = sorted(frame["year"].unique())
    place = {year: number for number, year in enumerate(years, start=1)}
    begun = {start: next((place[y] for y in years if y >= start), 0)
             for start in frame["start_year"].dropna().unique()}  # fmt: skip
    rows = frame.dropna(subset=[outcome]).copy()
    rows["id"] = rows["school_id"].astype("category").cat.codes + 1
    rows["t"] = rows["year"].map(place)
    rows["g"] = rows["start_year"].map(begun).fillna(0).astype(int)
    rows["D"] = ((rows["g"] > 0) & (rows["t"] >= rows["g"])).astype(float)
    return rows


def impute(frame: pd.DataFrame, *, outcome: str, weights: str | None) -> float:
    """Average effect by imputation (Borusyak, Jaravel & Spiess): diff-diff, or statsmodels with weights."""
    rows = time_panel(frame, outcome=outcome)
    if weights is None:
        from diff_diff import ImputationDiD

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(ImputationDiD().fit(rows, outcome=outcome, **_NAMES).overall_att)
    columns = _dummies(rows, "id", "t")
    treated = rows["D"] == 1
    fit = _least_squares(rows[outcome][~treated], columns[~treated], rows[weights][~treated])
    gap = rows[outcome][treated] - columns[treated].to_numpy() @ fit.params.to_numpy()
    return float(np.average(gap, weights=rows[weights][treated]))


_NAMES = {"unit": "id", "time": "t", "first_treat": "g"}


def callaway(frame: pd.DataFrame, *, outcome: str) -> float:
    """Average effect by cohorts (Callaway & Sant'Anna, not-yet-treated schools as comparison): diff-diff."""
    from diff_diff import CallawaySantAnna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = CallawaySantAnna(control_group="not_yet_treated")
        rows = time_panel(frame, outcome=outcome)
        return float(made.fit(rows, outcome=outcome, **_NAMES).overall_att)


def two_way(frame: pd.DataFrame, *, outcome: str, weights: str | None) -> float:
    """Two-way fixed effects with a column for each school and year: statsmodels."""
    rows = time_panel(frame, outcome=outcome)
    columns = _dummies(rows, "id", "t").assign(D=rows["D"])
    given = rows[weights] if weights else pd.Series(1.0, rows.index)
    return float(_least_squares(rows[outcome], columns, given).params["D"])


def _dummies(rows: pd.DataFrame, unit: str, time: str) -> pd.DataFrame:
    one, two = (pd.get_dummies(rows[c], prefix=c, dtype=float) for c in (unit, time))
    return pd.concat([one, two.iloc[:, 1:]], axis=1)


def _least_squares(y: pd.Series, columns: pd.DataFrame, weights: pd.Series) -> Any:
    from statsmodels.regression.linear_model import WLS

    return WLS(y, columns, weights=weights).fit()


def panel_numbers(params: Any, panel: Any) -> Iterator[tuple[str, str, Number]]:
    """Give the headline numbers on the panel: id, library, and how to compute it."""
    frame, outcome, weights = panel.frame, params.outcome, params.weight_column
    if not panel.has_adoption:
        return
    by = STATSMODELS if weights else DIFF_DIFF
    main = cache(partial(impute, frame, outcome=outcome, weights=weights))
    for id in ("suspensions.att", "suspensions.jackknife", "suspensions.randomization"):
        yield id, by, main
    yield "suspensions.twfe", STATSMODELS, partial(two_way, frame, outcome=outcome, weights=weights)
    if not weights:
        yield "suspensions.callaway", DIFF_DIFF, partial(callaway, frame, outcome=outcome)
    for name in params.companions:
        yield f"suspensions.{name}.att", by, partial(impute, frame, outcome=name, weights=weights)
    for name in params.harms:
        if name in frame:
            yield f"harms.{name}.att", DIFF_DIFF, partial(impute, frame, outcome=name, weights=None)


def group_numbers(params: Any, panel: Any) -> Iterator[tuple[str, str, Number]]:
    """Give the numbers on gaps: ratios of rates by division, effects on gaps and groups by imputation."""
    if panel.groups is None:
        return
    groups, outcome, years = panel.groups, params.outcome, panel.frame["year"]
    events = f"{outcome.removesuffix('_per_100')}_n"
    for pair in params.gaps:
        for name, year in (("first", years.min()), ("last", years.max())):
            yield f"suspensions.ratio.{pair.id}.{name}", PANDAS, partial(_ratio, groups, events, pair, year)
        if not panel.has_adoption or params.weight_column:
            continue
        starts = panel.frame.groupby("school_id")["start_year"].first()
        gap = _gap(groups, outcome, pair).assign(start_year=lambda rows, s=starts: rows["school_id"].map(s))
        yield f"suspensions.gap.{pair.id}.att", DIFF_DIFF, partial(impute, gap, outcome="gap", weights=None)
        for part, who in (("group", pair.group), ("reference", pair.reference)):
            own = groups[groups["group"] == who]
            own = own.assign(start_year=own["school_id"].map(starts))
            number = partial(impute, own, outcome=outcome, weights=None)
            yield f"suspensions.gap.{pair.id}.{part}", DIFF_DIFF, number


def _ratio(groups: pd.DataFrame, events: str, pair: Any, year: int) -> float:
    rates = []
    for who in (pair.group, pair.reference):
        rows = groups[(groups["group"] == who) & (groups["year"] == year)].dropna(
            subset=[events, "enrolled_n"]
        )
        rates.append(rows[events].sum() / rows["enrolled_n"].sum())
    return float(rates[0] / rates[1])


def _gap(groups: pd.DataFrame, outcome: str, pair: Any) -> pd.DataFrame:
    wide = groups.pivot(index=["school_id", "year"], columns="group", values=outcome)
    return (wide[pair.group] - wide[pair.reference]).rename("gap").dropna().reset_index()


def survey_numbers(params: Any, survey: Any) -> Iterator[tuple[str, str, Number]]:
    """Give the effects on belonging, for surveys of two waves: by regression, and from schools' means."""
    answers = survey.frame
    if "arm" not in answers or answers["wave"].nunique() != 2:
        return
    answers = answers.assign(score=_score(answers, survey.instrument), one=1.0)
    answers["raked"] = _rake(answers, survey.invited, next(iter(params.sources.survey.groups), ""))
    rows = answers[answers["score"].notna() & ~(answers["start_year"] <= answers["wave"].min())]
    rows = rows.assign(D=(rows["start_year"] <= rows["wave"]).astype(float))
    yield "belonging.students.att", STATSMODELS, partial(_students, rows, "raked")
    yield "belonging.unweighted.att", STATSMODELS, partial(_students, rows, "one")
    yield "belonging.schools.att", PANDAS, partial(_schools, rows, "raked")


def _score(answers: pd.DataFrame, scale: Any) -> pd.Series:
    items = answers[list(scale.item_ids)].copy()
    for item in scale.scale["reverse"]:
        items[item] = scale.min + scale.max - items[item]
    needed = max(np.ceil(scale.answered_share * items.shape[1] - ALLOWANCE), 1)
    return items.mean(axis=1).where(items.notna().sum(axis=1) >= needed)


def _rake(answers: pd.DataFrame, invited: pd.DataFrame | None, group: str) -> pd.Series:
    """Make weights add up to those invited, by school and wave, then by group within wave, in turn."""
    weights = answers["weight"].astype(float)
    if invited is None:
        return weights
    cell = ["school_id", "wave"]
    spoke = pd.MultiIndex.from_frame(invited[cell]).isin(pd.MultiIndex.from_frame(answers[cell]))
    margins = []
    for columns in (cell, *([["wave", group]] if group in invited else [])):
        wanted = invited[spoke].groupby(columns)["invited_n"].sum()
        keys = answers.groupby(columns, dropna=False)
        known = pd.MultiIndex.from_frame(answers[columns]).map(wanted).to_numpy(dtype=float)
        margins.append((keys.ngroup().to_numpy(), known))
    raked = weights.to_numpy(copy=True)
    for _ in range(SWEEPS if len(margins) > 1 else 1):
        for place, known in margins:
            factor = known / np.bincount(place, weights=raked)[place]
            raked = raked * np.where(np.isfinite(factor), factor, 1.0)
    return pd.Series(raked, answers.index)


def _students(rows: pd.DataFrame, weights: str) -> float:
    columns = _dummies(rows, "school_id", "wave").assign(D=rows["D"])
    return float(_least_squares(rows["score"], columns, rows[weights]).params["D"])


def _schools(rows: pd.DataFrame, weights: str) -> float:
    parts = rows.assign(sum=rows["score"] * rows[weights]).groupby(["school_id", "wave"])
    means = (parts["sum"].sum() / parts[weights].sum()).unstack()
    change = (means.iloc[:, 1] - means.iloc[:, 0]).dropna()
    joined = rows.groupby("school_id")["D"].max().reindex(change.index) == 1
    return float(change[joined].mean() - change[~joined].mean())


def pooled_numbers(frame: pd.DataFrame) -> Iterator[tuple[str, str, Number]]:
    """Give the means of a synthesis: by Paule-Mandel, with one effect for all, and by DerSimonian-Laird.

    frame : one row for each study: value and se, or low, high, level and df (normal where empty)
    """
    df = frame["df"].fillna(np.inf)
    quantile = stats.t.ppf((1 + frame["level"].fillna(0.95)) / 2, df)
    variance = frame["se"].fillna((frame["high"] - frame["low"]) / 2 / quantile) ** 2
    given = frame["value"].to_numpy(float), variance.to_numpy(float)
    yield "synthesis.att", SCIPY, partial(_paule_mandel, *given)
    yield "synthesis.common", STATSMODELS, partial(_combined, *given, "mean_effect_fe")
    yield "synthesis.usual", STATSMODELS, partial(_combined, *given, "mean_effect_re")


def _paule_mandel(values: np.ndarray, variances: np.ndarray) -> float:
    """Mean under the variance between studies for which Cochran's Q is what chance leads to expect.

    By bisection: statsmodels' own iteration ends at zero where rounding carries it past the solution.
    """

    def mean(between: float) -> float:
        return float(np.average(values, weights=1 / (variances + between)))

    def excess(between: float) -> float:
        return float(np.sum((values - mean(between)) ** 2 / (variances + between))) - (len(values) - 1)

    most = float(np.ptp(values)) ** 2 * len(values) + 1.0
    return mean(optimize.bisect(excess, 0.0, most, xtol=1e-15) if excess(0.0) > 0 else 0.0)


def _combined(values: np.ndarray, variances: np.ndarray, what: str) -> float:
    from statsmodels.stats.meta_analysis import combine_effects

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = combine_effects(values, variances, method_re="dl")
    # its variance between studies may lie below zero, where everybody else takes zero
    return float(found.mean_effect_fe if found.tau2 < 0 else getattr(found, what))
