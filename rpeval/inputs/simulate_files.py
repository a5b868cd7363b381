"""Write a simulated study as the files a district might hand over, every row stamped simulated."""

from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulate_schools import stream
from rpeval.inputs.simulate_study import Study
from rpeval.inputs.years import show_year

STAMP = "yes"
VENDOR_HEADINGS = {
    "level": "Lvl", "school_id": "Bldg Code", "school_name": "Building", "year": "SY Ending",
    "enrolled_n": "Membership", "oss_n": "OSS Events", "iss_n": "ISS Events",
    "suspended_n": "Students w/ OSS",
}  # fmt: skip


def study_files(study: Study) -> dict[str, pd.DataFrame]:
    """Lay a drawn study out as its files: name to table, all text or whole numbers."""
    told = study.recipe["files"]
    files: dict[str, pd.DataFrame] = {}
    if told["panel"] == "actions":
        files["actions.csv"] = action_rows(study)
        files["enrollment.csv"] = enrollment_rows(study)
    elif told["panel"] == "vendor":
        files["export.tsv"] = vendor_rows(study)
    else:
        files["panel.csv"] = panel_rows(study, mark="*")
    if told["groups"]:
        files["groups.csv"] = group_rows(study)
    files["adoption.csv"] = adoption_rows(study)
    files["survey.csv"] = survey_rows(study)
    files["invited.csv"] = invited_rows(study)
    return {name: table.assign(simulated=STAMP) for name, table in files.items()}


def count_by(study: Study, keys: list[str]) -> pd.DataFrame:
    """Count students, suspensions, days and students suspended by school, year and what else is named."""
    students = study.students.assign(suspended=study.students["oss_n"] > 0)
    counts = students.groupby(keys).agg(
        enrolled_n=("student_no", "size"),
        oss_n=("oss_n", "sum"),
        iss_n=("iss_n", "sum"),
        suspended_n=("suspended", "sum"),
    )
    days = study.actions[study.actions["kind"] == "OSS"].groupby(keys)["days"].sum()
    return counts.assign(oss_days=days.reindex(counts.index, fill_value=0)).reset_index()


