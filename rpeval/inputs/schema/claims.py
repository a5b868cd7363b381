"""What is claimed and feared of restorative practices, what was published about it, and WWC's boundary."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rpeval.inputs.schema.values import Form, Number, Positive, Switch, Text, Texts, matching, refuse
from rpeval.inputs.words import list_words, quote

LONGEST_QUOTE = 15  # words

Design = Literal["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10"]
Rule = Literal["benefit", "no_harm", "gap", "delivery", "mechanism", "external", "flag", "not_checkable"]
Strength = Literal[
    "trial", "compromised trial", "comparison over time", "trend", "association", "before and after",
    "description", "review", "cost",
]  # fmt: skip


def _short(text: str) -> str:
    if len(text.split()) > LONGEST_QUOTE:
        raise refuse(f"The quotation has {len(text.split())} words.", f"Quote at most {LONGEST_QUOTE} words.")
    return text


ID = r"[a-z][a-z0-9_*]*(\.[a-z0-9_*]+)+"
Pattern = Annotated[
    Text, matching(ID, "{} is no finding's id.", "Write lower-case words joined by dots, * for any word.")
]
Patterns = tuple[Pattern, ...]
ClaimId = Annotated[Text, matching("C[0-9]{2}", "{} is no claim's id.", "Write C and two digits, like C01.")]
CheckId = Annotated[Text, matching("A[0-9]{2}", "{} is no check's id.", "Write A and two digits, like A01.")]


class Smallest(Form):
    """The smallest change that counts, or the largest worsening that is accepted; its sign says which way.

    relative  : percent of the outcome's level
    points    : points of the outcome (per 100 students, or percentage points)
    sd        : standard deviations among students or staff
    log_ratio : change of the logarithm of the ratio of two groups' rates
    share     : percent that must be reached
    note      : what no number here says
    """

    relative: Number | None = None
    points: Number | None = None
    sd: Number | None = None
    log_ratio: Number | None = None
    share: Positive | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.model_fields_set:
            raise refuse("It says nothing.", "Write a number, or a note.")
        return self


class Flag(Form):
    """A finding that raises a check: by being there at all, or by lying below or above a value.

    harm : whether it establishes the harm, not only signals it
    """

    finding: Pattern
    below: Number | None = None
    above: Number | None = None
    harm: Switch = False


class Claim(Form):
    """One claim about restorative practices, and what would answer it.

    who         : organizations that make it, by their full names
    says        : the claim in our words
    quote       : at most fifteen words of theirs
    about       : the construct behind it
    needs       : the data that would answer it, to complete the sentence "It would need …"
    design      : designs that could answer it, best first, by their step on the ladder
    rule        : rules of the verdict
    smallest    : smallest change that counts
    beside      : ids of the checks that are printed in the same box
    answered_by : findings that answer it, the best first; a * stands for one word
    recorded    : whether a fall of recorded suspensions alone cannot support it
    """

    who: Texts = Field(min_length=1)
    says: Text
    quote: Annotated[Text, AfterValidator(_short)] | None = None
    about: Text | None = None
    outcome: Text | None = None
    needs: Text | None = None
    estimand: Text | None = None
    design: tuple[Design, ...] = ()
    rule: tuple[Rule, ...] = Field(min_length=1)
    smallest: Smallest | None = None
    beside: Texts = ()
    answered_by: Patterns = ()
    recorded: Switch = False

    @property
    def checkable(self) -> bool:
        """Whether data could answer it."""
        return "not_checkable" not in self.rule

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.checkable and not (self.needs and self.answered_by):
            raise refuse("Nothing says what would answer it.", "Add `needs:` and `answered_by:`.")
        if not self.checkable and self.answered_by:
            raise refuse("It cannot be checked, and yet findings answer it.", "Delete `answered_by:`.")
        return self


class Check(Form):
    """One worry about restorative practices, and what would settle it.

    worry       : what critics fear, in our words
    margin      : the largest worsening that is accepted, or what raises the flag
    answered_by : findings that judge it: all that the study has, and the worst decides
    otherwise   : findings that judge it where there are none of those
    flagged_by  : findings that raise it
    The other keys are those of a claim.
    """

    worry: Text
    outcome: Text
    needs: Text
    design: Text
    rule: tuple[Rule, ...] = Field(min_length=1)
    margin: Smallest
    answered_by: Patterns = Field(min_length=1)
    otherwise: Patterns = ()
    flagged_by: tuple[Flag, ...] = ()


class Register(Form):
    """The claims register: the ladder of designs, the claims, and the checks that stand beside them."""

    designs: dict[Design, Text]
    claims: dict[ClaimId, Claim] = Field(min_length=1)
    checks: dict[CheckId, Check] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for id, claim in self.claims.items():
            unknown = [check for check in claim.beside if check not in self.checks]
            if unknown:
                what = f"{id} stands beside {list_words(unknown)}, which is no check."
                raise refuse(what, "Add the check, or delete it there.")
        used = {design for claim in self.claims.values() for design in claim.design}
        if lacking := sorted(used - set(self.designs)):
            raise refuse(f"{quote(lacking[0])} is not explained.", "Explain it in `designs:`.", at="designs")
        return self


class Evidence(Form):
    """One published finding.

    strength : how well the design can show a cause; design tells it in words
    finding  : what was found, in our words; value, low and high where it is one number, in `unit`
    caution  : our own note on what the finding cannot show
    source   : who published it
    bears_on : findings of a study beside which it may stand; a * stands for one word
    checked  : whether it was read in its source; if not, it is never printed
    """

    study: Text
    years: Text
    place: Text
    strength: Strength
    design: Text
    units: Text
    outcome: Text
    finding: Text
    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    unit: Text | None = None
    caution: Text | None = None
    source: Text
    bears_on: Patterns = Field(min_length=1)
    checked: Switch = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.value is not None and self.unit is None:
            raise refuse("The number has no unit.", "Add `unit:`.", at="unit")
        ends = (self.low, self.value, self.high)
        if (self.low is None) != (self.high is None) or (self.low is not None and self.value is None):
            raise refuse("The interval is not whole.", "Write value, low and high.", at="low")
        if self.low is not None and sorted(ends) != list(ends):
            raise refuse("The value lies outside its interval.", "Correct the numbers.", at="value")
        return self


class Attrition(Form):
    """WWC's boundary: the largest differential attrition that is low, in percentage points.

    cautious, optimistic : for overall attrition of 0, 1, 2, … percent; beyond the list it is always high
    """

    source: Text
    checked: Switch
    cautious: tuple[Number, ...] = Field(min_length=1)
    optimistic: tuple[Number, ...] = Field(min_length=1)
