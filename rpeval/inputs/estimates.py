"""What several studies found, as one table: read from a file, or from the findings of finished reports."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rpeval.errors import DataError, Problem
from rpeval.inputs.measures import read_measures
from rpeval.inputs.synthesis import FINISHED, TREND, Synthesis
from rpeval.inputs.tables.files import missing_columns, read_table
from rpeval.inputs.words import counted, instead, quote, some

NEEDED = ("study", "district", "simulated", "finding", "label", "unit", "outcome", "method", "value")
TEXTS = ("district_id", "definition", "weights", "design", "reason")
NUMBERS = ("value", "se", "low", "high", "level", "df", "schools_n", "adopting_n")
COLUMNS = (*dict.fromkeys((*NEEDED, *TEXTS, *NUMBERS)),)
SURVEYS = ("belonging", "survey")  # rooms of findings that rest on students asked
NOTHING, ABSENT = "No estimate is told.", "The study has no such finding."


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """What the studies of a synthesis found.

    frame    : one row per study with an estimate; the columns in COLUMNS
    left_out : study, district and reason of every other one
    """

    frame: pd.DataFrame
    left_out: pd.DataFrame


def read_estimates(synthesis: Synthesis) -> Estimates:
    """Read the estimates of a synthesis, from its table or from finished reports.

    Use before the methods pool anything; whether the studies answer one question, they decide.

    A table has one row per study and finding: study, district, simulated (yes or no), finding, label, unit,
    outcome, method and value, and se, or low and high (with level, .95 where empty, and df, normal where
    empty). What may be there, too: definition (what is counted), weights, design, district_id,
    schools_n, adopting_n, and reason, where a study has no estimate. Text that must be the same is compared
    letter by letter. Of a report, findings.json, manifest.json and the table of the trend are read: outcome,
    weights, definitions, instrument and hours of a day from the params of its run; the method is the part
    of its description before the first semicolon.
    Returns an Estimates: studies without an estimate, and those that the params leave out, with the reason.
    Refuses (DataError, all at once): missing columns, cells that are no numbers, an interval that does not
    hold its value, a report whose findings are not as its run left them, a study to leave out that is not
    there, and studies that are simulated where the synthesis is not, or the other way round.
    """
    sources, problems = synthesis.sources, []
    if sources.estimates:
        rows = _read_table(synthesis.root / sources.estimates.path, sources.estimates.path, problems)
    else:
        rows = _read_reports(synthesis, problems)
    if not problems:
        rows = rows[rows["finding"] == synthesis.finding]
        problems += [*_check_rows(rows), *_check_whole(rows, synthesis)]
    if problems:
        raise DataError(problems)
    told = rows.assign(reason=[_why_not(row, synthesis.leave_out) for _, row in rows.iterrows()])
    out = told["reason"] != ""
    return Estimates(told[~out].reset_index(drop=True),
                     told.loc[out, ["study", "district", "reason"]].reset_index(drop=True))  # fmt: skip


def _why_not(row: pd.Series, leave_out: dict[str, str]) -> str:
    if row["study"] in leave_out:
        return leave_out[row["study"]]
    return (row["reason"] or NOTHING) if math.isnan(row["value"]) else ""


def _read_table(path: Path, label: str, problems: list[Problem]) -> pd.DataFrame:
    table = read_table(path, label=label)
    problems += missing_columns(table, NEEDED, f"the first row of {label}")
    rows = table.frame.reindex(columns=list(COLUMNS), fill_value="")
    for name in NUMBERS:
        numbers = pd.to_numeric(rows[name].replace("", None), errors="coerce").astype(float)
        bad = rows.index[(rows[name] != "") & ~numbers.abs().lt(math.inf)]
        if len(bad):
            what = (
                f"{counted(len(bad), 'cell', 'is', 'are')} no number: {some(rows.loc[bad, name].map(quote))}."
            )
            problems.append(Problem(f"{label}: {name}", what, "Write digits with a decimal point."))
        rows[name] = numbers
    wrong = rows.index[~rows["simulated"].isin(["yes", "no"])]
    if len(wrong) and "simulated" in table.headings:
        what = f"{counted(len(wrong), 'row says', '', '')} neither yes nor no."
        problems.append(Problem(f"{label}: simulated", what, "Write yes or no in each row."))
    return rows


def _read_reports(synthesis: Synthesis, problems: list[Problem]) -> pd.DataFrame:
    measures, rows = set(read_measures(synthesis.root)), []
    for name in synthesis.sources.reports:
        folder = synthesis.root / name
        try:
            found, manifest = (json.loads((folder / part).read_text(encoding="utf-8")) for part in FINISHED)
            changed = [*_changed(folder, manifest)]
            problems += [Problem(f"{name}/{part}", "It is not as the run left it.", "Run the study again.")
                         for part in changed]  # fmt: skip
            rows.append(_row(found, manifest, synthesis.finding, measures, _design(folder / TREND)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            what = "Its findings or its manifest cannot be read, or are those of no study."
            problems.append(Problem(name, what, "Run the study again, or leave the folder out."))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(NUMBERS, float))


def _changed(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """Name the files that are not those the manifest tells of."""
    kept = {output["path"]: output["sha256"] for output in manifest["outputs"]}
    for name in (FINISHED[0], TREND):
        if (folder / name).is_file() or name in kept:
            path = folder / name
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != kept.get(name):
                yield name


def _row(
    found: dict[str, Any], manifest: dict[str, Any], id: str, measures: set[str], design: str
) -> dict[str, Any]:
    """Lay one study's finding out as a row of the table."""
    params = manifest["params"]["resolved"]
    told = next((f for f in found["findings"] if f["id"] == id), {"reason": ABSENT})
    row = {name: told.get(name) for name in ("label", "unit", "value", "se", "low", "high", "level", "df")}
    method, reason = (told.get(name) or "" for name in ("method", "reason"))
    return row | {
        "study": found["study"], "district": found["district"], "district_id": params["district"]["leaid"],
        "simulated": "yes" if found["simulated"] else "no", "finding": id,
        "outcome": _outcome(id, params, measures), "definition": _definition(id, params),
        "weights": "" if _asks(id) else params["weights"],
        "method": method.split(";")[0], "design": design, "schools_n": told.get("clusters"),
        "adopting_n": told.get("treated"), "reason": reason,
    }  # fmt: skip


