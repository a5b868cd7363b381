"""Who gets a restorative answer: incidents and restorative answers, counted by student group."""

from typing import Any

import pandas as pd

from rpeval.inputs.program.reading import GIVEN
from rpeval.inputs.schools.actions import KEYS, read_members
from rpeval.inputs.schools.checks import SCHOOL_YEAR, among
from rpeval.inputs.schools.incidents import read_incidents

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
    members = read_members(enrollment, params, only=incidents["student_id"])
    if members is None:
        return None
    both = incidents.assign(answered=answered).merge(members, on=KEYS)
    counts = both.groupby(BY)["answered"].agg(eligible_n="size", answered_n="sum").reset_index()
    told = ["school_id", "school_name", "year", *among(schools, GIVEN)]
    counts = counts.merge(schools[told], on=SCHOOL_YEAR)
    return counts[[*told, "group", "eligible_n", "answered_n"]].sort_values(BY, ignore_index=True)
