"""Every check: what stops, what warns, in which words; and what is right passes in silence."""

from types import SimpleNamespace

import pandas as pd
import pytest
from tiny_study import said, source, study, tiny_params, write_table

from rpeval.errors import DataError, Problem
from rpeval.inputs import check as check_module
from rpeval.inputs.accounting import Ledger
from rpeval.inputs.check import check
from rpeval.inputs.panel import gather_panel, read_panel
from rpeval.inputs.params import read_params
from rpeval.inputs.schools import checks
from rpeval.inputs.tables import files

YEARS = ("2017-18", "2018-19", "2019-20")


def table(rows: dict[str, list[str]], heading="school_id year enrolled_n oss_n suspended_n") -> str:
    """A text table: for each school the values of its three years."""
    lines = [heading]
    for school, values in rows.items():
        lines += [f"{school} {year} {value}" for year, value in zip(YEARS, values, strict=False)]
    return "\n".join(lines)


CLEAN = {"01": ["100 5 4", "110 6 5", "105 4 4"], "02": ["200 10 8", "190 9 7", "210 8 8"]}


def problems_of(tmp_path, rows, **rest) -> list[Problem]:
    text = rows if isinstance(rows, str) else table(rows)
    return gather_panel(study(tmp_path, text, **rest))[1]


def test_a_clean_table_says_nothing(tmp_path):
    assert problems_of(tmp_path, CLEAN) == []


def test_two_different_rows_of_a_school_year_stop(tmp_path):
    rows = table(CLEAN) + "\n01 2018-19 110 7 5"
    told = problems_of(tmp_path, rows)
    assert said(told, stops=True) == (
        "panel.csv: 1 school-year appears more than once, with different values: 01 in 2018-19. Keep one row of "
        "each, or filter the file with `where` (totals and parts may stand in one file)."
    )


def test_equal_rows_are_used_once_and_told(tmp_path):
    params = study(tmp_path, table(CLEAN) + "\n01 2018-19 110 6 5")
    panel = read_panel(params)
    assert "1 row repeats another in every value" in said(panel.warnings)
    assert panel.accounting.by_reason()["reason"].tolist() == ["Exact copy of another row"]
    assert len(panel.frame) == 6


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("100 -5 4", "oss_n: 1 value is below zero: 01 in 2017-18"),
        ("-100 5 4", "enrolled_n: 1 value is below zero: 01 in 2017-18"),
        ("100 5.5 4", "oss_n: 1 value is not whole: 01 in 2017-18. Map rates to oss_per_100"),
        ("100.5 5 4", "enrolled_n: 1 value is not whole: 01 in 2017-18"),
        ("0 5 4", "1 school-year has removals but no students: 01 in 2017-18"),
        ("3 5 4", "1 school-year has more students suspended than enrolled: 01 in 2017-18"),
        ("100 five 4", 'oss_n: 1 cell is not a number: "five" (row 2)'),
    ],
)
def test_impossible_values_stop_with_school_and_year(tmp_path, value, told):
    found = said(problems_of(tmp_path, {**CLEAN, "01": [value, *CLEAN["01"][1:]]}), stops=True)
    assert told in found
    assert len(found.splitlines()) == 1


def test_all_problems_of_all_files_come_at_once(tmp_path):
    rows = table({**CLEAN, "03": ["100 -1 4", "x 5 4"]}) + "\n01 2018-19 110 7 5"
    found = problems_of(
        tmp_path,
        rows,
        groups="school_id year group enrolled_n oss_n\n01 2017-18 Black 50 x",
        adoption="school_id start_year\n1 2018-19\n02 soon",
    )
    told = said(found, stops=True)
    for part in (
        "-1",
        "appears more than once",
        "below zero",
        "enrolled_n: 1 cell",
        "groups.csv: oss_n",
        '"1"',
        '"soon"',
    ):
        assert part in told or part == "-1", part
    with pytest.raises(DataError) as caught:
        read_panel(study(tmp_path, rows))
    assert len(caught.value.problems) == 3


def test_school_names_and_counts_are_in_the_words(tmp_path):
    rows = "\n".join(
        ["school_id school_name year enrolled_n oss_n"]
        + [f"0{k} School{k} 2017-18 100 -{k}" for k in range(1, 8)]
    )
    told = said(problems_of(tmp_path, rows), stops=True)
    assert "7 values are below zero: School1 (01) in 2017-18; School2 (02) in 2017-18" in told
    assert "School5 (05) in 2017-18; and 2 more schools" in told


