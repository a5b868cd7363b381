"""What a study would be worth under federal evidence standards: a self-assessment with its reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rpeval.findings.claims import decision
from rpeval.findings.finding import Finding

STANDING = "self-assessed against WWC 5.0; not a WWC review"

NOT_ELIGIBLE, FAILS = "not eligible", "does not meet standards"
WITH, WITHOUT = "meets standards with reservations", "meets standards without reservations"
ORDER = (NOT_ELIGIBLE, FAILS, WITH, WITHOUT)

EQUAL, ADJUSTABLE = 0.05, 0.25  # baseline differences in standard deviations
LEAST_STUDENTS, LEAST_SITES = 350, 2

Design = Literal["trial", "comparison groups", "single group"]
Boundary = Literal["cautious", "optimistic"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """How far apart the arms were before, on one outcome.

    effect_size : Hedges' g or Cox index of the analyzed sample; None where it is not known
    adjusted    : whether the analysis adjusts for the outcome before in a way the standards accept
    """

    outcome: str
    effect_size: float | None
    adjusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the standards ask of a study.

    design                : trial (schools assigned by lottery), comparison groups, or single group
    program, comparison   : schools in each arm
    attrition, nonresponse: overall and differential percent lost, of schools and of students in them; None
                            where not known, which counts as high
    compromised           : whether the assignment was not kept
    joiners_at_risk       : whether students who came after the start could have come for the program; None
                            where not known, which counts as a risk
    baselines             : one for each outcome
    positive, negative    : outcomes of one domain with a significant better or worse effect, corrected for
                            schools as clusters and for several outcomes
    students, districts   : in both arms
    controls              : whether an analysis without groups alike controls for selection
    rationale             : whether a logic model, and an evaluation that goes on, support the program
    found_in              : fact to the id of the finding it was taken from
    """

    design: Design
    program: int
    comparison: int
    attrition: tuple[float, float] | None = None
    nonresponse: tuple[float, float] | None = None
    compromised: bool = False
    joiners_at_risk: bool | None = None
    baselines: tuple[Baseline, ...] = ()
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    students: int | None = None
    districts: int = 1
    controls: bool = False
    rationale: bool = False
    found_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of a rating: the fact it rests on, what follows, and the finding the fact was taken from."""

    fact: str
    says: str
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """A self-assessed rating.

    rating   : of the study, that of its best outcome
    outcomes : outcome to its own rating
    reasons  : in the order in which they decided
    other    : the rating under the other attrition boundary
    standing : what must be printed beside it
    """

    rating: str
    outcomes: Mapping[str, str]
    reasons: tuple[Reason, ...]
    other: str
    standing: str = STANDING


@dataclass(frozen=True, slots=True)
class Tiers:
    """The evidence tier under the Every Student Succeeds Act, 1 (strong) to 4 (rationale), or None.

    schools   : read with schools as sites, as WWC does
    districts : read with districts as sites, as the Department's regulation can be read
    reasons   : what was met and what was not
    standing  : what must be printed beside it
    """

    schools: int | None
    districts: int | None
    reasons: tuple[Reason, ...]
    standing: str = STANDING


def low_attrition(overall: float, differential: float, *, limits: Sequence[float]) -> bool:
    """Say whether attrition is low: the difference between the arms is within the limit for the whole.

    overall, differential : percent and percentage points
    limits : largest difference for 0, 1, 2, … percent overall; between two rows the stricter one holds, and
             beyond the last attrition is high
    Source: What Works Clearinghouse, Standards Handbook 4.1, Table II.1.

    >>> low_attrition(1.0, 5.5, limits=[5.7, 5.8]), low_attrition(2.0, 0.0, limits=[5.7, 5.8])
    (True, False)
    """
    rows = {int(overall), int(-(-overall // 1))}
    return max(rows) < len(limits) and abs(differential) <= min(limits[row] for row in rows)


def rate(facts: Facts, *, attrition: Any, boundary: Boundary = "cautious") -> Rating:
    """Assess a study of schools against the group-design standards of WWC 5.0.

    Use for the self-assessment of a study, and for a plan before it starts; never call it a WWC rating.

    attrition : the boundary table, as `rpeval.inputs.claims.read_attrition` gives it
    boundary  : cautious where the program could itself make students leave, which is the default
    The rule, first match: not eligible (no comparison group); does not meet (one school in an arm, which
    cannot be told apart from the program); without reservations (an uncompromised trial with low attrition of
    schools and students and no joiners at risk); with reservations (an outcome on which the arms were alike
    before: at most 0.05 standard deviations apart, or at most 0.25 and adjusted); does not meet.
    Returns a Rating with its reasons. Facts that are not known count against the study.
    Source: What Works Clearinghouse, Procedures and Standards Handbook 5.0 (2022).

    >>> from types import SimpleNamespace as S
    >>> before = (Baseline("suspensions", 0.04),)
    >>> facts = Facts(design="comparison groups", program=24, comparison=36, baselines=before)
    >>> rate(facts, attrition=S(cautious=[5.7], optimistic=[10.0])).rating
    'meets standards with reservations'
    """
    limits = {"cautious": attrition.cautious, "optimistic": attrition.optimistic}
    other = "optimistic" if boundary == "cautious" else "cautious"
    outcomes, reasons = _rate(facts, limits[boundary], boundary)
    elsewhere, _ = _rate(facts, limits[other], other)
    return Rating(_best(outcomes), outcomes, reasons, _best(elsewhere))


def _best(outcomes: Mapping[str, str]) -> str:
    return max(outcomes.values(), key=ORDER.index)


def _rate(facts: Facts, limits: Sequence[float], boundary: str) -> tuple[dict[str, str], tuple[Reason, ...]]:
    names = [b.outcome for b in facts.baselines] or ["all outcomes"]
    if facts.design == "single group" or 0 in (facts.program, facts.comparison):
        says = "Without a comparison group no rating applies."
        return dict.fromkeys(names, NOT_ELIGIBLE), (_reason(facts, "design", says),)
    if min(facts.program, facts.comparison) == 1:
        says = "One school in an arm cannot be told apart from the program: a confound."
        return dict.fromkeys(names, FAILS), (_reason(facts, _smaller(facts), says),)
    kept, reasons = _kept_as_trial(facts, limits, boundary)
    if kept:
        return dict.fromkeys(names, WITHOUT), tuple(reasons)
    outcomes = {}
    for one in facts.baselines:
        alike, says = _alike(one)
        outcomes[one.outcome] = WITH if alike else FAILS
        reasons.append(_reason(facts, f"baseline.{one.outcome}", says))
    if not outcomes:
        reasons.append(_reason(facts, "baselines", "Whether the arms were alike before was not shown."))
    return outcomes or dict.fromkeys(names, FAILS), tuple(reasons)


def _kept_as_trial(facts: Facts, limits: Sequence[float], boundary: str) -> tuple[bool, list[Reason]]:
    """Say whether a study keeps what its lottery gave it, and why or why not."""
    if facts.design != "trial":
        says = "Schools were not assigned by lottery, so the arms must be shown to have been alike before."
        return False, [_reason(facts, "design", says)]
    reasons = [_reason(facts, "design", "Schools were assigned by lottery.")]
    kept = not facts.compromised
    if facts.compromised:
        reasons.append(_reason(facts, "compromised", "The assignment was compromised."))
    for fact, whom in (("attrition", "schools"), ("nonresponse", "students in them")):
        lost = getattr(facts, fact)
        low = lost is not None and low_attrition(*lost, limits=limits)
        known = "not known, which counts as high" if lost is None else "low" if low else "high"
        reasons.append(_reason(facts, fact, f"Attrition of {whom} is {known} ({boundary} boundary)."))
        kept = kept and low
    if facts.joiners_at_risk is not False:
        known = "are a risk" if facts.joiners_at_risk else "were not logged, which counts as a risk"
        reasons.append(_reason(facts, "joiners_at_risk", f"Students who joined after the start {known}."))
        kept = False
    return kept, reasons


def _alike(one: Baseline) -> tuple[bool, str]:
    if one.effect_size is None:
        return False, f"{one.outcome}: the difference before is not known."
    size = abs(one.effect_size)
    apart = f"{one.outcome}: {size:.2f} standard deviations apart before"
    if size <= EQUAL:
        return True, f"{apart}, which is alike."
    if size <= ADJUSTABLE:
        return one.adjusted, f"{apart}, which needs an adjustment; {'made' if one.adjusted else 'none made'}."
    return False, f"{apart}, too far for any adjustment."


def _smaller(facts: Facts) -> str:
    return "program" if facts.program <= facts.comparison else "comparison"


def _reason(facts: Facts, fact: str, says: str) -> Reason:
    return Reason(fact, says, facts.found_in.get(fact, ""))


def tiers(facts: Facts, rating: Rating) -> Tiers:
    """Give the evidence tier under the Every Student Succeeds Act, in both readings of a site.

    rating : from `rate`
    The rule: no tier above rationale without a significant better effect, or with a significant worse one;
    strong (1) for an outcome rated without reservations, moderate (2) with them, both with at least 350
    students at two sites or more; promising (3) where size or sites are missing, or for an analysis that
    controls for selection; rationale (4). A study of one district has one site where sites are districts.
    Source: WWC, ESSA tiers of evidence; Every Student Succeeds Act, section 8101(21); 34 CFR 77.1.
    """
    reasons = [_reason(facts, "positive", f"Significantly better: {', '.join(facts.positive) or 'nothing'}.")]
    if facts.negative:
        reasons.append(_reason(facts, "negative", f"Significantly worse: {', '.join(facts.negative)}."))
    large = facts.students is not None and facts.students >= LEAST_STUDENTS
    told = "number of students not known" if facts.students is None else f"{facts.students:,} students"
    reasons.append(_reason(facts, "students", f"At least {LEAST_STUDENTS} are asked: {told}."))
    schools = facts.program + facts.comparison
    told = f"Sites as schools: {schools}. Sites as districts: {facts.districts}."
    reasons.append(_reason(facts, "program", told))
    rated = [r for r in (_rating_of(rating, outcome) for outcome in facts.positive) if r in (WITH, WITHOUT)]
    read = [_tier(facts, rated, large and sites >= LEAST_SITES) for sites in (schools, facts.districts)]
    return Tiers(read[0], read[1], tuple(reasons))


def _rating_of(rating: Rating, outcome: str) -> str:
    """Give the rating of an outcome; that of all where the rating did not tell outcomes apart."""
    return rating.outcomes.get(outcome, rating.outcomes.get("all outcomes", FAILS))


def _tier(facts: Facts, rated: Sequence[str], large: bool) -> int | None:
    if facts.positive and not facts.negative:
        if rated and large:
            return 1 if WITHOUT in rated else 2
        if rated or facts.controls:
            return 3
    return 4 if facts.rationale else None


def facts_of(
    findings: Mapping[str, Finding], *, design: Design, outcomes: Mapping[str, str], adjusted: bool,
    students: int | None = None, **more: Any,
) -> Facts:  # fmt: skip
    """Fill the facts from what a run found.

    outcomes : outcome, in words, to the id of its effect ("suspensions.att"); the difference before is looked
               for as "standards.baseline.<room>", with the first word of that id as the room
    adjusted : whether the effects adjust for the outcome before, as a difference-in-differences does
    more     : any other field of Facts that no finding tells (attrition, compromised, districts, …)
    An effect is significant where its interval excludes zero; the side is that of its verdict.
    """
    arms = {"program": "data.adopters", "comparison": "data.comparisons"}
    counts = {fact: _count(findings, id) for fact, id in arms.items()}
    found_in = {fact: id for fact, id in arms.items() if id in findings}
    baselines, sides = [], {"better": [], "worse": []}
    for outcome, id in outcomes.items():
        before = f"standards.baseline.{id.split('.')[0]}"
        size = findings[before].value if before in findings else None
        baselines.append(Baseline(outcome, size, adjusted))
        found_in |= {f"baseline.{outcome}": before} if before in findings else {}
        if side := _side(id, findings):
            sides[side].append(outcome)
    return Facts(design=design, **counts, baselines=tuple(baselines), positive=tuple(sides["better"]),
                 negative=tuple(sides["worse"]), students=students, found_in=found_in, **more)  # fmt: skip


def _count(findings: Mapping[str, Finding], id: str) -> int:
    value = findings[id].value if id in findings else None
    return value if isinstance(value, int) else 0


def _side(id: str, findings: Mapping[str, Finding]) -> str:
    """Say on which side an effect is significant, by its verdict and its interval."""
    state, finding = decision(id, findings) if id in findings else "", findings.get(id)
    if state in ("contradicted", "harm", "harm signal", "widened"):
        return "worse"
    ends = (finding.low, finding.high) if finding else (None, None)
    clear = None not in ends and (min(ends) > 0 or max(ends) < 0)
    return "better" if clear and state in ("supported", "leaning", "narrowed") else ""
