"""Layouts: data that say which column means what, with the params' own keys over them."""

from pathlib import Path

import pytest
import yaml
from tiny_study import LAYOUTS, said, source, tiny_params, write_table

from rpeval.errors import ParamsError
from rpeval.inputs.implementation import LOGS
from rpeval.inputs.panel import gather_panel, read_panel
from rpeval.inputs.schema.sources import TableSource
from rpeval.inputs.tables.layouts import layout_for
from rpeval.inputs.tables.rows import read_source

NAMES = sorted(path.stem for path in LAYOUTS.glob("*.yml"))


def test_the_layouts_that_the_project_ships():
    assert sorted(
        ["rpeval", "rpeval_groups", "adoption", "actions", "enrollment", "invited", "california", "california_groups",
         "wisconsin", "wisconsin_groups", "outcomes", "incidents", "absences", "idea", *LOGS]
    ) == NAMES  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_is_read_and_says_where_it_comes_from(name, root):
    layout = layout_for(source("x.csv", name), root=root, any_field=name in ("enrollment", "outcomes"))
    assert "school_id" in layout.columns or name in ("costs", "idea")
    assert (LAYOUTS / f"{name}.yml").read_text().startswith("# ")


def test_the_sources_keys_lie_over_the_layouts(root):
    layout = layout_for(
        source("x.csv", columns={"school_id": ["A", "B"], "oss_n": "X", "iss_n": "none"}, pad={"A": "2"}),
        root=root,
    )
    assert layout.columns["school_id"] == ("A", "B")
    assert layout.columns["enrolled_n"] == ("enrolled_n",)
    assert "iss_n" not in layout.columns
    assert layout.pad == {"A": 2}
    assert "oss_n" not in layout.optional, "what the params name must be there"
    assert "expelled_n" in layout.optional
    assert layout.year_style == "label"


def test_a_source_says_the_same_as_a_layout_file(root, tmp_path):
    told = {
        "path": "x.csv",
        "columns": {"school_id": "S", "year": "Y"},
        "year_style": "ends",
        "pad": {"S": "4"},
        "where": {"L": ["A", "B"]},
        "start_rules": [{"where": {"T": "Middle"}, "start": "2020-21"}, {"where": {"T": "High"}, "start": "never"}],
        "corrections": [
            {"columns": ["oss_n"], "years": ["2017-18"], "multiply": "0.5", "reason": "Doubled",
             "expect": {"column": "oss_n", "ratio_to_next": "2"}}
        ],
        "kinds": {"OSS": "oss_n", "Detention": "none"},
    }  # fmt: skip
    (tmp_path / "data/reference/layouts").mkdir(parents=True)
    (tmp_path / "data/reference/layouts/mine.yml").write_text(
        yaml.safe_dump({k: v for k, v in told.items() if k != "path"})
    )
    real = layout_for(TableSource(**told), root=root)
    written = layout_for(source("x.csv", "mine"), root=tmp_path)
    for key in set(told) - {"path", "columns"}:
        assert getattr(written, key) == getattr(real, key)
    assert [rule.start for rule in real.start_rules] == ["2020-21", "never"]
    assert real.corrections[0].years == (2017,)
    assert real.kinds == {"OSS": "oss_n", "Detention": None}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"layout": "californa"}, 'no file "californa".*\n.*"california"'),
        ({"columns": {"enroled_n": "E"}}, 'no field "enroled_n".\n.*"enrolled_n"'),
    ],
)
def test_what_no_layout_can_say_is_refused(root, keys, told):
    with pytest.raises(ParamsError, match=told):
        layout_for(source("x.csv", **{"layout": "rpeval", **keys}), root=root)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("year_style: start", 'mine.yml: year_style: "start" is not a choice here.\n.*"starts"'),
        ("pad: {A: x}", 'mine.yml: pad.A: "x" is not a whole number'),
        ("pivot: {column: A}", "mine.yml: pivot.value: This key is missing(.|\n)*pivot.names"),
        ("colums: {school_id: A}", 'mine.yml: colums: There is no such key.\n.*"columns"'),
    ],
)
def test_what_a_layout_file_says_wrong_is_told_by_its_place(tmp_path, text, told):
    (tmp_path / "data/reference/layouts").mkdir(parents=True)
    (tmp_path / "data/reference/layouts/mine.yml").write_text(text)
    with pytest.raises(ParamsError, match=told):
        layout_for(source("x.csv", "mine"), root=tmp_path)