def test_a_school_without_students_and_removals_leaves(tmp_path):
    panel = read_panel(study(tmp_path, table({**CLEAN, "03": ["0 0 0"]})))
    assert panel.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist() == [
        ["No students enrolled", 1]
    ]


DOUBLED = {
    f"0{k}": [f"{200 * k} {20 * k} {10 * k}", f"{102 * k} {10 * k} {5 * k}", f"{101 * k} {9 * k} {5 * k}"]
    for k in range(1, 6)
}
MEND = {
    "columns": ["enrolled_n", "oss_n", "suspended_n"],
    "years": ["2017-18"],
    "multiply": "0.5",
    "expect": {"column": "enrolled_n", "ratio_to_next": "2.0"},
    "reason": "Counted twice.",
}


def test_enrollment_that_halves_for_everybody_stops_and_writes_the_correction(tmp_path):
    [stop] = [p for p in problems_of(tmp_path, DOUBLED) if p.stops]
    assert "factor of 0.51 from 2017-18 to 2018-19 (median of 5 schools)" in stop.what
    assert (
        "corrections: [{columns: [enrolled_n, oss_n, suspended_n], years: [2017-18], multiply: 0.5, "
        "expect: {column: enrolled_n, ratio_to_next: 2}" in stop.fix
    )


def test_the_correction_it_writes_mends_the_file(tmp_path):
    panel = read_panel(study(tmp_path, table(DOUBLED), keys={"corrections": [MEND]}))
    assert panel.frame.query("school_id == '01'")["enrolled_n"].tolist() == [100, 102, 101]
    assert panel.frame.query("school_id == '01'")["oss_n"].tolist() == [10, 10, 9]
    assert "corrections: Counted twice.: enrolled_n, oss_n, suspended_n multiplied by 0.5 in 5 rows" in said(
        panel.warnings
    )


def test_enrollment_that_doubles_at_the_end_is_mended_by_the_year_before(tmp_path):
    rows = {school: [values[2], values[2], values[0]] for school, values in DOUBLED.items()}
    [stop] = [p for p in problems_of(tmp_path, rows) if p.stops]
    assert "years: [2019-20], multiply: 0.5, expect: {column: enrolled_n, ratio_to_previous: 2}" in stop.fix
    mend = {**MEND, "years": ["2019-20"], "expect": {"column": "enrolled_n", "ratio_to_previous": 2}}
    panel = read_panel(study(tmp_path, table(rows), keys={"corrections": [mend]}))
    assert panel.frame.query("school_id == '01'")["enrolled_n"].tolist() == [101, 101, 100]


@pytest.mark.parametrize(
    ("rows", "change", "told"),
    [
        (
            CLEAN,
            {},
            "The file no longer shows the fault: enrolled_n of 2017-18 is 0.98 times that of 2018-19",
        ),
        (DOUBLED, {"columns": ["iss_n"]}, "There is no field iss_n to correct"),
        (DOUBLED, {"years": ["2019-20"]}, "There is no year after 2019-20 to compare with"),
    ],
)
def test_a_correction_whose_guard_fails_is_refused(tmp_path, rows, change, told):
    found = problems_of(tmp_path, rows, keys={"corrections": [{**MEND, **change}]})
    assert told in said(found, stops=True)


def test_one_school_that_doubles_is_not_a_fault_of_the_file(tmp_path):
    rows = {**CLEAN, "03": ["100 5 4", "300 5 4", "100 5 4"], "04": ["90 5 4", "91 5 4", "90 5 4"]}
    assert not [p for p in problems_of(tmp_path, rows) if p.stops]


def test_years_that_nobody_has_are_told(tmp_path):
    rows = {school: values[:1] for school, values in CLEAN.items()}
    assert "There are no rows for 2018-19, 2019-20" in said(problems_of(tmp_path, rows), stops=False)
    left = said(problems_of(tmp_path, rows, leave_out=["2018-19", "2019-20"]))
    assert "no rows for" not in left


def test_a_file_without_the_studys_years_stops(tmp_path):
    found = problems_of(tmp_path, CLEAN, first="2020-21", last="2022-23")
    assert "No row of the study's years is left (the file has 2017-18 to 2019-20)" in said(found, stops=True)


def test_a_remote_year_is_told_unless_it_is_left_out(tmp_path):
    rows = {school: [values[0], f"{200} 0 0", values[2]] for school, values in CLEAN.items()}
    told = said(problems_of(tmp_path, rows), stops=False)
    assert "2018-19 has 0.0 out-of-school suspensions (oss_n) per 100 students" in told
    assert "Write years.leave_out: [2018-19]" in told
    assert "remote" not in said(problems_of(tmp_path, rows, leave_out=["2018-19"]))


