"""What the program did to survey answers: differences-in-differences with schools as the independent units.

Answers of students in one school move together from wave to wave, so the number of schools, not of students,
decides what can be known. Every function here treats the school as the unit of inference.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import ClusteredFit, fit_clustered
from rpeval.methods.survey.survey_design import SurveyDesign, arrange, stack, wave_columns
from rpeval.methods.wording import count_of


def did_survey(
    frame: pd.DataFrame,
    *,
    outcome: str,
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
    unit: str = "scale points",
    level: float = 0.95,
) -> Estimate:
    """Effect of the program on a survey outcome: student-level difference-in-differences.

    Use with student answers from waves before and after the start, the same students or new ones. School and
    wave effects are absorbed; adopting schools are compared only with schools that had not started by the
    last wave. Where schools start between different waves, each start forms its own comparison with its own
    school and wave effects, and one effect is fitted to all of them (stacked; more weight where there is
    more information).

    frame : one row per answer; outcome in any unit, wave a year
    start : first program year of the school, missing = never
    weight: sampling weights, missing answers leave
    Returns an Estimate in `unit`: CR2 standard error by school, t with Satterthwaite df.
    Refuses (MethodError, all reasons at once): a single wave; a start that varies within a school; fewer than
    two adopting schools with answers before and after; fewer than two schools not yet started in the last
    wave.
    Source: Bell & McCaffrey (2002); Pustejovsky & Tipton (2018); Cengiz et al. (2019) for stacking.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})
    >>> effect = did_survey(cells, outcome="score")
    >>> round(effect.value, 6)             # (0.6 + 0.4) / 2 - (0.1 + 0.3) / 2
    0.3
    >>> effect.clusters, effect.treated
    (4, 2)
    """
    design = arrange(frame, outcome=outcome, school=school, wave=wave, start=start, weight=weight)
    rows = stack(design)
    fit = _fit(rows, columns=1.0, within=rows[["cohort"]].to_numpy())
    return _report(fit, design, unit=unit, level=level, what="student-level difference-in-differences")


def gap_did(
    frame: pd.DataFrame,
    *,
    outcome: str,
    group: str,
    member: object,
    reference: object,
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
    unit: str = "scale points",
    level: float = 0.95,
) -> Estimate:
    """Effect of the program on a gap between two groups of students in the same schools.

    Use to ask whether the distance between `member` and `reference` changed. The gap is taken inside every
    school and wave, so whatever moves a whole school in a wave cancels; a triple difference.

    frame : one row per answer, as for `did_survey`, and the column `group` that holds both values
    Returns an Estimate of the change in (member - reference), in `unit`: CR2 by school, Satterthwaite df.
    Refuses (MethodError): as `did_survey`, counting only schools and waves where both groups answered; a
    group value that nobody has.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"school_id": sorted("abcd" * 4), "wave": [2018, 2018, 2020, 2020] * 4,
    ...     "start_year": [2019.0] * 8 + [None] * 8, "el": ["yes", "no"] * 8,
    ...     "score": [1, 3, 2, 3, 1, 3, 3, 4, 1, 3, 1, 3, 2, 3, 2, 3.0]})
    >>> round(gap_did(cells, outcome="score", group="el", member="yes", reference="no").value, 6)
    1.0
    """
    _require_groups(frame, group=group, member=member, reference=reference)
    pair = frame[frame[group].isin([member, reference])]
    both = pair.dropna(subset=[outcome]).groupby([school, wave])[group].transform("nunique") == 2
    pair = pair.loc[both[both].index]
    design = arrange(
        pair,
        outcome=outcome,
        school=school,
        wave=wave,
        start=start,
        weight=weight,
        member=(pair[group] == member).astype(float),
    )
    rows = stack(design)
    of_group = rows["member"].to_numpy()
    within = np.column_stack([rows["cohort"] * 10_000 + rows["wave"], rows["cohort"] * 2 + of_group])
    fit = _fit(rows, columns=of_group[:, None], within=within)
    return _report(
        fit, design, unit=unit, level=level, what="difference-in-differences of within-school gaps"
    )


def did_school_changes(
    frame: pd.DataFrame,
    *,
    outcome: str,
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
    unit: str = "scale points",
    level: float = 0.95,
) -> Estimate:
    """Effect of the program on school means: a t-test on one change per school.

    Use beside `did_survey` as the plainest check: every school counts the same and nothing is asked of the
    students. A school's change is the mean of its wave means after the start minus the mean of those before.
    Only schools that answered in every wave enter. Where starts differ, an adopting school's change is taken
    against the comparison schools' change over the same waves.

    Returns an Estimate in `unit`. All schools share one variance of true changes, to which each adds the
    sampling noise of its own number of students; t with Satterthwaite df. Where schools are of one size this
    is the t-test with pooled variance and schools - 2 df. Welch's unequal variances are not used: with two or
    three adopting schools they leave a t with one or two df, and no power.
    Refuses (MethodError): as `did_survey`, counting only schools present in every wave.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})
    >>> change = did_school_changes(cells, outcome="score")
    >>> round(change.value, 6), change.df
    (0.3, 2.0)
    """
    design = arrange(
        frame, outcome=outcome, school=school, wave=wave, start=start, weight=weight, every_wave=True
    )
    own, other = changes_by_arm(design)
    se, df = _pooled_spread(own, other)
    n = len(own) + len(other)
    value = float(own["change"].mean() - other["change"].mean())
    fit = ClusteredFit(value, se, df, (), n, len(design.rows))
    return _report(fit, design, unit=unit, level=level, what="t-test on the change of each school's mean")


def in_standard_deviations(
    estimate: Estimate,
    frame: pd.DataFrame,
    *,
    outcome: str,
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
) -> Estimate:
    """Express an effect in standard deviations of students before the program.

    Use to compare effects between scales and with the evidence. The divisor is the standard deviation of
    students in the first wave, pooled within adopting and comparison schools, with Hedges' small-sample
    correction. It is taken as known, so the interval is the effect's interval, rescaled.

    estimate: an effect in the unit of `outcome`, from this module and the same frame
    Returns an Estimate in standard deviations. Refuses (MethodError) where all first-wave answers are equal.
    Source: Hedges (1981); What Works Clearinghouse 5.0, appendix E.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd") * 2, "wave": [2018, 2020] * 8,
    ...     "start_year": ([2019.0] * 4 + [None] * 4) * 2, "score": [1.0, 2] * 4 + [3.0, 4] * 4})
    >>> raw = Estimate(value=0.5)
    >>> round(in_standard_deviations(raw, cells, outcome="score").value, 4)   # SD 1.1547, correction 0.8696
    0.3765
    """
    names = {"outcome": outcome, "school": school, "wave": wave, "start": start, "weight": weight}
    sd, students_n = student_sd(frame, **names)
    factor = (1 - 3 / (4 * students_n - 9)) / sd
    scaled = {
        name: None if (number := getattr(estimate, name)) is None else number * factor
        for name in ("value", "se", "low", "high")
    }
    method = f"{estimate.method}; divided by the first-wave SD of students ({sd:.3g}), Hedges-corrected"
    return replace(estimate, **scaled, unit="SD", method=method)


def student_sd(
    frame: pd.DataFrame,
    *,
    outcome: str,
    school: str = "school_id",
    wave: str = "wave",
    start: str = "start_year",
    weight: str | None = None,
) -> tuple[float, int]:
    """Standard deviation of students in the first wave, pooled within arms, and the students behind it.

    Use to express an effect, or a distance, in standard deviations (`effect_size.in_student_sd`).
    Returns the standard deviation in the outcome's unit, and a count. Refuses (MethodError) as `did_survey`,
    and where all first-wave answers are equal.

    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [1.0, 2, 3, 4] * 2})
    >>> sd, n = student_sd(cells, outcome="score")
    >>> round(sd, 4), n
    (1.4142, 4)
    """
    design = arrange(frame, outcome=outcome, school=school, wave=wave, start=start, weight=weight)
    first = design.rows[design.rows["wave"] == design.waves[0]]
    centered = first["y"] - _group_mean(first, np.isfinite(first["first"]))
    total = first["w"].sum() * (len(first) - 2) / len(first)
    sd = float(np.sqrt((first["w"] * centered**2).sum() / total))
    if not sd > 0:
        what = f"All answers to {outcome} in the first wave are equal."
        raise MethodError(Problem(outcome, what, "Check the answers of the first wave."))
    return sd, len(first)


def _fit(rows: pd.DataFrame, *, columns: np.ndarray | float, within: np.ndarray) -> ClusteredFit:
    """Fit the program's effect and the wave effects, multiplied by `columns`, with effects inside schools."""
    design = np.column_stack([rows["treated"], wave_columns(rows)]) * columns
    return fit_clustered(
        rows["y"].to_numpy(),
        design,
        cluster=rows["school"].to_numpy(),
        within=within,
        weight=rows["w"].to_numpy(),
        cell=rows["cell"].to_numpy(),
    )


