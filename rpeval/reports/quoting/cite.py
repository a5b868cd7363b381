"""What a person asks of a number on the command line: its passport, or which numbers there are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rpeval.errors import FindingError, Problem
from rpeval.findings import open_findings
from rpeval.findings.passport import Passport, passport, recorded_run
from rpeval.reports.catalog import read_catalog


def cite(folder: Path | str, ids: Sequence[str]) -> tuple[list[Passport], list[Problem]]:
    """Give the passports of numbers, and a problem for each name that the study does not know.

    Use it for `rpeval cite`; `passport.citation` is the sentence to copy.
    folder : a report folder
    ids    : of findings, tables, or cells of tables
    Refuses (FindingError) a folder without findings.
    """
    found, run, states = open_findings(folder), recorded_run(folder), read_catalog()["states"]
    told, problems = [], []
    for id in ids:
        try:
            told.append(passport(found, id, states=states, run=run))
        except FindingError as error:
            problems += error.problems
    return told, problems


def names(folder: Path | str, pattern: str = "*") -> list[str]:
    """List the numbers of a study whose names fit a pattern, a line each: name, label, what is printed.

    Refuses (FindingError) a pattern that no name fits.
    """
    found = open_findings(folder).findings.values()
    chosen = [f for f in found if fnmatchcase(f.id, pattern)]
    if not chosen:
        raise FindingError(Problem(pattern, "No number has such a name.", "Try --list '*'."))
    wide = max(len(f.id) for f in chosen)
    shown = {f.id: f"{f.shown} ({f.shown_interval})" if f.shown_interval else f.shown for f in chosen}
    return [f"{f.id:{wide}}  {f.label}: {shown[f.id]} {f.unit}".rstrip() for f in chosen]