def test_unknown_cells_are_counted_by_year(tmp_path):
    rows = {**CLEAN, "02": ["200 * *", "190 9 *", "* 8 8"]}
    panel = read_panel(study(tmp_path, table(rows)))
    told = said(panel.warnings)
    assert told.count("Suppressed or blank") == 1, "one warning for the file"
    assert "1 of 6 school-years (2017-18: 1): out-of-school suspensions (oss_n)" in told
    assert "2 of 6 school-years (2017-18: 1, 2018-19: 1): students suspended (suspended_n)" in told
    assert "1 of 6 school-years (2019-20: 1): enrollment (enrolled_n)" in told
    assert panel.frame["oss_n"].isna().sum() == 1
    assert panel.frame["oss_per_100"].isna().sum() == 2


def test_schools_of_the_adoption_list_that_the_panel_lacks_stop(tmp_path):
    found = problems_of(tmp_path, CLEAN, adoption="school_id school_name start_year\n2 Elm 2018-19\n01 Oak _")
    assert 'adoption.csv: 1 school is not in the panel: "2" (Elm)' in said(found, stops=True)
    assert 'Did you mean "02" for "2"?' in said(found, stops=True)


def test_a_school_of_the_panels_file_that_an_exclusion_took_out_is_no_stranger(tmp_path):
    panel = read_panel(
        study(
            tmp_path,
            table(CLEAN),
            adoption="school_id start_year\n01 2018-19\n02 never",
            exclusions=[{"schools": ["02"], "reason": "Closed."}],
        )
    )
    assert panel.frame["school_id"].unique().tolist() == ["01"]


def test_schools_without_a_row_count_as_never_adopting_and_are_named(tmp_path):
    panel = read_panel(study(tmp_path, table(CLEAN), adoption="school_id start_year\n01 2018-19"))
    assert "1 of 2 schools without a row count as never adopting: 02" in said(panel.warnings)
    assert set(panel.frame.loc[panel.frame["school_id"] == "02", "arm"]) == {"comparison"}


def test_duplicate_adoption_rows(tmp_path):
    same = "school_id start_year\n01 2018-19\n01 2018-19\n02 never"
    panel = read_panel(study(tmp_path, table(CLEAN), adoption=same))
    assert "1 row repeats a school" in said(panel.warnings)
    assert (panel.adoption_accounting.rows_in, panel.adoption_accounting.rows_out) == (3, 2)
    different = "school_id start_year\n01 2018-19\n01 never\n02 never"
    found = problems_of(tmp_path, CLEAN, adoption=different)
    assert "1 school has more than one start: 01 (never, 2018-19)" in said(found, stops=True)


def test_starts_outside_the_studys_years_are_told(tmp_path):
    panel = read_panel(study(tmp_path, table(CLEAN), adoption="school_id start_year\n01 2017-18\n02 2031-32"))
    told = said(panel.warnings)
    assert "1 school starts by the study's first year, with no year before the program: 01 (2017-18)" in told
    assert "1 school starts after the study's last year, as comparison schools here: 02 (2031-32)" in told
    assert panel.frame.groupby("school_id")["arm"].first().tolist() == ["adopting", "comparison"]


def test_start_years_must_not_stand_in_two_files(tmp_path):
    rows = "school_id year enrolled_n oss_n start_year\n01 2017-18 100 5 2018-19\n01 2018-19 100 5 2018-19"
    assert read_panel(study(tmp_path, rows)).has_adoption
    found = problems_of(tmp_path, rows, adoption="school_id start_year\n01 2018-19")
    assert "Start years stand in two files" in said(found, stops=True)
    found = problems_of(tmp_path, rows.replace("5 2018-19\n", "5 never\n"))
    assert "1 school has more than one start" in said(found, stops=True)


def test_an_adoption_file_needs_starts_or_rules(tmp_path):
    found = problems_of(tmp_path, CLEAN, adoption="school_id school_name\n01 Oak")
    assert "No column says when a school starts" in said(found, stops=True)


def test_a_school_with_two_names_gets_the_latest(tmp_path):
    rows = "school_id school_name year enrolled_n oss_n\n01 Oak 2017-18 100 5\n01 Oakland 2018-19 100 5"
    panel = read_panel(study(tmp_path, rows))
    assert panel.frame["school_name"].unique().tolist() == ["Oakland"]
    assert "1 school goes by more than one name; the latest is used: Oakland (01)" in said(panel.warnings)


