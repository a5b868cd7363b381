"""What a simulated study was drawn to show."""

from typing import Any

from rpeval.errors import DataError, Problem
from rpeval.inputs.schema.study import Params
from rpeval.inputs.schema.values import read_number
from rpeval.inputs.schema.yaml_text import read_yaml


def read_truth(params: Params) -> dict[str, dict[str, Any]]:
    """Read the planted values of a simulated study.

    Returns finding id to {value (a number), unit, note}; nothing for a study that names no truth.
    Refuses (DataError, all at once) an entry without a number.
    """
    path = params.source_paths().get("truth")
    truth, problems = {}, []
    for id, told in (read_yaml(path, name=path.name) if path else {}).items():
        try:
            truth[id] = {**told, "value": read_number(told["value"])}
        except (KeyError, TypeError, ValueError):
            fix = "Write `value: 1.5` below it."
            problems.append(Problem(f"{path.name}: {id}", "It has no number.", fix))
    if problems:
        raise DataError(problems)
    return truth
