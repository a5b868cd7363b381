"""Write a simulated study as the files a district might hand over, every row stamped simulated."""

from typing import Any

import numpy as np
import pandas as pd

from rpeval.inputs.simulation.schools import stream
from rpeval.inputs.simulation.study import Study
from rpeval.inputs.years import show_year

STAMP = "yes"
VENDOR_HEADINGS = {
    "level": "Lvl", "school_id": "Bldg Code", "school_name": "Building", "year": "SY Ending",
    "enrolled_n": "Membership", "oss_n": "OSS Events", "iss_n": "ISS Events",
    "suspended_n": "Students w/ OSS",
}  # fmt: skip
EVENT = [
    "event_id", "date", "school_id", "practice", "tier", "events_n", "minutes", "students_n", "staff_n",
    "incident_id", "voluntary", "agreement", "completed",
]  # fmt: skip


def study_files(study: Study) -> dict[str, pd.DataFrame]:
    """Lay a drawn study out as its files: name to table, all text or whole numbers."""
    told = study.recipe["files"]
    if told["panel"] == "actions":
        files = {"actions.csv": action_rows(study), "enrollment.csv": enrollment_rows(study)}
    elif told["panel"] == "vendor":
        files = {"export.tsv": vendor_rows(study)}
    else:
        files = {"panel.csv": panel_rows(study, mark="*")}
    files |= {"groups.csv": group_rows(study)} if told["groups"] else {}
    files |= {"adoption.csv": adoption_rows(study), "survey.csv": survey_rows(study)}
    files["invited.csv"] = invited_rows(study)
    files |= {f"{name}.csv": rows for name, rows in further_rows(study).items() if rows is not None}
    files |= {f"{name}.csv": program_rows(study, name) for name in study.program}
    return {name: table.assign(simulated=STAMP) for name, table in files.items()}


def count_by(study: Study, keys: list[str]) -> pd.DataFrame:
    """Count students, suspensions, days and students suspended by school, year and what else is named."""
    students = study.students.assign(enrolled_n=1, suspended_n=study.students["oss_n"] > 0)
    counts = students.groupby(keys)[["enrolled_n", "oss_n", "iss_n", "suspended_n"]].sum()
    days = study.actions[study.actions["kind"] == "OSS"].groupby(keys)["days"].sum()
    counts = counts.assign(oss_days=days.reindex(counts.index, fill_value=0)).reset_index()
    return name_keys(study, counts)


