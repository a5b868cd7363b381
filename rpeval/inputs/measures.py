"""The standard outcomes: their names, what they count, and which direction is better."""

from pathlib import Path
from typing import Literal

from rpeval.errors import ParamsError
from rpeval.inputs.schema.forms import fill
from rpeval.inputs.schema.values import Form, Text
from rpeval.inputs.schema.yaml_text import read_yaml

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
    measures, problems = {}, []
    for name, content in read_yaml(root / MEASURES, name=MEASURES).items():
        measures[name], wrong = fill(Measure, content, name=f"{MEASURES}: {name}")
        problems += wrong
    if problems:
        raise ParamsError(problems)
    return measures
