"""What a source counts and what a state's rule says: facts with their source, each checked or not."""

from typing import Annotated, Any, Literal

from pydantic import Field

from rpeval.inputs.schema.values import Form, Positive, Switch, Text, Whole, between

UNCHECKED = "as entered, not checked"
Category = Literal[
    "identified", "intellectual_disability", "specific_learning_disability", "emotional_disturbance",
    "speech_language", "other_health", "autism", "regular_class_under_40", "separate_or_residential",
    "oss_10_or_less", "oss_over_10", "iss_10_or_less", "iss_over_10", "removals",
]  # fmt: skip


class Fact(Form):
    """One statement about a source.

    says    : a sentence, as it is printed
    source  : who says so
    checked : whether it was compared with its source; if not, it is printed with a note that says so
    """

    says: Text
    source: Text
    checked: Switch = False

    @property
    def told(self) -> str:
        """The sentence, with a note where nobody has compared it with its source."""
        return self.says if self.checked else f"{self.says} ({UNCHECKED.capitalize()}.)"


class Counted(Fact):
    """What one count of a source means: events (a student can have several), students (each once) or days."""

    count: Text
    counts: Literal["events", "students", "days"]


class Withheld(Fact):
    """How a source hides small groups; `most` is the largest group, in students, that it withholds."""

    most: Annotated[Whole, between(1, 100)]


class Definitions(Form):
    """A definition pack: what a source counts, and what it cannot see.

    counted  : the source's counts, one fact each
    half_day : from how long a removal is counted, or None where the source does not say
    not_seen : what a reader could expect in these numbers and will not find
    notes    : what else a reader must know, such as breaks in the series
    """

    id: Text
    title: Text
    publisher: Text
    counted: tuple[Counted, ...] = Field(min_length=1)
    half_day: Fact | None = None
    withheld: Withheld | None = None
    not_seen: tuple[Fact, ...] = Field(min_length=1)
    notes: tuple[Fact, ...] = ()

    @property
    def cannot_see(self) -> tuple[str, ...]:
        """What the source cannot see, in sentences for the box of that name."""
        return tuple(fact.told for fact in self.not_seen)

    @property
    def counts(self) -> tuple[str, ...]:
        """What the source counts, in sentences."""
        facts = [*self.counted, *filter(None, (self.half_day, self.withheld)), *self.notes]
        return tuple(fact.told for fact in facts)


class StateRules(Form):
    """A state's rule for significant disproportionality under IDEA (34 CFR 300.647).

    threshold     : the risk ratio that must be exceeded, for every category
    thresholds    : other thresholds, by category
    cell, n       : fewest children with the outcome, and fewest children, for a risk ratio
    years         : consecutive years above the threshold that make a flag, at most three
    progress_fall : a fall of the ratio in each of the last two years that the state calls reasonable progress
    checked       : whether these numbers were compared with the state's own document
    """

    id: Text
    title: Text
    source: Text
    checked: Switch = False
    threshold: Positive | None = None
    thresholds: dict[Category, Positive] = Field(default_factory=dict)
    cell: Annotated[Whole, between(0, 100)]
    n: Annotated[Whole, between(0, 1000)]
    years: Annotated[Whole, between(1, 3)]
    progress_fall: Positive | None = None

    @property
    def rule(self) -> dict[str, Any]:
        """What the method asks for: thresholds by category, cell, n, years and progress_fall."""
        every = dict.fromkeys(Category.__args__, self.threshold) if self.threshold is not None else {}
        return {
            "thresholds": every | self.thresholds, "cell": self.cell, "n": self.n, "years": self.years,
            "progress_fall": self.progress_fall,
        }  # fmt: skip

    @property
    def standing(self) -> str:
        """What a report says beside the rule's numbers."""
        return "checked against its source" if self.checked else UNCHECKED