def test_an_unbalanced_panel_stays_unbalanced_and_is_told(tmp_path):
    panel = read_panel(study(tmp_path, table({**CLEAN, "03": ["100 5 4"]})))
    assert len(panel.frame) == 7
    assert "2 of 3 schools have all 3 years" in said(panel.warnings)


GROUPS = """
school_id year group enrolled_n oss_n
01 2017-18 Black 40 {black}
01 2017-18 White 60 {white}
01 2018-19 Black 50 3
01 2018-19 White 60 3
02 2017-18 Black 100 5
02 2017-18 White 100 5
"""


@pytest.mark.parametrize(
    ("black", "white", "told"),
    [
        ("3", "2", ""),
        ("2", "2", ""),
        ("0", "2", "1 of 3 school-years has groups that add up to less than the total"),
        ("7", "0", "1 of 6 school-years has a group above the school's total: 01 in 2017-18"),
        ("5", "4", "1 of 3 school-years has groups that add up to more than the total"),
    ],
)
def test_groups_are_compared_with_the_totals(tmp_path, black, white, told):
    found = problems_of(tmp_path, CLEAN, groups=GROUPS.format(black=black, white=white))
    about_groups = [p for p in found if "groups.csv" in p.where]
    assert told in said(about_groups, stops=False)
    assert bool(about_groups) == bool(told)


def test_a_suppressed_group_is_unknown_not_a_shortfall(tmp_path):
    found = problems_of(tmp_path, CLEAN, groups=GROUPS.format(black="*", white="2"))
    assert "less than the total" not in said(found)
    assert "1 of 6 rows (2017-18: 1): out-of-school suspensions" in said(found)


def test_duplicate_groups_stop(tmp_path):
    groups = GROUPS.format(black="3", white="2") + "01 2017-18 White 61 2\n"
    found = problems_of(tmp_path, CLEAN, groups=groups)
    assert "1 school-year of a student group appears more than once" in said(found, stops=True)
    assert "01, White, in 2017-18" in said(found, stops=True)


def test_a_row_without_a_school_stops(tmp_path):
    found = problems_of(tmp_path, table(CLEAN) + "\n_ 2017-18 9999 99 88")
    assert "1 row has no school id: row 8" in said(found, stops=True)


def test_rows_that_name_no_group_leave(tmp_path):
    groups = GROUPS.format(black="3", white="2") + "01 2017-18 _ 5 0\n"
    panel = read_panel(study(tmp_path, table(CLEAN), groups=groups))
    assert "1 row names no student group" in said(panel.warnings)
    assert "No student group named" in set(panel.groups_accounting.drops["reason"])


def test_an_exclusion_of_a_school_that_is_not_there_stops(tmp_path):
    found = problems_of(tmp_path, CLEAN, exclusions=[{"schools": ["2"], "reason": "Closed."}])
    assert 'exclusions: Closed.: 1 school is not in the panel: "2". Did you mean "02"?' in said(
        found, stops=True
    )


def test_what_a_panel_needs(tmp_path):
    found = problems_of(tmp_path, "school_id year enrolled_n\n01 2017-18 100")
    assert "No column gives removals" in said(found, stops=True)
    found = problems_of(tmp_path, "school_id yaer enrolled_n oss_n\n01 2017-18 100 5")
    assert 'no column "year". Write "yaer"' in said(found, stops=True)
    groups = "school_id year enrolled_n oss_n\n01 2017-18 100 5"
    found = problems_of(tmp_path, CLEAN, groups=groups)
    assert 'groups.csv: There is no column "group"' in said(found, stops=True)


# --- the stamp


def stamped(stamp: str) -> str:
    return "\n".join(
        f"{line} {'simulated' if k == 0 else stamp}" for k, line in enumerate(table(CLEAN).splitlines())
    )


@pytest.mark.parametrize(
    ("rows", "simulated", "told"),
    [
        (stamped("yes"), True, ""),
        (table(CLEAN), False, ""),
        (table(CLEAN), True, "The study is simulated, but 6 of 6 rows do not say so"),
        (stamped("yes").replace("8 yes", "8 no"), True, "but 2 of 6 rows do not say so"),
        (stamped("yes"), False, 'The file has a column "simulated", and this study is not simulated'),
        (stamped("no"), False, 'The file has a column "simulated"'),
    ],
)
def test_simulated_and_real_files_are_kept_apart(tmp_path, rows, simulated, told):
    found = said(problems_of(tmp_path, rows, simulated=simulated), stops=True)
    assert told in found
    assert bool(found) == bool(told)