CALIFORNIA = """\
AcademicYear\tAggregateLevel\tCountyCode\tDistrictCode\tSchoolCode\tCountyName\tDistrictName\tSchoolName\tCharterYN\t\
ReportingCategory\tCumulativeEnrollment\tTotal Suspensions\tUnduplicated Count of Students Suspended (Total)\t\
Unduplicated Count of Students Suspended (Defiance-Only)\tSuspension Rate (Total)
2018-19\tS\t1\t61259\t111476\tAlameda\tOakland Unified\tAchieve\tY\tTA\t1,204\t60\t41\t3\t3.4
2018-19\tS\t1\t61259\t111476\tAlameda\tOakland Unified\tAchieve\tY\tRB\t36\t20\t12\t1\t33.3
2018-19\tS\t1\t61259\t111476\tAlameda\tOakland Unified\tAchieve\tY\tRI\t*\t*\t*\t*\t*
2018-19\tS\t1\t61259\t111476\tAlameda\tOakland Unified\tAchieve\tY\tSL\t400\t20\t12\t1\t3
2018-19\tS\t1\t61259\t0\tAlameda\tOakland Unified\tDistrict Office\tN\tTA\t9\t0\t0\t0\t0
2018-19\tD\t1\t61259\t\tAlameda\tOakland Unified\t\tAll\tTA\t50,202\t3000\t2000\t3\t4
"""


def test_california_by_its_exact_headings(tmp_path):
    (tmp_path / "suspension19.txt").write_text(CALIFORNIA)
    params = tiny_params(
        tmp_path,
        panel=source("suspension19.txt", "california"),
        groups=source("suspension19.txt", "california_groups"),
        last="2018-19",
        first="2018-19",
    )
    panel = read_panel(params)
    row = panel.frame.iloc[0]
    assert len(panel.frame) == 1
    assert (row["school_id"], row["school_name"], row["year"]) == ("01-61259-0111476", "Achieve", 2018)
    assert (row["enrolled_n"], row["oss_n"], row["suspended_n"]) == (1204, 60, 41)
    assert row["oss_per_100"] == pytest.approx(100 * 60 / 1204)
    assert panel.accounting.rows_in == 6
    assert set(panel.accounting.by_reason()["reason"]) == {
        "AggregateLevel is not S", "ReportingCategory is not TA", "SchoolCode is 0000000"
    }  # fmt: skip
    groups = panel.groups.set_index("group")
    assert groups.index.tolist() == ["American Indian or Alaska Native", "Black"]
    assert groups.loc["Black", "oss_n"] == 20
    assert groups.loc["American Indian or Alaska Native", ["enrolled_n", "oss_n"]].isna().all()
    assert panel.groups_accounting.rows_in - 2 == panel.groups_accounting.drops["rows_n"].sum()


WISCONSIN = """\
SCHOOL_YEAR,AGENCY_TYPE,CESA,COUNTY,DISTRICT_CODE,SCHOOL_CODE,GRADE_GROUP,CHARTER_IND,DISTRICT_NAME,SCHOOL_NAME,\
GROUP_BY,GROUP_BY_VALUE,REMOVAL_TYPE_DESCRIPTION,TFS_ENROLLMENT_COUNT,REMOVAL_COUNT
{rows}
"""
KEY = "2018-19,Public school,01,Milwaukee,{district},{school},High,No,Milwaukee,{name},{by},{value},{kind},{n},{count}"


def wisconsin(*rows) -> str:
    """Rows of district, school, name, group by, value, kind, enrollment, count."""
    names = ("district", "school", "name", "by", "value", "kind", "n", "count")
    return WISCONSIN.format(rows="\n".join(KEY.format(**dict(zip(names, row, strict=True))) for row in rows))


