"""Do students of two groups who belong equally answer an item alike? Ordinal logits, item by item."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from rpeval.errors import MethodError, Problem
from rpeval.methods.multiplicity import benjamini_hochberg
from rpeval.methods.survey.describe import require_group
from rpeval.methods.survey.factors import ROWS_LEAST
from rpeval.methods.survey.items import Items
from rpeval.methods.survey.ordinal import OrdinalFit, fit_ordinal

ALARM = 0.05
SIZE_LEAST = 0.1  # standard deviations of the item; less is not worth a reader's time
COLUMNS = ["item", "group", "students_n", "difference", "difference_sd", "r2_change", "p"]


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Complete answers of one group and the reference, and the independent units if there are fewer."""

    codes: np.ndarray
    member: np.ndarray
    school: np.ndarray | None


def item_functioning(
    items: Items, *, group: str, reference: object = None, by_school: bool = False
) -> pd.DataFrame:
    """Compare how groups answer each item when their total score is the same.

    Use before a gap between groups is read as a gap in belonging: an item that one group answers differently
    at the same total adds to the gap without being part of it. Every other group is compared with the
    reference by a proportional-odds logit of the item on the total, the group, and both together. Flagged
    items leave the total one by one, the furthest first, and stay a minority. The item itself stays in its
    total, so the difference is told somewhat too small.

    group     : column of the rows; who left an item unanswered, or has no group, leaves
    reference : the group the others are compared with; the largest where absent
    by_school : schools are the independent units of the test
    Returns one row per item and group: item, group, students_n (of the group), difference (expected answer
    less that of the reference at the same totals, averaged over the group, in points), difference_sd (in
    standard deviations of the item), r2_change (McFadden), p, p_adjusted (Benjamini-Hochberg over all rows),
    flagged (p_adjusted below 0.05 and 0.1 standard deviations or more). Groups below 100 have no row.
    Refuses (MethodError): fewer than three items; no two groups of 100; a reference that is none of them; as
    `fit_ordinal`.
    Source: Zumbo (1999), ordinal logistic regression for differential item functioning.

    >>> from rpeval.methods.survey.factors import planted_answers
    >>> from rpeval.methods.survey.items import lay_out_items
    >>> answers = planted_answers(loadings=[0.7] * 5, n=4_000, seed=1)
    >>> answers["el"] = np.where(answers.index % 2, "yes", "no")
    >>> harder = (answers["el"] == "yes") & (answers["i0"] > 1)
    >>> answers.loc[harder & (answers.index % 3 == 0), "i0"] -= 1         # a third of them answer one lower
    >>> items = lay_out_items(answers, items=[f"i{j}" for j in range(5)], low=1, high=4)
    >>> found = item_functioning(items, group="el")
    >>> found.loc[found["flagged"], ["item", "group"]].to_numpy().tolist()
    [['i0', 'yes']]
    """
    require_group(items.rows, group)
    if len(items.names) < 3:
        what = f"{len(items.names)} items leave no total to compare at."
        raise MethodError(Problem("items", what, "Use a scale of three items or more."))
    told = items.part(items.complete & items.rows[group].notna().to_numpy())
    labels = told.rows[group].reset_index(drop=True)
    counts = labels.value_counts()
    large = sorted(counts.index[counts >= ROWS_LEAST], key=str)
    reference = max(large, key=lambda name: counts[name]) if reference is None and large else reference
    if len(large) < 2 or reference not in large:
        named = f"{', '.join(map(str, large)) or 'No group'} with {ROWS_LEAST} complete answers"
        what = f"{named}; two groups are needed, the reference among them."
        raise MethodError(Problem(group, what, "Join small groups, or name another reference."))
    rows = []
    for name in (name for name in large if name != reference):
        both = labels.isin([reference, name]).to_numpy()
        pair = told.part(both)
        units = pair.rows["school_id"].to_numpy() if by_school else None
        table = _compare(_Pair(pair.codes.to_numpy(), (labels[both] == name).to_numpy(), units))
        rows += [[item, name, int(counts[name]), *row] for item, row in zip(items.names, table, strict=True)]
    found = pd.DataFrame(rows, columns=COLUMNS)
    return _flagged(found)


