"""Reporting checklists, filled from what a run knows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from rpeval.findings.finding import Finding
from rpeval.findings.patterns import match

Shown = Literal["met", "partly", "no", "not applicable"]
BY_HAND = "No finding can show it: a person must."


@dataclass(frozen=True, slots=True)
class Checked:
    """One item of a checklist.

    state : met (everything asked is shown), partly, no, or not applicable
    where : ids of the findings and tables that show it
    note  : what is lacking
    """

    id: str
    asks: str
    state: Shown
    where: tuple[str, ...] = ()
    note: str = ""


def fill_checklist(
    checklist: Any, findings: Mapping[str, Finding], tables: Collection[str] = ()
) -> tuple[Checked, ...]:
    """Fill one reporting checklist from the findings and tables of a study.

    Use for the annex of a report. A finding that was refused or suppressed shows nothing.
    checklist : one of those that `rpeval.inputs.claims.read_checklists` gives
    Returns one Checked for each item, in the order of the guideline.

    >>> from types import SimpleNamespace as S
    >>> asked = S(only_if=(), items={"1": S(asks="The years.", shown_by=("data.years",), only_if=())})
    >>> fill_checklist(asked, {})[0].state
    'no'
    """
    known = [id for id, finding in findings.items() if finding.value is not None] + list(tables)
    whole = not checklist.only_if or match(known, checklist.only_if)
    return tuple(_check(id, item, known, bool(whole)) for id, item in checklist.items.items())


def _check(id: str, item: Any, known: list[str], whole: bool) -> Checked:
    if not whole or (item.only_if and not match(known, item.only_if)):
        return Checked(id, item.asks, "not applicable")
    if not item.shown_by:
        return Checked(id, item.asks, "no", note=BY_HAND)
    shown = {pattern: match(known, (pattern,)) for pattern in item.shown_by}
    where = tuple(dict.fromkeys(id for ids in shown.values() for id in ids))
    lacking = [pattern for pattern, ids in shown.items() if not ids]
    state: Shown = "met" if not lacking else "partly" if where else "no"
    return Checked(id, item.asks, state, where, f"Lacking: {', '.join(lacking)}." if lacking else "")


def checklist_table(items: Collection[Checked]) -> pd.DataFrame:
    """Lay a filled checklist out: columns item, asks, state, where and note, all text.

    >>> checklist_table([Checked("1", "The years.", "met", ("data.years",))])["where"].tolist()
    ['data.years']
    """
    columns = ["item", "asks", "state", "where", "note"]
    rows = [(i.id, i.asks, i.state, ", ".join(i.where), i.note) for i in items]
    return pd.DataFrame(rows, columns=columns)
