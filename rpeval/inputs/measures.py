"""The standard outcomes: their names, what they count, and which direction is better."""

from pathlib import Path
from typing import Literal

from rpeval.inputs.schema.forms import read_entries
from rpeval.inputs.schema.values import Form, Text

MEASURES = "data/reference/measures.yml"


class Measure(Form):
    """An outcome: its label and unit for readers, the direction that is better, and what it counts."""

    label: Text
    unit: Text
    better: Literal["lower", "higher"]
    counts: Literal["events", "students", "days"]


def read_measures(root: Path) -> dict[str, Measure]:
    """Read the outcomes that a study can name, from data/reference/measures.yml.

    root : the project's folder
    Returns the measures by name ("oss_per_100"), in the order of the file.
    Refuses (ParamsError, all at once) a file that is missing or does not fit.
    """
    return read_entries(Measure, root / MEASURES, name=MEASURES)
