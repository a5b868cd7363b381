"""Screens for what a log of discipline may hide: each gives a small table, a plain sentence and a flag.

A flag is a reason to look into the cases, not a finding of guilt: schools can differ for honest reasons.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rpeval.errors import MethodError, Problem
from rpeval.estimate import Estimate, Refusal
from rpeval.methods.wording import count_of, needed, school_year, some

DOWN_CODING = 5.0  # percentage points
UNLIKELY = 0.01
AUDIT_N = 60


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """What a screen saw.

    table    : the numbers behind it
    sentence : what it says, in plain words
    flagged  : whether it asks for a closer look; None where the change that decides could not be estimated
    """

    table: pd.DataFrame
    sentence: str
    flagged: bool | None


def by_school_year(incidents: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Count the log of incidents by school and year, as a panel for any estimator of school-years.

    incidents : one row per incident and student: school_id, year and, where the log has them, severity,
                acted, absent, sent_home
    schools   : the panel: school_id, year, enrolled_n, and school_name, start_year, arm where known
    Returns those columns and incidents_n, incidents_per_100; with severities: serious_log_per_100 and
    serious_percent (of the incidents with a severity; NaN where there is none); with absences: hidden_n and
    hidden_per_100, incidents that no action followed but an absence did (see `hidden_removals`).
    Refuses (MethodError) a study without incidents.
    """
    incidents = needed(incidents, "incidents", "a log of incidents")
    keys = ["school_id", "year"]
    carried = [c for c in ("school_name", "start_year", "arm") if c in schools]
    panel = schools[[*keys, *carried, "enrolled_n"]].sort_values(keys, ignore_index=True)
    index = pd.MultiIndex.from_frame(panel[keys])

    def counted(rows: pd.DataFrame) -> np.ndarray:
        return rows.groupby(keys).size().reindex(index, fill_value=0).to_numpy(float)

    panel["incidents_n"] = counted(incidents)
    panel["incidents_per_100"] = 100 * panel["incidents_n"] / panel["enrolled_n"]
    if "severity" in incidents:
        coded = incidents[incidents["severity"] != ""]
        serious, known = counted(coded[coded["severity"] == "serious"]), counted(coded)
        panel["serious_log_per_100"] = 100 * serious / panel["enrolled_n"]
        panel["serious_percent"] = 100 * serious / np.where(known > 0, known, np.nan)
    if {"acted", "absent"} <= set(incidents):
        panel["hidden_n"] = counted(incidents[_hidden(incidents)])
        panel["hidden_per_100"] = 100 * panel["hidden_n"] / panel["enrolled_n"]
    return panel


def _hidden(incidents: pd.DataFrame) -> pd.Series:
    """Say which incidents no action followed, but an absence or being sent home did."""
    away = incidents["absent"] | incidents.get("sent_home", False)
    return away & incidents["acted"].eq(False).fillna(False).astype(bool)


def _in_program(rows: pd.DataFrame) -> np.ndarray:
    """Say which rows are of program years of adopting schools, in words."""
    if "start_year" not in rows:
        return np.full(len(rows), "all school-years")
    return np.where(rows["year"] >= rows["start_year"], "program years", "other school-years")


def hidden_removals(incidents: pd.DataFrame | None, *, change: Estimate | Refusal | None = None) -> Screen:
    """Incidents without an action, after which the student was absent or sent home all the same.

    Use to look for removals that nobody recorded as such. An absence within five school days counts, so some
    are chance; what matters is whether they became more frequent with the program.

    incidents : as in `by_school_year`, with acted, absent and, where known, sent_home
    change    : effect of the program on hidden_per_100
    Returns a Screen: table of when, incidents_n, unanswered_n, hidden_n, percent (of the unanswered). Flagged
    where the whole interval of the change lies above zero.
    Refuses (MethodError, "not assessed") a study without incidents, actions or absences.
    """
    rows = needed(incidents, "incidents", "incidents, actions and absences", ["acted", "absent"])
    open_case = rows["acted"].eq(False).fillna(False).astype(bool)
    told = pd.DataFrame({
        "when": _in_program(rows), "incidents_n": 1, "unanswered_n": open_case, "hidden_n": _hidden(rows),
    })  # fmt: skip
    table = told.groupby("when").sum().reset_index()
    table["percent"] = 100 * table["hidden_n"] / table["unanswered_n"].where(table["unanswered_n"] > 0)
    shares = [f"{row.percent:.0f} % in {row.when}" for row in table.itertuples()]
    sentence = (
        f"Of {int(table['unanswered_n'].sum()):,} incidents without an action, these shares were followed by "
        f"an absence or being sent home within five school days: {', '.join(shares)}."
    )
    return Screen(table, f"{sentence} {_change_words(change)}", _rises(change))