def test_every_file_of_a_study_is_looked_at_for_the_stamp(tmp_path):
    found = problems_of(
        tmp_path,
        stamped("yes"),
        simulated=True,
        groups=GROUPS.format(black=3, white=2),
        adoption="school_id start_year\n01 2018-19\n02 never",
    )
    assert [p.where for p in found if p.stops] == ["groups.csv", "adoption.csv"]


def test_student_files_need_the_stamp_too(tmp_path):
    enrollment = source(write_table(tmp_path / "e.csv", "student_id school_id year\ns1 01 2018-19"), None)
    actions = "student_id school_id year kind simulated\ns1 01 2018-19 OSS yes"
    panel = source(write_table(tmp_path / "a.csv", actions), "actions", enrollment=enrollment)
    _, found = gather_panel(tiny_params(tmp_path, panel=panel, simulated=True))
    assert "e.csv: The study is simulated, but 1 of 1 rows" in said(found, stops=True)


# --- check: everything at once


def test_check_lists_stops_before_warnings_and_never_raises(tmp_path):
    params = study(tmp_path, table({**CLEAN, "03": ["100 -1 4"]}), adoption="school_id start_year\n9 2018-19")
    found = check(params)
    assert [p.stops for p in found] == sorted((p.stops for p in found), reverse=True)
    assert any("below zero" in p.what for p in found)
    assert any("have all 3 years" in p.what for p in found)


def test_check_reads_the_survey_where_there_is_one(tmp_path, monkeypatch):
    asked = []

    def gather_survey(params, starts):
        asked.append(params)
        return None, [Problem("survey.csv", "x", "y")]

    monkeypatch.setattr(check_module, "gather_survey", gather_survey)
    params = study(tmp_path, table(CLEAN), survey=SimpleNamespace(path="survey.csv"))
    assert said(check(params)) == "survey.csv: x y"
    assert asked == [params]


def test_check_reads_every_file_once_and_tells_nothing_twice(root, monkeypatch):
    """A study whose starts stand in the panel's own file, which the survey needs too; and a broken panel."""
    content = read_params(root / "params/prairie.yml").resolved()
    content["sources"]["panel"]["columns"]["start_year"] = "Lvl"
    del content["sources"]["adoption"]
    opened = []
    monkeypatch.setattr(files, "open_file", lambda *a, old=files.open_file: opened.append(a[1]) or old(*a))
    found = check(read_params(content, root=root))
    assert sorted(opened) == sorted(set(opened))
    assert len(opened) == 3
    assert len(found) == len(set(found))
    assert said(found).count("is not a school year") + said(found).count("are not school years") == 1


def test_check_finds_nothing_to_stop_the_shipped_studies(root):
    for name in ("lakeshore", "prairie", "riverbend"):
        params = read_params(root / "params" / f"{name}.yml")
        assert not [p for p in gather_panel(params)[1] if p.stops]


# --- single checks, on frames


def told_of(check, frame, **how) -> list[Problem]:
    ledger = Ledger("panel", "x")
    check(frame, ledger, **how)
    return ledger.problems


def rates(values: dict[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"school_id": "01", "school_name": "Oak", "year": y, "enrolled_n": 100.0, "oss_n": v}
            for y, v in values.items()
        ]
    )


def test_a_year_is_remote_below_a_quarter_of_the_others_median():
    assert told_of(checks.check_remote, rates({2017: 8, 2018: 8, 2019: 2}), count="oss_n") == []
    [told] = told_of(checks.check_remote, rates({2017: 8, 2018: 8, 2019: 1.9}), count="oss_n")
    assert told.what.startswith("2019-20 has 1.9")
    assert told_of(checks.check_remote, rates({2017: 8}), count="oss_n") == []
    assert told_of(checks.check_remote, rates({2017: 0, 2018: 0}), count="oss_n") == []


def enrollment(ratio: float, schools: int = 5) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"school_id": f"0{k}", "year": year, "enrolled_n": size, "oss_n": 5.0}
            for k in range(schools)
            for year, size in ((2017, 100.0), (2018, 100.0 * ratio))
        ]
    )


@pytest.mark.parametrize(("ratio", "told"), [(0.59, 1), (0.6, 0), (1.0, 0), (1.6, 0), (1.61, 1), (2.0, 1)])
def test_the_bounds_of_a_jump(ratio, told):
    assert len(told_of(checks.check_jump, enrollment(ratio))) == told


def test_a_jump_needs_three_schools():
    assert told_of(checks.check_jump, enrollment(2.0, schools=2)) == []
