"""Who gets a restorative answer: incidents and restorative answers, counted by student group."""

from typing import Any

import pandas as pd

from rpeval.inputs.accounting import Ledger
from rpeval.inputs.program.reading import GIVEN
from rpeval.inputs.schools.actions import KEYS, members_of, one_row_each
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.schools.incidents import read_incidents
from rpeval.inputs.schools.settle import limit
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source

BY = [*SCHOOL_YEAR, "group"]


def read_access(params: Any, schools: pd.DataFrame, practices: pd.DataFrame | None) -> pd.DataFrame | None:
    """Count incidents, and those answered restoratively, by school, year and student group.

    practices : the log of practices, whose incident_id names incidents that it answers
    Returns school_id, school_name, year, start_year and arm where known, group, eligible_n, answered_n, one
    row where there was an incident; no student's row leaves here. None without a log of incidents, without
    student records that give groups, and where nothing tells how incidents were answered.
    """
    enrollment = getattr(params.sources.panel, "enrollment", None)
    if params.sources.incidents is None or enrollment is None:
        return None
    incidents, _ = read_incidents(params, schools)
    linked = set() if practices is None else set(practices["incident_id"]) - {""}
    if "response" not in incidents and not linked:
        return None
    answered = incidents["incident_id"].isin(linked)
    answered |= incidents["response"].eq("restorative") if "response" in incidents else False
    members = _members(params, enrollment)
    if members is None:
        return None
    both = incidents.assign(answered=answered).merge(members, on=KEYS)
    counts = both.groupby(BY)["answered"].agg(eligible_n="size", answered_n="sum").reset_index()
    told = ["school_id", "school_name", "year", *among(schools, GIVEN)]
    counts = counts.merge(schools[told], on=SCHOOL_YEAR)
    return counts[[*told, "group", "eligible_n", "answered_n"]].sort_values(BY, ignore_index=True)


def _members(params: Any, enrollment: Any) -> pd.DataFrame | None:
    """Give the group, or groups, of each student in each school and year; the panel told what is wrong."""
    layout = layout_for(enrollment, root=params.root, base="enrollment", label="enrollment", any_field=True)
    students, _ = read_source(enrollment, layout, name="enrollment", params=params)
    ledger = Ledger("enrollment", enrollment.path)
    students = one_row_each(limit(students, params, ledger), ledger).astype({"year": int})
    parts = [members[[*KEYS, "group"]] for members in members_of(students)]
    return pd.concat(parts, ignore_index=True) if parts else None
