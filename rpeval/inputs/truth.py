"""What a simulated study was drawn to show."""

from typing import Any

from rpeval.inputs.schema.forms import read_entries
from rpeval.inputs.schema.study import Params
from rpeval.inputs.schema.values import Exact, Form, Number


class Planted(Form):
    """A value that a study was drawn to show, in expectation."""

    value: Number
    unit: Exact = ""
    note: Exact = ""


def read_truth(params: Params) -> dict[str, dict[str, Any]]:
    """Read the planted values of a simulated study.

    Returns finding id to {value (a number), unit, note}; nothing for a study that names no truth.
    Refuses (ParamsError, all at once) an entry without a number.
    """
    path = params.source_paths().get("truth")
    planted = read_entries(Planted, path, name=path.name) if path else {}
    return {id: told.model_dump() for id, told in planted.items()}
