"""Which of two effects on a survey leads: the design chooses, never the outcome."""

from dataclasses import dataclass
from typing import Literal

from rpeval.estimate import Estimate, Refusal, attempt
from rpeval.methods.survey.clustered import did_school_changes, did_survey
from rpeval.methods.survey.survey_design import SurveyDesign
from rpeval.methods.wording import count_of

FEW_ON_A_SIDE = 6

Counts = Literal["students", "schools"]


@dataclass(frozen=True, slots=True)
class Leading:
    """The effect that a report gives first, and the other one beside it.

    effect : the study's one number
    beside : the other estimate, or why it was refused
    counts : what the leading effect is an average of: "students" (`did_survey`) or "schools"
             (`did_school_changes`)
    reason : why it leads, in one sentence
    """

    effect: Estimate
    beside: Estimate | Refusal
    counts: Counts
    reason: str


def effect_by_design(sample: SurveyDesign) -> Leading:
    """Effect of the program on a survey outcome, with the interval that holds its level in such a design.

    Use as the one number of a study. Where there are six schools or more on both sides, the student-level
    difference-in-differences with CR2 leads. Where there are fewer, it learns their spread from these few
    alone, and its interval becomes up to four times as wide as it need be; then the t-test on school changes
    leads, which learns the spread from all schools (bench/survey_calibration).

    >>> import pandas as pd
    >>> from rpeval.methods.survey.survey_design import lay_out
    >>> cells = pd.DataFrame({"school_id": list("aabbccdd"), "wave": [2018, 2020] * 4,
    ...     "start_year": [2019.0] * 4 + [None] * 4, "score": [3.0, 3.6, 2.0, 2.4, 3.0, 3.1, 1.0, 1.3]})
    >>> found = effect_by_design(lay_out(cells, outcome="score"))
    >>> found.counts, round(found.effect.value, 6)
    ('schools', 0.3)
    >>> found.reason
    'With only 2 adopting schools, the change of each school is tested: the spread comes from all 4 schools.'
    """
    students, changes = did_survey(sample), attempt(did_school_changes, sample)
    if isinstance(changes, Refusal):
        reason = f"Only students can be compared, because school changes cannot: {changes.reason}"
        return Leading(students, changes, "students", reason)
    counts, reason = choose(changes.clusters or 0, changes.treated or 0)
    first, second = (students, changes) if counts == "students" else (changes, students)
    return Leading(first, second, counts, reason)


def choose(schools_n: int, adopters_n: int) -> tuple[Counts, str]:
    """Choose the leading effect by the number of schools, and say why.

    >>> choose(30, 12)
    ('students', 'With 12 adopting schools and 18 others, each side shows its own spread.')
    """
    others_n = schools_n - adopters_n
    if min(adopters_n, others_n) >= FEW_ON_A_SIDE:
        sides = f"{count_of(adopters_n, 'adopting school')} and {others_n} others"
        return "students", f"With {sides}, each side shows its own spread."
    few = count_of(adopters_n, "adopting school")
    if others_n < adopters_n:
        few = count_of(others_n, "comparison school")
    why = f"the change of each school is tested: the spread comes from all {schools_n} schools."
    return "schools", f"With only {few}, {why}"