def _asks(id: str) -> bool:
    return id.split(".")[0] in SURVEYS


def _outcome(id: str, params: dict[str, Any], measures: set[str]) -> str:
    """Name the measure that a finding is about: the one in its id, else the study's main outcome."""
    named = [part for part in id.split(".") if part in measures]
    return named[0] if named else "belonging" if _asks(id) else params["outcome"]


def _definition(id: str, params: dict[str, Any]) -> str:
    """Say what the numbers count, as far as the params of a study declare it."""
    if _asks(id):
        return f"instrument {params['sources'].get('survey', {}).get('instrument')}"
    hours = f", {params['hours_per_day']:g} hours a day" if id.startswith("removals.") else ""
    return f"definitions {params.get('definitions', 'not declared')}{hours}"


def _design(trend: Path) -> str:
    """Say in how many years the schools of a study started."""
    if not trend.is_file():
        return "not told"
    told = pd.read_csv(trend)
    years = set(told.loc[told["starts_n"] > 0, "year"]) if "starts_n" in told else set()
    return {0: "not told", 1: "one start year"}.get(len(years), "staggered starts")


def _check_rows(rows: pd.DataFrame) -> Iterator[Problem]:
    outside = rows[(rows["low"] > rows["value"]) | (rows["high"] < rows["value"])]
    if len(outside):
        what = f"The interval does not hold its value: {some(outside['study'])}."
        yield Problem("estimates", what, "Write low, value and high in one unit, the lower end first.")
    if len(bad := rows[(rows["level"] <= 0) | (rows["level"] >= 1)]):
        yield Problem("estimates", f"The level is not between 0 and 1: {some(bad['study'])}.", "Write 0.95.")


def _check_whole(rows: pd.DataFrame, synthesis: Synthesis) -> Iterator[Problem]:
    if rows.empty:
        what = f"No study has the finding {synthesis.finding}."
        yield Problem("estimates", what, "Name a finding that the studies have.")
    for name in synthesis.leave_out:
        if name not in set(rows["study"]):
            yield Problem("leave_out", f"There is no study {quote(name)}.", instead(name, rows["study"]))
    wanted = "yes" if synthesis.simulated else "no"
    if len(others := rows[rows["simulated"] != wanted]):
        what = f"The synthesis is {'' if synthesis.simulated else 'not '}simulated, but these studies are"
        what += f" {'not' if synthesis.simulated else 'simulated'}: {some(others['study'])}."
        yield Problem("estimates", what, "Pool simulated studies and real ones apart, never together.")