def test_wisconsin_by_its_headings_and_removal_types(tmp_path):
    everyone = ("All Students", "All Students")
    oss, served, unserved = (
        "Out of School Suspension", "Expulsion with Services Offered", "Expulsion without Services Offered"
    )  # fmt: skip
    (tmp_path / "wi.csv").write_text(
        wisconsin(
            ("3619", "29", "Bay", *everyone, oss, 500, 50),
            ("3619", "29", "Bay", *everyone, served, 500, 2),
            ("3619", "29", "Bay", *everyone, unserved, 500, 1),
            ("3619", "30", "Quiet", *everyone, "", 200, 0),
            ("3619", "31", "Small", *everyone, oss, 90, "*"),
            ("3619", "29", "Bay", "Race/Ethnicity", "Amer Indian", oss, 20, "*"),
            ("3619", "", "[Districtwide]", *everyone, oss, 70000, 9999),
            ("3619", "29", "Bay", "Race/Ethnicity", "Black", oss, 300, 40),
        )
    )
    params = tiny_params(
        tmp_path,
        panel=source("wi.csv", "wisconsin"),
        groups=source("wi.csv", "wisconsin_groups"),
        first="2018-19",
        last="2018-19",
    )
    panel = read_panel(params)
    bay, quiet, small = (panel.frame.loc[k] for k in range(3))
    assert (bay["school_id"], bay["enrolled_n"]) == ("3619-0029", 500)
    assert (bay["oss_n"], bay["expelled_n"]) == (50, 3)
    assert (quiet["oss_n"], quiet["expelled_n"]) == (0, 0)
    assert small["oss_n"] != small["oss_n"], "redacted is unknown"
    assert small["expelled_n"] == 0
    assert panel.accounting.rows_in == 8
    reasons = panel.accounting.by_reason().set_index("reason")["rows_n"]
    assert reasons["Joined into the row of its school and year"] == 2
    assert reasons["GROUP_BY is not All Students"] == 2
    assert reasons["SCHOOL_NAME is [Districtwide]"] == 1
    groups = panel.groups.set_index("group")["oss_n"]
    assert groups["Black"] == 40
    assert groups["American Indian or Alaska Native":].isna().iloc[0]


def pivoted(tmp_path, rows: str, **pivot):
    name = write_table(tmp_path / "long.csv", rows)
    told = {
        "column": "kind",
        "value": "n",
        "names": {"OSS": "oss_n", "ISS": "iss_n", "LOCK": "iss_n"},
        **pivot,
    }
    keys = {"columns": {"oss_n": "none", "iss_n": "none"}, "pivot": told}
    params = tiny_params(tmp_path, panel=source(name, **keys))
    return read_source(
        params.sources.panel, layout_for(params.sources.panel, root=tmp_path), name="panel", params=params
    )


def test_pivot_adds_kinds_and_keeps_the_unknown_unknown(tmp_path):
    frame, ledger = pivoted(
        tmp_path,
        """
        school_id year enrolled_n kind n
        01 2018-19 100 OSS 5
        01 2018-19 100 ISS 2
        01 2018-19 100 LOCK 1
        02 2018-19 80 ISS *
        02 2018-19 80 LOCK 1
        03 2018-19 60 DETENTION 9
        """,
    )
    assert frame["school_id"].tolist() == ["01", "02"]
    assert frame["oss_n"].fillna(-1).tolist() == [5, -1]
    assert frame["iss_n"].fillna(-1).tolist() == [3, -1], "a sum with an unknown part is unknown"
    assert ledger.close(len(frame)).by_reason()["rows_n"].sum() == 4
    assert "kind is DETENTION" in set(ledger.close(len(frame)).drops["reason"])
    assert not ledger.problems


def test_pivot_says_what_an_absent_kind_means(tmp_path):
    rows = """
        school_id year enrolled_n kind n
        01 2018-19 100 OSS 5
        02 2018-19 80 ISS *
        """
    frame, _ = pivoted(tmp_path, rows, absent="zero")
    assert frame["iss_n"].tolist()[0] == 0
    assert frame["oss_n"].tolist() == [5, 0]
    assert frame["iss_n"].isna().tolist() == [False, True], "suppressed is not absent"


def test_pivot_refuses_a_kind_twice_and_two_enrollments(tmp_path):
    _, ledger = pivoted(
        tmp_path,
        """
        school_id year enrolled_n kind n
        01 2018-19 100 OSS 5
        01 2018-19 100 OSS 6
        01 2018-19 90 ISS 2
        """,
    )
    told = said(ledger.problems)
    assert "2 rows repeat a kind of the same school and year (rows 2, 3)" in told
    assert "1 school-year has more than one enrollment" in told


