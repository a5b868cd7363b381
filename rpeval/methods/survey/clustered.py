"""What the program did to survey answers: differences-in-differences with schools as the independent units.

Answers of students in one school move together from wave to wave, so the number of schools, not of students,
decides what can be known. Every function here treats the school as the unit of inference.
"""

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate
from rpeval.methods.cr2 import ClusteredFit, fit_clustered
from rpeval.methods.effect_size import small_sample
from rpeval.methods.intervals import scaled, t_estimate
from rpeval.methods.survey.survey_design import SurveyDesign, stack, wave_columns
from rpeval.methods.wording import count_of


def did_survey(sample: SurveyDesign) -> Estimate:
    """Effect of the program on a survey outcome: student-level difference-in-differences.

    Use with student answers from waves before and after the start. School and wave effects are absorbed;
    adopting schools are compared only with schools that had not started by the last wave. Where schools start
    between different waves, each start forms its own comparison with its own school and wave effects, and one
    effect is fitted to all of them (stacked; more weight where there is more information).

    Returns an Estimate in the outcome's unit: CR2 standard error by school, t with Satterthwaite df.
    Source: Bell & McCaffrey (2002); Pustejovsky & Tipton (2018); Cengiz et al. (2019) for stacking.

    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})
    >>> effect = did_survey(lay_out(cells, outcome="score"))
    >>> round(effect.value, 6), effect.clusters, effect.treated         # (0.6 + 0.4) / 2 - (0.1 + 0.3) / 2
    (0.3, 4, 2)
    """
    rows = stack(sample)
    fit = _fit(rows, columns=1.0, within=rows[["cohort"]].to_numpy())
    return _report(fit, sample, what="student-level difference-in-differences")


def gap_did(sample: SurveyDesign, *, group: str, member: object, reference: object) -> Estimate:
    """Effect of the program on a gap between two groups of students in the same schools.

    Use to ask whether the distance between `member` and `reference` changed. The gap is taken inside every
    school and wave, so whatever moves a whole school in a wave cancels; a triple difference.

    group : column of the answers that holds both values
    Returns an Estimate of the change in (member - reference), in the outcome's unit: CR2 by school,
    Satterthwaite df. Refuses (MethodError): as `lay_out`, counting only schools and waves where both groups
    answered; a group value that nobody has.

    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> cells = pd.DataFrame({"school_id": sorted("abcd" * 4), "wave": [2018, 2018, 2020, 2020] * 4,
    ...     "start_year": [2019.0] * 8 + [None] * 8, "el": ["yes", "no"] * 8,
    ...     "score": [1, 3, 2, 3, 1, 3, 3, 4, 1, 3, 1, 3, 2, 3, 2, 3.0]})
    >>> round(gap_did(lay_out(cells, outcome="score"), group="el", member="yes", reference="no").value, 6)
    1.0
    """
    answers = sample.answers
    _require_groups(answers, group=group, member=member, reference=reference)
    pair = answers[answers[group].isin([member, reference])]
    both = pair.dropna(subset=[sample.outcome]).groupby(["school_id", "wave"])[group].transform("nunique")
    pair = pair.loc[both.index[both == 2]]
    design = sample.of(pair)
    rows = stack(design, (pair[group] == member).to_numpy(float)[design.rows.index])
    of_group = rows["member"].to_numpy()
    within = np.column_stack([rows["cohort"] * 10_000 + rows["wave"], rows["cohort"] * 2 + of_group])
    fit = _fit(rows, columns=of_group[:, None], within=within)
    return _report(fit, design, what="difference-in-differences of within-school gaps")


