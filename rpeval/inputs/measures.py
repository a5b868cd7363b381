"""The standard outcomes: their names, what they count, and which direction is better."""

from pathlib import Path
from typing import Literal

from rpeval.inputs.schema.forms import read_entries
from rpeval.inputs.schema.values import Form, Switch, Text

MEASURES = "data/reference/measures.yml"


class Measure(Form):
    """An outcome: its label and unit for readers, the direction that is better, and what it counts.

    log : whether it comes from the schools' own log of discipline, whose fall can be a fall in recording;
          false for what others record or tell: a nurse, the police, students asked
    """

    label: Text
    unit: Text
    better: Literal["lower", "higher"]
    counts: Literal["events", "students", "days", "staff", "score"]
    log: Switch = False


def read_measures(root: Path) -> dict[str, Measure]:
    """Read the outcomes that a study can name, from data/reference/measures.yml.

    root : the project's folder
    Returns the measures by name ("oss_per_100"), in the order of the file.
    Refuses (ParamsError, all at once) a file that is missing or does not fit.
    """
    return read_entries(Measure, root / MEASURES, name=MEASURES)