def _rises(change: Estimate | Refusal | None) -> bool | None:
    return change.low > 0 if isinstance(change, Estimate) and change.low is not None else None


def _change_words(change: Estimate | Refusal | None) -> str:
    if isinstance(change, Estimate) and change.low is not None:
        if change.low > 0:
            return "They became more frequent with the program."
        return "That they became more frequent with the program is not shown."
    return "Whether the program changed this is not assessed."


def attendance_codes(codes: pd.DataFrame | None) -> Screen:
    """How often each attendance code is used per 100 students, in program years and otherwise.

    Use to see whether exclusion moved into attendance codes.
    codes : one row per school, year and kind: school_id, year, start_year, enrolled_n, kind, events_n
    Returns a Screen without a flag: table of kind, label, when, events_n, per_100. Refuses (MethodError, "not
    assessed") a study without absences.
    """
    rows = needed(codes, "absences", "attendance records")
    told = rows.assign(when=_in_program(rows)).groupby(["kind", "when"])[["events_n", "enrolled_n"]].sum()
    table = told.assign(per_100=100 * told["events_n"] / told["enrolled_n"]).reset_index()
    table["label"] = table["kind"].str.replace("_", " ")
    table = table[["kind", "label", "when", "events_n", "per_100"]]
    shown = [f"{row.label} {row.per_100:.1f} ({row.when})" for row in table.itertuples()]
    return Screen(table, f"Per 100 students and year: {', '.join(shown)}. {_change_words(None)}", None)


def recording(log: Estimate | Refusal, independent: Sequence[tuple[str, Estimate | Refusal]]) -> Screen:
    """Did the schools' own log fall while what others recorded did not?

    Use wherever incidents or suspensions fell and a nurse, the police or students asked say something too.
    log         : effect on a count of the schools' own log, per 100 students
    independent : label and effect for each count that others make
    Returns a Screen: table of label, value, low, high, says (fell | did not fall, or not shown | rose).
    Flagged where the log fell and none of the others did; None where the log's change is not known.
    Refuses (MethodError, "not assessed") where no independent count has an effect.
    """
    known = [(label, est) for label, est in independent if isinstance(est, Estimate)]
    if not known:
        what = "No count that others make stands beside the schools' own log, so this is not assessed."
        fix = "Name one in sources.outcomes (nurse_injuries_per_100, police_per_100, victimized_per_100)."
        raise MethodError(Problem("sources.outcomes", what, fix))
    own = [("The schools' own log", log)] if isinstance(log, Estimate) else []
    rows = [
        {"label": n, "value": e.value, "low": e.low, "high": e.high, "says": _direction(e)}
        for n, e in own + known
    ]
    table, others = pd.DataFrame(rows), [_direction(est) for _, est in known]
    if not own:
        return Screen(table, f"The change of the schools' own log is not known: {log.reason}", None)
    fell = _direction(log) == "fell"
    flagged = fell and "fell" not in others
    if not fell:
        sentence = "The schools' own log did not fall beyond chance, so there is no fall to doubt."
    elif flagged:
        sentence = "The schools' own log fell, and nothing that others recorded did: look at the recording."
    else:
        sentence = "The schools' own log fell, and so did what others recorded."
    return Screen(table, sentence, flagged)


def _direction(estimate: Estimate) -> str:
    if estimate.high is not None and estimate.high < 0:
        return "fell"
    return "rose" if estimate.low is not None and estimate.low > 0 else "no change shown"