def name_keys(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Put school ids, group names and school years in place of the positions of the simulation."""
    district = study.district
    names: dict[str, tuple[str, Any]] = {
        "school_no": ("school_id", district.schools["school_id"].to_numpy()),
        "year_no": ("year", np.array([show_year(year) for year in district.years.tolist()], dtype=object)),
        "group_no": ("group", np.array(district.groups)),
    }
    named = {name: of[table[key]] for key, (name, of) in names.items() if key in table}
    rest = table.drop(columns=list(names), errors="ignore")
    return pd.concat([pd.DataFrame(named, index=table.index), rest], axis=1)


def panel_rows(study: Study, *, mark: str) -> pd.DataFrame:
    """One row per school and year, a few cells withheld."""
    table = count_by(study, ["school_no", "year_no"])
    names = study.district.schools.set_index("school_id")["school_name"]
    table.insert(1, "school_name", table["school_id"].map(names))
    rng = stream(study.recipe["seed"], "suppressed")
    hidden = rng.choice(len(table), study.recipe["dirt"]["suppressed_cells"], replace=False)
    table["suspended_n"] = table["suspended_n"].astype(object)
    table.loc[hidden, "suspended_n"] = mark
    return table


def group_rows(study: Study) -> pd.DataFrame:
    """One row per school, year and student group; groups of few students are withheld."""
    table = count_by(study, ["school_no", "year_no", "group_no"]).drop(columns="oss_days")
    hidden = table["enrolled_n"] < study.recipe["dirt"]["group_minimum"]
    for column in ("enrolled_n", "oss_n", "iss_n", "suspended_n"):
        table[column] = table[column].astype(object).mask(hidden, "*")
    return table


def vendor_rows(study: Study) -> pd.DataFrame:
    """The panel as a vendor might export it: its own headings, ending years, district totals."""
    schools, total = panel_rows(study, mark="--"), count_by(study, ["year_no"])
    schools = schools.assign(level="School", school_id=schools["school_id"].str.lstrip("0"))
    total = total.assign(level="District", school_id="", school_name="All schools")
    both = pd.concat([schools, total], ignore_index=True)
    both["year"] = both["year"].str[:4].astype(int) + 1
    return both[list(VENDOR_HEADINGS)].rename(columns=VENDOR_HEADINGS)


def student_ids(numbers: pd.Series) -> pd.Series:
    """Write a student's number as seven digits, zeros in front."""
    return numbers.astype(str).str.zfill(7)


def action_rows(study: Study) -> pd.DataFrame:
    """One row per suspension: who, where, when, which kind, how many days; a few rows listed again."""
    named = name_keys(study, study.actions[["school_no", "date", "kind", "days"]])
    named.insert(0, "student_id", student_ids(study.actions["student_no"]))
    named = named.sort_values(["date", "student_id", "kind", "days"], ignore_index=True)
    named.insert(0, "action_id", [f"A{1 + k:06d}" for k in range(len(named))])
    return repeat_some(named, study, "repeated_actions")


def repeat_some(table: pd.DataFrame, study: Study, dirt: str) -> pd.DataFrame:
    """List as many rows as the recipe's dirt says a second time."""
    again = stream(study.recipe["seed"], dirt).choice(len(table), study.recipe["dirt"][dirt], replace=False)
    return pd.concat([table, table.iloc[again]], ignore_index=True)


def enrollment_rows(study: Study) -> pd.DataFrame:
    """One row per student and year."""
    named = name_keys(study, study.students[["school_no", "year_no", "group_no"]])
    named.insert(0, "student_id", student_ids(study.students["student_no"]))
    return named.rename(columns={"group": "race"})


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
    answers = answers.join(study.exposure)
    keys, table = list(table), repeat_some(pd.concat([table, answers], axis=1), study, "duplicates")
    if study.recipe["files"]["survey"] == "wide":
        return table
    long = table.reset_index().melt(["index", *keys], var_name="item", value_name="answer")
    return long.sort_values(["index", "item"], ignore_index=True).drop(columns="index")


def invited_rows(study: Study) -> pd.DataFrame:
    """One row per school and wave, by race where the recipe says so: how many students were invited."""
    by_race = study.recipe["files"]["invited_by_race"]
    keys = ["wave", "school_no", *(["group_no"] if by_race else [])]
    invited = study.invited.groupby(keys).size().rename("invited_n").reset_index()
    named = name_keys(study, invited.assign(wave=invited["wave"].map(show_year)))
    order = ["school_id", "wave", *(["race"] if by_race else []), "invited_n"]
    return named.rename(columns={"group": "race"})[order]


def further_rows(study: Study) -> dict[str, pd.DataFrame | None]:
    """Other outcomes, incidents, absences and children counted for IDEA; None where a study has none."""
    students = {}
    for name in ("incidents", "absences"):
        rows = getattr(study, name)
        if rows is not None:
            rows = name_keys(study, rows.drop(columns="year_no"))
            rows = rows.assign(student_id=student_ids(rows.pop("student_no")))
            order = ["incident_id", "student_id", "school_id", "date", "type", "severity", "response"]
            rows = rows.assign(incident_id=[f"I{1 + k:05d}" for k in range(len(rows))])
            order += ["agreement"] if name == "incidents" else ["kind", "hours"]
            rows = rows[[c for c in order if c in rows and (name == "incidents" or c != "incident_id")]]
        students[name] = rows
    named = {name: getattr(study, name) for name in ("outcomes", "idea")}
    named = {name: rows if rows is None else name_keys(study, rows) for name, rows in named.items()}
    if named["idea"] is not None:
        idea = named["idea"].replace({"group": study.recipe["idea"]["names"]})
        named["idea"] = idea[["year", "level", "category", "group", "cell_n", "of_n"]]
    return named | students


def program_rows(study: Study, name: str) -> pd.DataFrame:
    """A log of the program: keys of events and staff in place of numbers, empty where nothing is said."""
    rows = name_keys(study, study.program[name])
    if name == "training":
        rows.insert(0, "staff_id", [f"T{1 + number:04d}" for number in rows.pop("staff_no")])
        rows = rows.rename(columns={"trained_on": "date"})
    if name == "fidelity":
        rows.insert(
            2,
            "indicator",
            np.array(study.recipe["program_logs"]["fidelity"]["names"])[rows.pop("indicator_no")],
        )
    if name != "practices":
        return rows
    rows.insert(0, "event_id", [f"E{1 + k:05d}" for k in range(len(rows))])
    sizes = {column: rows[column].astype("Int64") for column in ("minutes", "students_n", "staff_n")}
    return repeat_some(rows.assign(**sizes)[EVENT], study, "repeated_events")


def table_bytes(name: str, table: pd.DataFrame) -> bytes:
    """Write a table as CSV, or tab-separated where the name says so."""
    separator = "\t" if name.endswith(".tsv") else ","
    return table.to_csv(sep=separator, index=False, lineterminator="\n").encode()
