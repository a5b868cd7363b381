"""For simulated studies: what was planted beside what was found."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rpeval.findings.finding import Finding


def planted_and_found(truth: Mapping[str, Mapping[str, Any]], found: Mapping[str, Finding]) -> pd.DataFrame:
    """Put each planted value beside its finding.

    truth : finding id to {value, unit}, as the simulator states it
    found : finding id to Finding
    Returns one row per planted id that was looked for: id, label, unit, planted, found, low, high,
    inside ("yes", "no", or "no interval").

    >>> f = Finding("a.b", "Effect", -2.0, "exact", "−2.0", low=-3.0, high=-1.0)
    >>> planted_and_found({"a.b": {"value": -2.5}}, {"a.b": f})["inside"].tolist()
    ['yes']
    """
    rows = []
    for id, told in truth.items():
        f = found.get(id)
        if f is None or isinstance(f.value, str):
            continue
        planted = float(told["value"])
        rows.append({"id": id, "label": f.label, "unit": f.unit, "planted": planted, "found": f.value,
                     "low": f.low, "high": f.high, "inside": _inside(planted, f)})  # fmt: skip
    columns = ["id", "label", "unit", "planted", "found", "low", "high", "inside"]
    return pd.DataFrame(rows, columns=columns)


def _inside(planted: float, f: Finding) -> str:
    if f.low is None or f.high is None:
        return "no interval"
    return "yes" if f.low <= planted <= f.high else "no"