def name_keys(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Put school ids, group names and school years in place of the positions of the simulation."""
    district = study.district
    columns: dict[str, Any] = {}
    if "school_no" in table:
        columns["school_id"] = district.schools["school_id"].to_numpy()[table["school_no"]]
    if "year_no" in table:
        columns["year"] = [show_year(year) for year in district.years[table["year_no"]].tolist()]
    if "group_no" in table:
        columns["group"] = np.array(district.groups)[table["group_no"]]
    rest = table.drop(columns=["school_no", "year_no", "group_no"], errors="ignore")
    return pd.concat([pd.DataFrame(columns, index=table.index), rest], axis=1)


def panel_rows(study: Study, *, mark: str) -> pd.DataFrame:
    """One row per school and year, a few cells withheld."""
    table = name_keys(study, count_by(study, ["school_no", "year_no"]))
    names = study.district.schools.set_index("school_id")["school_name"]
    table.insert(1, "school_name", table["school_id"].map(names))
    rng = stream(study.recipe["seed"], "suppressed")
    hidden = rng.choice(len(table), study.recipe["dirt"]["suppressed_cells"], replace=False)
    table["suspended_n"] = table["suspended_n"].astype(object)
    table.loc[hidden, "suspended_n"] = mark
    return table


def group_rows(study: Study) -> pd.DataFrame:
    """One row per school, year and student group; groups of few students are withheld."""
    counts = count_by(study, ["school_no", "year_no", "group_no"])
    table = name_keys(study, counts).drop(columns="oss_days")
    hidden = table["enrolled_n"] < study.recipe["dirt"]["group_minimum"]
    for column in ("enrolled_n", "oss_n", "iss_n", "suspended_n"):
        table[column] = table[column].astype(object).mask(hidden, "*")
    return table


def vendor_rows(study: Study) -> pd.DataFrame:
    """The panel as a vendor might export it: its own headings, ending years, district totals."""
    schools = panel_rows(study, mark="--").drop(columns="oss_days")
    schools["school_id"] = schools["school_id"].str.lstrip("0")
    total = name_keys(study, count_by(study, ["year_no"])).drop(columns="oss_days")
    total = total.assign(level="District", school_id="", school_name="All schools")
    both = pd.concat([schools.assign(level="School"), total], ignore_index=True)
    both["year"] = both["year"].str[:4].astype(int) + 1
    return both[list(VENDOR_HEADINGS)].rename(columns=VENDOR_HEADINGS)


def student_ids(numbers: pd.Series) -> pd.Series:
    """Write a student's number as seven digits, zeros in front."""
    return numbers.astype(str).str.zfill(7)


def action_rows(study: Study) -> pd.DataFrame:
    """One row per suspension: who, where, when, which kind, how many days; a few rows listed again."""
    actions = study.actions
    named = name_keys(study, actions[["school_no", "date", "kind", "days"]])
    named.insert(0, "student_id", student_ids(actions["student_no"]))
    named = named.sort_values(["date", "student_id", "kind", "days"], ignore_index=True)
    named.insert(0, "action_id", [f"A{1 + k:06d}" for k in range(len(named))])
    return pd.concat([named, repeat_some(named, study, "repeated_actions")], ignore_index=True)


def repeat_some(table: pd.DataFrame, study: Study, dirt: str) -> pd.DataFrame:
    """Choose as many rows as the recipe's dirt says, to be listed a second time."""
    again = stream(study.recipe["seed"], dirt).choice(len(table), study.recipe["dirt"][dirt], replace=False)
    return table.iloc[again]


def enrollment_rows(study: Study) -> pd.DataFrame:
    """One row per student and year."""
    students = study.students
    named = name_keys(study, students[["school_no", "year_no", "group_no"]]).rename(columns={"group": "race"})
    named.insert(0, "student_id", student_ids(students["student_no"]))
    return named


def adoption_rows(study: Study) -> pd.DataFrame:
    """One row per school with its first program year, empty where it never adopted."""
    schools = study.district.schools
    start = [show_year(int(year)) if year == year else "" for year in schools["start_year"]]
    return schools[["school_id", "school_name"]].assign(start_year=start)


def survey_rows(study: Study) -> pd.DataFrame:
    """The answers as given: one row per respondent, or one per answer; a few handed in twice."""
    people = study.respondents
    table = name_keys(study, people[["school_no", "group_no"]]).rename(columns={"group": "race"})
    table.insert(0, "respondent_id", [f"R{1 + k:06d}" for k in range(len(people))])
    table.insert(2, "wave", [show_year(wave) for wave in people["wave"].tolist()])
    answers = pd.DataFrame(study.answers, columns=list(study.scale.ids)).astype("Int64")
    table = pd.concat([table, answers], axis=1)
    table = pd.concat([table, repeat_some(table, study, "duplicates")], ignore_index=True)
    if study.recipe["files"]["survey"] == "wide":
        return table
    keys = ["respondent_id", "school_id", "wave", "race"]
    return (
        table.reset_index()
        .melt(["index", *keys], var_name="item", value_name="answer")
        .sort_values(["index", "item"])
        .drop(columns="index")
        .reset_index(drop=True)
    )


def invited_rows(study: Study) -> pd.DataFrame:
    """One row per school and wave: how many students were invited."""
    invited = study.invited.groupby(["wave", "school_no"]).size().rename("invited_n").reset_index()
    table = name_keys(study, invited)
    return table.assign(wave=table["wave"].map(show_year))


def table_bytes(name: str, table: pd.DataFrame) -> bytes:
    """Write a table as CSV, or tab-separated where the name says so."""
    separator = "\t" if name.endswith(".tsv") else ","
    return table.to_csv(sep=separator, index=False, lineterminator="\n").encode()