def _flagged(found: pd.DataFrame) -> pd.DataFrame:
    """Adjust the p-values for their number, and flag what is neither chance nor small."""
    adjusted = benjamini_hochberg(found["p"].tolist())
    large = found["difference_sd"].abs() >= SIZE_LEAST
    return found.assign(p_adjusted=adjusted, flagged=(adjusted < ALARM) & large)


def _compare(pair: _Pair) -> list[list[float]]:
    """Compare every item at equal totals; flagged items leave the total, the furthest first."""
    k = pair.codes.shape[1]
    anchors = np.ones(k, bool)
    while True:
        rows = [_compare_item(pair, j, anchors) for j in range(k)]
        found = _flagged(pd.DataFrame(rows, columns=COLUMNS[3:]))
        distance = found["difference_sd"].abs().where(found["flagged"] & anchors, 0.0).to_numpy()
        if not distance.any() or (~anchors).sum() + 1 >= k / 2:
            return rows
        anchors[int(np.argmax(distance))] = False


def _compare_item(pair: _Pair, item: int, anchors: np.ndarray) -> list[float]:
    """Difference in points and in standard deviations, change of R2, and p, of one item."""
    own = pair.codes[:, item]
    total = pair.codes[:, anchors | (np.arange(len(anchors)) == item)].sum(axis=1)
    total = (total - total.mean()) / total.std()
    cells = _count(own, total, pair)
    y, x, g, w = (cells[name].to_numpy(float) for name in ("own", "total", "member", "n"))
    asked = {"cluster": cells["school"].to_numpy(), "weight": w}
    full = fit_ordinal(y, np.column_stack([x, g, g * x]), **asked)
    base = fit_ordinal(y, x[:, None], **asked)
    gain = full.log_likelihood - base.log_likelihood
    p = float(stats.chi2.sf(2 * gain, 2)) if pair.school is None else _tail_by_school(full)
    values, counts = np.unique(own, return_counts=True)
    points = _points(full, values, total[pair.member])
    nothing = counts @ np.log(counts / len(own))
    return [points, points / float(own.std()), float(gain / -nothing), p]


def _count(own: np.ndarray, total: np.ndarray, pair: _Pair) -> pd.DataFrame:
    """Count equal respondents; without schools any two halves do, the likelihood is the same."""
    table = pd.DataFrame({"own": own, "total": total, "member": pair.member})
    if pair.school is not None:
        table["school"] = pair.school
    cells = table.groupby(list(table.columns), sort=True).size().rename("n").reset_index()
    return cells if pair.school is not None else cells.assign(school=np.arange(len(cells)) % 2)


def _points(fit: OrdinalFit, values: np.ndarray, total: np.ndarray) -> float:
    """Mean difference between the group's expected answer and the reference's at the group's totals."""
    slope, shift, bend = fit.coefficients
    step, eta = np.diff(values), slope * total
    mine, theirs = (expit(at[:, None] - fit.cuts) @ step for at in (eta + shift + bend * total, eta))
    return float((mine - theirs).mean())


def _tail_by_school(fit: OrdinalFit) -> float:
    """Wald test of both coefficients of the group, for few schools."""
    at = len(fit.cuts) + np.array([1, 2])
    df = fit.clusters_n - 1
    if df < 2:
        what = f"{fit.clusters_n} schools cannot carry the test."
        raise MethodError(Problem("school", what, "Use three schools or more, or name no school."))
    wald = fit.coefficients[1:] @ np.linalg.solve(fit.covariance[np.ix_(at, at)], fit.coefficients[1:])
    return float(stats.f.sf(wald * (df - 1) / (2 * df), 2, df - 1))