def did_school_changes(sample: SurveyDesign) -> Estimate:
    """Effect of the program on school means: a t-test on one change per school.

    Use beside `did_survey` as the plainest check: every school counts the same and nothing is asked of the
    students. A school's change is the mean of its wave means after the start minus the mean of those before.
    Only schools that answered in every wave enter. Where starts differ, an adopting school's change is taken
    against the comparison schools' change over the same waves.

    Returns an Estimate in the outcome's unit. All schools share one variance of true changes, to which each
    adds the sampling noise of its own number of students; t with Satterthwaite df. Where schools are of one
    size this is the t-test with pooled variance (Welch's would leave two adopting schools without power).
    Refuses (MethodError): as `lay_out`, counting only schools present in every wave.

    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})
    >>> change = did_school_changes(lay_out(cells, outcome="score"))
    >>> round(change.value, 6), change.df
    (0.3, 2.0)
    """
    design = sample.of(sample.answers, every_wave=True)
    own, other = changes_by_arm(design)
    se, df = _pooled_spread(own, other)
    value = float(own["change"].mean() - other["change"].mean())
    fit = ClusteredFit(value, se, df, (), len(own) + len(other), len(design.rows))
    return _report(fit, design, what="t-test on the change of each school's mean")


def in_standard_deviations(estimate: Estimate, sample: SurveyDesign) -> Estimate:
    """Express an effect in standard deviations of students before the program.

    Use to compare effects between scales and with the evidence. The divisor is the standard deviation of
    students in the first wave, pooled within adopting and comparison schools, with Hedges' small-sample
    correction. It is taken as known, so the interval is the effect's interval, rescaled.

    estimate : an effect in the unit of the sample's outcome
    Returns an Estimate in standard deviations. Refuses (MethodError) where all first-wave answers are equal.
    Source: Hedges (1981); What Works Clearinghouse 5.0, appendix E.

    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd") * 2, "wave": [2018, 2020] * 8,
    ...     "start_year": ([2019.0] * 4 + [None] * 4) * 2, "score": [1.0, 2] * 4 + [3.0, 4] * 4})
    >>> half = in_standard_deviations(Estimate(value=0.5), lay_out(cells, outcome="score"))
    >>> round(half.value, 4)                                            # SD 1.1547, correction 0.8696
    0.3765
    """
    rows = sample.rows
    first = rows[rows["wave"] == rows["wave"].min()]
    adopts = np.isfinite(first["first"])
    weighted = (first["w"] * first["y"]).groupby(adopts).transform("sum")
    centered = first["y"] - weighted / first["w"].groupby(adopts).transform("sum")
    total = first["w"].sum() * (len(first) - 2) / len(first)
    sd = float(np.sqrt((first["w"] * centered**2).sum() / total))
    if not sd > 0:
        what = f"All answers to {sample.outcome} in the first wave are equal."
        raise MethodError(Problem(sample.outcome, what, "Check the answers of the first wave."))
    method = f"{estimate.method}; divided by the first-wave SD of students ({sd:.3g}), Hedges-corrected"
    return scaled(estimate, small_sample(len(first)) / sd, unit="SD", method=method)


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


def changes_by_arm(design: SurveyDesign) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each school's change, wave effects removed, and what its variance is made of, by arm.

    Each start gives the comparison schools a change over its own waves. An adopting school's change is
    measured from their mean; a comparison school's changes are averaged over the adopting schools' starts.
    Returns adopting and comparison schools (index school): change, noise (its sampling variance), shocks (sum
    of squares of the waves' weights). design: schools present in every wave.
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


def _report(fit: ClusteredFit, design: SurveyDesign, *, what: str) -> Estimate:
    """Turn a fit into an Estimate with its t interval."""
    cohorts = len(design.cohorts)
    notes = [what, f"{'CR2 by school, ' if fit.coefficients else ''}t({fit.df:.1f})"]
    if cohorts > 1:
        notes.append(f"{cohorts} starts, each against schools not yet started")
    if design.left_out:
        notes.append(f"{count_of(design.left_out, 'school')} without the needed waves left out")
    words = design.sample | {"unit": design.unit, "clusters": fit.clusters_n, "method": "; ".join(notes)}
    return t_estimate(fit.value, fit.se, fit.df, **words)