def _group_mean(rows: pd.DataFrame, key: pd.Series) -> pd.Series:
    """Spread each group's weighted mean of y over its rows."""
    total = (rows["w"] * rows["y"]).groupby(key).transform("sum")
    return total / rows["w"].groupby(key).transform("sum")


def changes_by_arm(design: SurveyDesign) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each school's change, wave effects removed, and what its variance is made of, by arm.

    Each start gives the comparison schools a change over its own waves. An adopting school's change is
    measured from their mean; a comparison school's changes are averaged over the adopting schools' starts.
    Returns adopting and comparison schools (index school): change, noise (its sampling variance), shocks (sum
    of squares of the waves' weights). design: from `arrange`, schools present in every wave.
    """
    means, noise = _cells(design)
    first = design.schools["first"].reindex(means.index)
    never = ~np.isfinite(first)
    own, parts, adopting_n = [], np.zeros(len(means.columns)), int((~never).sum())
    other = pd.Series(0.0, index=means.index[never])
    for cohort in design.cohorts:
        after = means.columns >= cohort
        part = np.where(after, 1 / after.sum(), -1 / (~after).sum())
        change, mine = means @ part, first == cohort
        base, share = change[never].mean(), mine.sum() / adopting_n
        changes = {"change": change[mine] - base, "noise": noise[mine] @ part**2, "shocks": part @ part}
        own.append(pd.DataFrame(changes))
        other += (change[never] - base) * share
        parts += part * share
    changes = {"change": other, "noise": noise[never] @ parts**2, "shocks": parts @ parts}
    return pd.concat(own), pd.DataFrame(changes)


def _cells(design: SurveyDesign) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the mean of each school and wave, and its sampling variance: one student variance for all."""
    rows = design.rows
    cells = [rows["school"], rows["wave"]]
    sums = pd.DataFrame({"w": rows["w"], "ww": rows["w"] ** 2, "wy": rows["w"] * rows["y"]})
    sums = sums.groupby(cells).sum()
    mean = sums["wy"] / sums["w"]
    apart = rows["y"] - mean.loc[pd.MultiIndex.from_arrays(cells)].to_numpy()
    spare = (sums["w"] - sums["ww"] / sums["w"]).sum()
    variance = float((rows["w"] * apart**2).sum() / spare) if spare > 0 else 0.0
    return mean.unstack(), (variance * sums["ww"] / sums["w"] ** 2).unstack()


def _pooled_spread(own: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float]:
    """Return standard error and df of the difference of two means of school changes.

    A school's variance is taken to be proportional to that of its waves' shocks, common to all schools, plus
    its own sampling noise; the factor is learned from all schools together.
    """
    arms = [arm.to_numpy().T for arm in (own, other)]
    squares = sum(((change - change.mean()) ** 2).sum() for change, _, _ in arms)
    expected = sum((1 - 1 / len(noise)) * noise.sum() for _, noise, _ in arms)
    shock = (squares - expected) / sum((1 - 1 / len(shocks)) * shocks.sum() for _, _, shocks in arms)
    shapes = [max(shock, 0.0) * shocks + noise for _, noise, shocks in arms]
    if not any(shape.any() for shape in shapes):
        shapes = [np.ones(len(arm)) for arm in arms]
    trace = sum((1 - 1 / len(u)) * u.sum() for u in shapes)
    norm = sum((1 - 2 / len(u)) * (u**2).sum() + (u.sum() / len(u)) ** 2 for u in shapes)
    spread = sum(u.sum() / len(u) ** 2 for u in shapes)
    return float(np.sqrt(squares / trace * spread)), float(trace**2 / norm)


def _require_groups(frame: pd.DataFrame, *, group: str, member: object, reference: object) -> None:
    """Refuse a group value that nobody has."""
    seen = set(frame[group].dropna().unique())
    missing = [str(value) for value in (member, reference) if value not in seen]
    if missing:
        what = f"No answers for {', '.join(missing)}; the column holds {', '.join(map(str, sorted(seen)))}."
        raise MethodError(Problem(group, what, "Name groups that the survey holds."))


def _report(fit: ClusteredFit, design: SurveyDesign, *, unit: str, level: float, what: str) -> Estimate:
    """Turn a fit into an Estimate with its t interval."""
    reach = float(stats.t.ppf(0.5 + level / 2, fit.df)) * fit.se
    cohorts = len(design.cohorts)
    notes = [what, f"{'CR2 by school, ' if fit.coefficients else ''}t({fit.df:.1f})"]
    if cohorts > 1:
        notes.append(f"{cohorts} starts, each against schools not yet started")
    if design.left_out:
        notes.append(f"{count_of(design.left_out, 'school')} without the needed waves left out")
    return Estimate(
        value=fit.value,
        se=fit.se,
        low=fit.value - reach,
        high=fit.value + reach,
        p=float(2 * stats.t.sf(abs(fit.value / fit.se), fit.df)) if fit.se > 0 else None,
        df=fit.df,
        level=level,
        unit=unit,
        n=len(design.rows),
        n_unit="students",
        clusters=fit.clusters_n,
        treated=int(design.schools["adopting"].sum()),
        method="; ".join(notes),
    )