def severity(incidents: pd.DataFrame | None, *, change: Estimate | Refusal | None = None) -> Screen:
    """Were incidents coded as less serious in program years?

    incidents : as in `by_school_year`, with severity (minor, moderate, serious)
    change    : effect of the program on serious_percent, in percentage points
    Returns a Screen: table of when, incidents_n, serious_n, percent. Flagged where the change is larger than
    five percentage points either way and its interval excludes zero; None without a change.
    Refuses (MethodError, "not assessed") a log without severities.
    """
    rows = needed(incidents, "incidents", "incidents", ["severity"])
    rows = rows[rows["severity"] != ""]
    rows = needed(rows, "incidents", "coded severities")
    told = pd.DataFrame({
        "when": _in_program(rows), "incidents_n": 1, "serious_n": rows["severity"] == "serious",
    })  # fmt: skip
    table = told.groupby("when").sum().reset_index()
    table["percent"] = 100 * table["serious_n"] / table["incidents_n"]
    shares = ", ".join(f"{row.percent:.0f} % in {row.when}" for row in table.itertuples())
    sentence, flagged = f"Coded serious: {shares}.", None
    if isinstance(change, Estimate) and change.low is not None:
        clear = change.low > 0 or change.high < 0
        flagged = bool(abs(change.value) > DOWN_CODING and clear)
        moved = f"{abs(change.value):.0f} percentage points {'up' if change.value > 0 else 'down'}"
        sentence += f" With the program the share moved {moved}{'' if clear else ', which chance could do'}."
    return Screen(table, sentence, flagged)


def silent_schools(incidents: pd.DataFrame | None, schools: pd.DataFrame) -> Screen:
    """School-years without a single incident in the log, and how likely that is.

    incidents, schools : as in `by_school_year`
    Returns a Screen: table of school_id, school_name, year, enrolled_n, expected_n (at the school's rate in
    its other years), chance (of none, by Poisson), the least likely first. Flagged where a chance is below
    one percent. Refuses (MethodError, "not assessed") a study without incidents.
    """
    panel = by_school_year(incidents, schools)
    by_school = panel.groupby("school_id")[["incidents_n", "enrolled_n"]].transform("sum")
    others = by_school["enrolled_n"] - panel["enrolled_n"]
    rate = (by_school["incidents_n"] - panel["incidents_n"]) / others.where(others > 0)
    panel = panel.assign(expected_n=rate * panel["enrolled_n"])
    none = panel[panel["incidents_n"] == 0]
    none = none.assign(chance=np.exp(-none["expected_n"]))
    named = [c for c in ("school_id", "school_name") if c in none]
    order = ["chance", "school_id", "year"]
    table = none.sort_values(order, ignore_index=True)[[*named, "year", "enrolled_n", "expected_n", "chance"]]
    odd = table[table["chance"] < UNLIKELY]
    if table.empty:
        return Screen(table, "Every school logged incidents in every year.", False)
    shown = some(f"{row[named[-1]]} in {school_year(row['year'])}" for _, row in odd.iterrows())
    sentence = f"{count_of(len(table), 'school-year')} without any incident in the log"
    sentence += f"; hardly by chance: {shown}." if len(odd) else ", none beyond chance."
    return Screen(table, sentence, bool(len(odd)))


def audit_sample(incidents: pd.DataFrame | None, *, seed: int) -> pd.DataFrame:
    """Draw cases to be read by hand: half of them hidden removals, where the log shows any.

    Use to have people look at what a screen cannot see. The ids are those of the log: the table is
    restricted, for the district's own eyes, and goes into no report.

    incidents : as in `by_school_year`, with incident_id and student
    seed      : the same log and seed give the same cases in any row order
    Returns incident_id, school_id, year, type, severity, response where there, hidden (yes | no), sorted by
    id: sixty cases, or all where there are fewer.
    Refuses (MethodError, "not assessed") a study without incidents.
    """
    rows = needed(incidents, "incidents", "incidents", ["incident_id"])
    rows = rows.drop_duplicates("incident_id").sort_values("incident_id", ignore_index=True)
    known = {"acted", "absent"} <= set(rows)
    rows["hidden"] = np.where(_hidden(rows), "yes", "no") if known else "no"
    drawn = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    hidden = drawn[drawn["hidden"] == "yes"].head(math.ceil(AUDIT_N / 2))
    rest = drawn.drop(hidden.index).head(AUDIT_N - len(hidden))
    told = ["incident_id", "school_id", "year", "type", "severity", "response", "hidden"]
    chosen = pd.concat([hidden, rest])[[c for c in told if c in rows]]
    return chosen.sort_values("incident_id", ignore_index=True)
