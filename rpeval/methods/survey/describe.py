"""Who answered a survey and what they answered, before any question of cause."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.methods.survey.items import Items
from rpeval.methods.wording import school_year, some


def by_wave(frame: pd.DataFrame, *, score: str, favorable: str) -> pd.DataFrame:
    """Describe each wave, split by arm.

    frame : one row per answer with wave, arm, school_id, weight, and the two outcomes
    Returns wave, arm, schools_n, students_n, score (weighted mean), favorable (weighted mean, percent); rows
    without a score are left out of all of them.

    >>> frame = pd.DataFrame({"wave": 2018, "school_id": ["a", "b"], "weight": [1.0, 3.0], "arm": "adopting",
    ...                       "score": [2.0, 4.0], "favorable": [0.0, 100.0]})
    >>> by_wave(frame, score="score", favorable="favorable")[["score", "favorable"]].iloc[0].tolist()
    [3.5, 75.0]
    """
    scored = frame[frame[score].notna()]
    weighted = scored.assign(**{c: scored[c] * scored["weight"] for c in (score, favorable)})
    made = weighted.groupby(["wave", "arm"], as_index=False, observed=True).agg(
        schools_n=("school_id", "nunique"), students_n=("school_id", "size"), weight=("weight", "sum"),
        score=(score, "sum"), favorable=(favorable, "sum"),
    )  # fmt: skip
    for column in ("score", "favorable"):
        made[column] /= made["weight"]
    return made.drop(columns="weight")


def answer_shares(items: Items, *, texts: Mapping[str, str], categories: Sequence[str]) -> pd.DataFrame:
    """Share of students in each answer category, by item and wave, favorable answers last.

    texts      : item id to the text that names it; an item that was turned around says so
    categories : names of the codes from `low` to `high`, as asked
    Returns item (text), wave, students_n, smallest_n (students in the least chosen category), and one column
    c1, c2 … per category, in percent.

    >>> from rpeval.methods.survey.items import lay_out_items
    >>> answers = pd.DataFrame({"wave": 2018, "q": [1.0, 2.0, 2.0, 2.0]})
    >>> items = lay_out_items(answers, items=["q"], low=1, high=2)
    >>> answer_shares(items, texts={"q": "I belong."}, categories=["No", "Yes"])
            item  wave  students_n  smallest_n    c1    c2
    0  I belong.  2018           4           1  25.0  75.0
    """
    codes = range(int(items.low), int(items.high) + 1)
    if len(codes) != len(categories):
        what = f"{len(categories)} names for {len(codes)} codes."
        raise MethodError(Problem("categories", what, "Name each."))
    rows = []
    for item in items.names:
        called = f"{texts[item]} (turned around)" if item in items.reverse else texts[item]
        for wave, answers in items.codes[item].groupby(items.rows["wave"]):
            counts = np.array([(answers == code).sum() for code in codes])
            shares = 100 * counts / max(counts.sum(), 1)
            rows.append([called, wave, int(counts.sum()), int(counts.min()), *shares])
    named = [f"c{k + 1}" for k in range(len(codes))]
    return pd.DataFrame(rows, columns=["item", "wave", "students_n", "smallest_n", *named])


def school_changes(frame: pd.DataFrame, *, outcome: str) -> pd.DataFrame:
    """Change of each school's mean from its first to its last wave.

    frame : one row per answer with school_id, wave, weight and the outcome; arm where it is known
    Returns school_id, arm, students_n (the smaller of its two waves), value; only schools with two waves.

    >>> frame = pd.DataFrame({"school_id": "a", "wave": [2018, 2022], "weight": 1.0, "score": [2.0, 2.5]})
    >>> school_changes(frame, outcome="score")["value"].tolist()
    [0.5]
    """
    known = frame[frame[outcome].notna()]
    arm = ["arm"] if "arm" in known else []
    weighted = known.assign(total=known[outcome] * known["weight"])
    means = weighted.groupby(["school_id", *arm, "wave"], as_index=False, observed=True).agg(
        total=("total", "sum"), weight=("weight", "sum"), students_n=("wave", "size")
    )
    means["mean"] = means["total"] / means["weight"]
    ends = means.sort_values("wave").groupby(["school_id", *arm], as_index=False, observed=True).agg(
        first=("mean", "first"), last=("mean", "last"), waves=("wave", "nunique"),
        students_n=("students_n", "min"),
    )  # fmt: skip
    ends = ends[ends["waves"] > 1]
    return ends.assign(value=ends["last"] - ends["first"])[["school_id", *arm, "students_n", "value"]]


def response(
    answers: pd.DataFrame, invited: pd.DataFrame | None, *, by: Sequence[str] = ("wave", "arm")
) -> pd.DataFrame:
    """Response rate: students who answered, of those who were invited; by wave and arm, school, or group.

    Use to judge how far the answers can speak for all students. A school that was invited and did not answer
    counts; answers of a school whose invitations are unknown do not.
    answers : one row per answer with school_id, wave, and the student groups of `by`
    invited : one row per school and wave (and student group) with invited_n, and arm where it is known
    by      : wave, arm, school_id, or columns of student groups that both frames have
    Returns the columns of `by`, students_n, invited_n, rate (percent).
    Refuses (MethodError) where no list says who was invited, or the list lacks a wave of the survey or a
    group.

    >>> answers = pd.DataFrame({"school_id": ["a"] * 3, "wave": 2018})
    >>> invited = pd.DataFrame({"school_id": ["a", "b"], "wave": 2018, "invited_n": [4.0, 2.0]})
    >>> response(answers, invited.assign(arm="adopting"))["rate"].tolist()
    [50.0]
    >>> response(answers, invited, by=["school_id"])["rate"].tolist()
    [75.0, 0.0]
    """
    groups = [name for name in by if name not in ("wave", "arm", "school_id")]
    counted = count_response(answers, invited, groups=groups)
    made = counted.groupby(list(by), as_index=False, observed=True)[["students_n", "invited_n"]].sum()
    made = made.astype({"students_n": int, "invited_n": int})
    return made.assign(rate=100 * made["students_n"] / made["invited_n"])


def require_roster(invited: pd.DataFrame | None) -> None:
    """Refuse where nothing says who was invited."""
    if invited is None or "invited_n" not in invited:
        what = "No list says who was invited, so it is not known how many of them answered."
        raise MethodError(Problem("sources.invited", what, "Name one in sources.invited."))


def require_group(frame: pd.DataFrame, group: str) -> None:
    """Refuse where the answers do not say to which group a student belongs."""
    if group not in frame:
        what = f"The answers have no column {group}." if group else "The survey has no student groups."
        raise MethodError(Problem("sources.survey", what, "Name one in sources.survey.groups."))


def count_response(
    answers: pd.DataFrame, invited: pd.DataFrame | None, *, groups: Sequence[str] = ()
) -> pd.DataFrame:
    """Count answers against invitations in every school and wave, or in every group of it.

    Returns school_id, wave, the groups, arm, start_year where the list has it, invited_n, students_n.
    Inputs and refusals as in `response`.
    """
    require_roster(invited)
    unknown = [name for name in groups if name not in invited or name not in answers]
    if unknown:
        what = f"Invitations or answers are not told by {some(unknown)}."
        raise MethodError(Problem("sources.invited", what, "Add that column to both, or leave it out."))
    whole = invited.groupby(["school_id", "wave"])["invited_n"].transform(lambda n: n.sum(skipna=False))
    known = invited[invited["wave"].isin(answers["wave"]) & (whole > 0)]
    lacking = sorted(set(answers["wave"]) - set(known["wave"]))
    if lacking:
        what = f"The list of invitations has none for the waves of {some([school_year(y) for y in lacking])}."
        raise MethodError(Problem("sources.invited", what, "Add those waves to it."))
    if "arm" not in known:
        known = known.assign(arm="all schools")
    keys = ["school_id", "wave", *groups]
    kept = [name for name in ("arm", "start_year") if name in known]
    asked = known.groupby([*keys, *kept], as_index=False, observed=True, dropna=False)["invited_n"].sum()
    answered = answers.groupby(keys, observed=True).size().rename("students_n").reset_index()
    return asked.merge(answered, on=keys, how="left").fillna({"students_n": 0})


def representativeness(
    answers: pd.DataFrame, invited: pd.DataFrame | None, *, group: str, weight: str | None = None
) -> pd.DataFrame:
    """Share of each student group among those who answered, beside its share among those invited.

    Use to see whom the answers speak for; with raked weights, to see what the weights mended.
    group  : column that both frames have
    weight : column of weights of the answers, None = equal
    Returns wave, group (the column's name), students_n, answered_share, invited_share, gap (percentage
    points), per wave. Students of unknown group are in no share. Refusals as in `response`.

    >>> answers = pd.DataFrame({"school_id": "a", "wave": 2018, "sex": ["f", "f", "f", "m"]})
    >>> invited = pd.DataFrame({"school_id": "a", "wave": 2018, "sex": ["f", "m"], "invited_n": [5.0, 5]})
    >>> representativeness(answers, invited, group="sex")["gap"].tolist()
    [25.0, -25.0]
    """
    counted = count_response(answers, invited, groups=[group])
    made = counted.groupby(["wave", group], as_index=False)[["students_n", "invited_n"]].sum()
    in_list = answers.merge(counted[["school_id", "wave", group]], on=["school_id", "wave", group])
    weights = in_list.assign(weighed=1.0 if weight is None else in_list[weight])
    made = made.merge(weights.groupby(["wave", group], as_index=False)["weighed"].sum(), how="left")
    made = made.fillna({"weighed": 0.0}).astype({"students_n": int})
    for share, column in (("answered_share", "weighed"), ("invited_share", "invited_n")):
        made[share] = 100 * made[column] / made.groupby("wave")[column].transform("sum")
    made["gap"] = made["answered_share"] - made["invited_share"]
    return made.drop(columns=["weighed", "invited_n"])


def lowest_response(rates: pd.DataFrame) -> float:
    """Give the lowest response rate among waves and arms, in percent."""
    return float(rates["rate"].min())