def test_start_rules_give_starts_and_take_out_what_no_rule_fits(tmp_path):
    name = write_table(
        tmp_path / "panel.csv",
        """
        school_id year enrolled_n oss_n type
        01 2018-19 100 5 Middle
        01 2019-20 100 5 Middle
        02 2018-19 100 5 High
        02 2019-20 100 5 High
        03 2018-19 100 5 Elementary
        """,
    )
    rules = [
        {"where": {"type": ["Middle"]}, "start": "2019-20"},
        {"where": {"type": "High"}, "start": "never"},
    ]
    panel = read_panel(tiny_params(tmp_path, panel=source(name, start_rules=rules), first="2018-19"))
    assert panel.has_adoption
    starts = panel.frame.groupby("school_id")[["start_year", "arm"]].first()
    assert starts.loc["01"].tolist() == [2019, "adopting"]
    assert starts.loc["02", "arm"] == "comparison"
    assert panel.frame.loc[panel.frame["school_id"] == "02", "start_year"].isna().all()
    assert panel.accounting.by_reason()["reason"].tolist() == ["No start rule for type Elementary"]


def test_rules_on_a_list_of_schools_choose_the_panels_schools(tmp_path):
    rows = "\n".join(["school_id year enrolled_n oss_n"] + [f"0{k} 2018-19 100 5" for k in (1, 2, 3, 4)])
    # School 04 is no school of the rules: that its rows contradict each other does not matter.
    panel = source(write_table(tmp_path / "panel.csv", rows + "\n04 2018-19 100 6"))
    levels = "school_id type\n01 Middle\n01 Middle\n02 High\n03 Elementary\n09 High"
    rules = [{"where": {"type": "Middle"}, "start": "2019-20"}, {"where": {"type": "High"}, "start": "never"}]
    adoption = source(write_table(tmp_path / "levels.csv", levels), "rpeval", start_rules=rules)
    read = read_panel(tiny_params(tmp_path, panel=panel, adoption=adoption, first="2018-19"))
    assert read.frame["school_id"].tolist() == ["01", "02"]
    assert read.frame["arm"].tolist() == ["adopting", "comparison"]
    assert read.accounting.by_reason()[["reason", "rows_n"]].to_numpy().tolist() == [
        ["No start rule fits the school", 3]
    ]
    reasons = read.adoption_accounting.by_reason().set_index("reason")["rows_n"].to_dict()
    assert reasons == {
        "No start rule for type Elementary": 1, "Repeats a school": 1, "School is not in the panel": 1
    }  # fmt: skip


def test_years_in_other_styles_and_ids_that_lost_their_zeros(tmp_path):
    rows = "Bldg SY pop out level\n7 2018 100 5 S\n7 2019 100 5 S\n_ 2019 900 9 D"
    keys = {
        "columns": {"school_id": "Bldg", "year": "SY", "enrolled_n": "pop", "oss_n": "out"},
        "pad": {"Bldg": "4"},
        "year_style": "ends",
        "where": {"level": "S"},
    }
    params = tiny_params(tmp_path, panel=source(write_table(tmp_path / "p.csv", rows), **keys))
    panel = read_panel(params)
    assert panel.frame["school_id"].tolist() == ["0007", "0007"]
    assert panel.frame["year"].tolist() == [2017, 2018]
    keys["year_style"] = "label"
    _, problems = gather_panel(
        tiny_params(tmp_path, panel=source("p.csv", **keys), groups=None, first="2017-18")
    )
    assert '"2018" (row 2), "2019" (row 3)' in said(problems)
    assert "year_style: starts" in said(problems)


def test_a_layout_problem_does_not_hide_the_others(tmp_path):
    params = tiny_params(
        tmp_path,
        panel=source("absent.csv"),
        groups=source("x.csv", "no_such"),
        adoption=source("absent2.csv", "adoption"),
    )
    told = said(gather_panel(params)[1])
    assert 'no file "no_such"' in told
    assert 'absent.csv: There is no file "absent.csv"' in told
    assert 'absent2.csv: There is no file "absent2.csv"' in told


def test_a_projects_own_layout_is_found_first(tmp_path):
    folder = tmp_path / "data/reference/layouts"
    folder.mkdir(parents=True)
    (folder / "mine.yml").write_text("columns: {school_id: Bldg}\nmissing: ['99']\n")
    layout = layout_for(source("x.csv", "mine"), root=Path(tmp_path))
    assert (layout.columns, layout.missing) == ({"school_id": ("Bldg",)}, ("99",))
