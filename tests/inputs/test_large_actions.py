"""An actions log of any size: the same rows, reasons and words as frames held whole, and never whole in memory."""

import csv
import io
import random
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import plain_actions
import pytest
from tiny_study import said, source, tiny_params

from rpeval.errors import DataError
from rpeval.inputs import panel as panel_module
from rpeval.inputs.accounting import add_drops
from rpeval.inputs.panel import gather_panel, read_panel
from rpeval.inputs.schools import actions as actions_module
from rpeval.inputs.schools import counting
from rpeval.inputs.tables import files, text
from rpeval.inputs.tables.layouts import layout_for

SCHOOLS = ["01", "02", "0003", "é-4"]
NAMES = {"01": ["Oak", "Oak School"], "02": ["Elm, East"], "0003": ['The "Third"'], "é-4": ["École"]}
KINDS = {"OSS": "oss_n", "ISS": "iss_n", "EXP": "expelled_n", "LAW": "referred_n", "DET": "none"}
DATES = ["2017-09-05", "9/5/2017", "2018-06-30", "2018-07-01", "2019-03-08 08:15", "1/31/2019", "2018-11-01"]
BAD_DATES = ["", "soon", "2018-13-01", "31.12.2018", "1492-10-12"]
YEARS, BAD_YEARS = ["2017-18", "2018-19", "2018/19", "2019–20"], ["", "2018", "last year"]
DAYS, BAD_DAYS = ["1", "2", " 3 ", "2.5", "0.25", "1,000", "10%"], ["*", "", "n/a"]


def dirty_log(draw: random.Random, *, n: int, stops: bool) -> tuple[list[str], list[list[str]]]:
    """Rows of an actions log in any of its forms, with every fault that such a file was seen to have."""
    form = draw.choice(["id", "date", "year", "all but days"])
    strange = 0.03 if stops else 0.0
    rows = []
    for number in range(n):
        date = draw.choice(BAD_DATES if draw.random() < strange else DATES)
        rows.append({
            "action_id": draw.choice(["", f"{number // 2:05d}", f"{number:05d}"]),
            "student_id": draw.choice(["", "99", *(f"{k:03d}" for k in range(8))]),
            "school_id": "" if draw.random() < strange else draw.choice([*SCHOOLS, "77"]),
            "date": date,
            "year": draw.choice(BAD_YEARS if draw.random() < strange else [*YEARS, "2011-12"]),
            "kind": draw.choice(["OSS", "OSS", "ISS", "LAW", "DET", "MYSTERY", ""]),
            "days": draw.choice(["x", "3 days"] if draw.random() < strange else [*DAYS, *BAD_DAYS[:2]]),
            "level": draw.choice(["S", "S", "S", "D"]),
            "simulated": "" if draw.random() < strange else "yes",
            "note": draw.choice(["", "said \"no\"", "two\nlines", "a, b", "5; 6"]),
        })  # fmt: skip
        if draw.random() < 0.2 and rows:
            rows.append(draw.choice(rows))
        if draw.random() < 0.03:
            rows.append(dict.fromkeys(rows[-1], ""))
    absent = {"id": {"year"}, "date": {"year", "action_id"}, "year": {"date", "action_id"},
              "all but days": {"year", "days"}}[form]  # fmt: skip
    columns = [column for column in rows[0] if column not in absent]
    draw.shuffle(columns)
    return columns, [[row[column] for column in columns] for row in rows]


def dirty_enrollment(draw: random.Random, *, stops: bool) -> tuple[list[str], list[list[str]]]:
    """Rows of an enrollment file: students twice, with two values, without an id, in years nobody asked for."""
    strange, rows = 0.03 if stops else 0.0, []
    for student in range(12):
        for year in [*YEARS[:2], "2019-20", "2010-11"]:
            if draw.random() < 0.8:
                school = draw.choice(SCHOOLS)
                rows.append([
                    "" if draw.random() < 0.03 else f"{student:03d}",
                    "" if draw.random() < strange else school, draw.choice(NAMES[school]),
                    draw.choice(BAD_YEARS) if draw.random() < strange else year,
                    draw.choice(["Black", "White", "B", ""]), draw.choice(["Y", "no", "*", "TRUE", "maybe"]),
                    "" if draw.random() < strange else "yes",
                ])  # fmt: skip
            if draw.random() < 0.2 and rows:
                again = list(draw.choice(rows))
                again[draw.choice([2, 4, 5])] = draw.choice(["Black", "White", "Y"])
                rows.append(again)
    draw.shuffle(rows)
    return ["student_id", "school_id", "school_name", "year", "race", "el", "simulated"], rows


def write(path, columns, rows, draw: random.Random, kind: str) -> str:
    if kind == "parquet":
        pd.DataFrame(rows, columns=columns, dtype="str").to_parquet(path.with_suffix(".parquet"), index=False)
        return path.with_suffix(".parquet").name
    made = io.StringIO()
    quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    end, delimiter = draw.choice(["\n", "\r\n"]), draw.choice(",;\t")
    table = csv.writer(made, delimiter=delimiter, quoting=quoting, lineterminator=end)
    table.writerows([columns, *rows])
    path.write_bytes(made.getvalue().encode(draw.choice(["utf-8", "utf-8-sig"])))
    return path.name


def dirty_study(folder, seed: int, *, stops: bool, n: int = 60):
    """A study of two dirty files, and how its params read them."""
    draw = random.Random(seed)
    kind = draw.choice(["csv", "parquet"])
    books = write(folder / "enrollment.csv", *dirty_enrollment(draw, stops=stops), draw, kind)
    log = write(folder / "actions.csv", *dirty_log(draw, n=n, stops=stops), draw, kind)
    kinds = {**KINDS, "(empty)": "none"} if draw.random() < 0.3 else KINDS
    columns = {"race": "race", "el": "el"} if draw.random() < 0.7 else {"race": "none", "el": "none"}
    enrollment = {"path": books, "columns": columns}
    if draw.random() < 0.5 and "race" in columns.values():
        enrollment["values"] = {"race": {"B": "Black", "White": "none"}}
    keys = {"kinds": kinds, "enrollment": enrollment, "hours": {"LAW": 4, "ISS": 6.5}}
    if draw.random() < 0.5:
        keys["where"] = {"level": "S"}
    if draw.random() < 0.5:
        keys["pad"] = {"student_id": "5"}
        enrollment["pad"] = {"student_id": "5"}
    excluded = [{"schools": ["02"], "years": ["2018-19"], "reason": "Merged."}] if draw.random() < 0.5 else []
    left_out = ["2018-19"] if draw.random() < 0.2 else []
    simulated = draw.random() < 0.8 if stops else True
    return tiny_params(
        folder, panel=source(log, "actions", **keys), first="2017-18", leave_out=left_out,
        exclusions=excluded, simulated=simulated,
    )  # fmt: skip


def records_of(read, params):
    told = params.sources.panel
    return read(told, layout_for(told, root=params.root, label="sources.panel"), params)


def assert_same_records(one, other):
    pd.testing.assert_frame_equal(one.schools, other.schools)
    pd.testing.assert_frame_equal(one.removals, other.removals)
    assert (one.groups is None) == (other.groups is None)
    if one.groups is not None:
        pd.testing.assert_frame_equal(one.groups, other.groups)
    assert one.ids == other.ids
    for mine, plain in zip(one.books, other.books, strict=True):
        assert (mine.source, mine.label, mine.rows_in) == (plain.source, plain.label, plain.rows_in)
        assert mine.problems == plain.problems
        pd.testing.assert_frame_equal(add_drops(mine.drops), add_drops(plain.drops))


@pytest.mark.parametrize("seed", range(8))
def test_dirty_files_are_read_as_plain_frames_read_them(tmp_path, monkeypatch, seed):
    params = dirty_study(tmp_path, seed, stops=seed % 2 == 1)
    plain = records_of(plain_actions.read_actions, params)
    in_small_parts(monkeypatch)
    assert_same_records(records_of(actions_module.read_actions, params), plain)


@pytest.mark.parametrize("seed", range(100, 103))
def test_a_panel_of_a_log_is_that_of_plain_frames(tmp_path, monkeypatch, seed):
    params = dirty_study(tmp_path, seed, stops=False)
    with monkeypatch.context() as patch:
        in_small_parts(patch)
        panel, problems = gather_panel(params)
    monkeypatch.setattr(panel_module, "read_actions", plain_actions.read_actions)
    wanted, told = gather_panel(params)
    assert problems == told
    assert (panel is None) == (wanted is None)
    if panel is not None:
        assert panel.accounting.rows_out == wanted.accounting.rows_out
        pd.testing.assert_frame_equal(panel.accounting.drops, wanted.accounting.drops)
        pd.testing.assert_frame_equal(panel.frame, wanted.frame)
        pd.testing.assert_frame_equal(panel.removals, wanted.removals)


def test_neither_the_order_of_rows_nor_threads_nor_parts_matter(tmp_path, monkeypatch):
    """Days such as 0.1 add up to another number in another order, unless they are added in one order."""
    draw = random.Random(5)
    columns = ["student_id", "school_id", "date", "kind", "days"]
    rows = [[f"{draw.randrange(40):02d}", draw.choice(["01", "02"]), f"2018-{draw.randrange(9, 13):02d}-03", "OSS",
             draw.choice(["0.1", "0.2", "0.7", "1.3", "33.333"])] for _ in range(400)]  # fmt: skip
    books = [[f"{n:02d}", school, "2018-19"] for n in range(40) for school in ("01", "02")]
    seen = []
    for threads, size in ((1, 700), (2, 1 << 20), (3, 5_000)):
        monkeypatch.setattr(counting, "_cores", lambda threads=threads: threads)
        monkeypatch.setattr(text, "BLOCK", size)
        draw.shuffle(rows)
        draw.shuffle(books)
        write_csv(tmp_path / "a.csv", columns, rows)
        write_csv(tmp_path / "e.csv", ["student_id", "school_id", "year"], books)
        panel = read_panel(log_and_books(tmp_path))
        seen.append((panel.frame.to_csv(), panel.removals.to_csv(), panel.accounting.drops.to_csv()))
    assert len(set(seen)) == 1


def test_faults_far_apart_are_told_together_with_their_rows(tmp_path, monkeypatch):
    rows = [["s1", "01", "2018-09-04", "OSS", "1"] for _ in range(300)]
    for row, column, fault in ((7, 2, "soon"), (150, 1, ""), (299, 2, "never"), (290, 4, "x"), (11, 4, "y")):
        rows[row] = [fault if number == column else value for number, value in enumerate(rows[row])]
    write_csv(tmp_path / "a.csv", ["student_id", "school_id", "date", "kind", "days"], rows)
    write_csv(tmp_path / "e.csv", ["student_id", "school_id", "year"], [["s1", "01", "2018-19"]])
    monkeypatch.setattr(text, "BLOCK", 500)
    told = said(gather_panel(log_and_books(tmp_path))[1], stops=True)
    assert '2 rows have a year that cannot be read: "soon" (row 9), "never" (row 301).' in told
    assert "1 row has no school id: row 152." in told
    assert 'days: 2 cells are not numbers: "y" (row 13), "x" (row 292).' in told
    torn = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "a.csv").write_text("\n".join([*torn[:40], "cut", *torn[40:250], "a,b", *torn[250:]]))
    told = said(gather_panel(log_and_books(tmp_path))[1], stops=True)
    assert "2 rows do not have the 5 columns of the headings: row 41 has 1, row 252 has 2." in told


def test_a_log_larger_than_the_memory_it_may_take_is_lent_the_disk(tmp_path, monkeypatch):
    n, folders = 150_000, []
    table = {"action_id": [f"A{k:012d}" for k in range(n)], "student_id": [f"{k % 60_000:09d}" for k in range(n)],
             "school_id": [f"{k % 60_000 % 50:03d}" for k in range(n)], "year": ["2018-19"] * n, "kind": ["OSS"] * n}  # fmt: skip
    pd.DataFrame(table).to_parquet(tmp_path / "a.parquet", index=False)
    books = pd.DataFrame(table).iloc[:60_000][["student_id", "school_id", "year"]]
    books.to_parquet(tmp_path / "e.parquet", index=False)
    made = tempfile.TemporaryDirectory
    monkeypatch.setattr(counting.tempfile, "TemporaryDirectory",
                        lambda **how: folders.append(made(dir=tmp_path, **how)) or folders[-1])  # fmt: skip
    monkeypatch.setattr(counting, "MEMORY", "24MB")
    panel = read_panel(log_and_books(tmp_path, end="parquet"))
    assert panel.frame["oss_n"].sum() == n
    assert panel.frame["enrolled_n"].sum() == 60_000
    assert len(folders) == 1
    assert not Path(folders[0].name).exists(), "no student's row stays on the disk"


def test_what_belongs_to_tables_of_schools_is_refused(tmp_path):
    write_csv(
        tmp_path / "a.csv", ["student_id", "school_id", "year", "kind"], [["s1", "01", "2018-19", "OSS"]]
    )
    write_csv(
        tmp_path / "e.csv", ["student_id", "school_id", "year", "score"], [["s1", "01", "2018-19", "4"]]
    )
    rules = {"start_rules": [{"where": {"kind": "OSS"}, "start": "2019-20"}]}
    told = said(gather_panel(log_and_books(tmp_path, keys=rules))[1], stops=True)
    assert "`start_rules` is for tables of schools, not of students. Take `start_rules` out." in told
    told = said(gather_panel(log_and_books(tmp_path, books={"columns": {"score": "score"}}))[1], stops=True)
    assert '"score" is read as a number, and cannot put students into groups.' in told
    told = said(
        gather_panel(log_and_books(tmp_path, keys={"columns": {"student_id": "none"}}))[1], stops=True
    )
    assert "No column names the student. Map one to `student_id`." in told


def test_columns_of_groups_may_have_any_name(tmp_path):
    columns = ["student_id", "school_id", "year", "a", "b", "c"]
    write_csv(
        tmp_path / "e.csv",
        columns,
        [["s1", "01", "2018-19", "x", "w", "z"], ["s2", "01", "2018-19", "x", "", ""]],
    )
    write_csv(
        tmp_path / "a.csv", ["student_id", "school_id", "year", "kind"], [["s1", "01", "2018-19", "OSS"]]
    )
    books = {"columns": {"Race": "a", "race": "b", 'g0 "; DROP TABLE students': "c"}}
    panel = read_panel(log_and_books(tmp_path, books=books))
    told = panel.groups.set_index("group")[["enrolled_n", "oss_n"]]
    assert told.to_dict("index") == {
        "w": {"enrolled_n": 1, "oss_n": 1}, "x": {"enrolled_n": 2, "oss_n": 1}, "z": {"enrolled_n": 1, "oss_n": 1}
    }  # fmt: skip


def test_a_number_of_days_beyond_all_numbers_is_a_number(tmp_path):
    rows = [["s1", "01", "2018-19", "OSS", days] for days in ("1e999", "1e308", "1e308")]
    write_csv(tmp_path / "a.csv", ["student_id", "school_id", "year", "kind", "days"], rows)
    write_csv(tmp_path / "e.csv", ["student_id", "school_id", "year"], [["s1", "01", "2018-19"]])
    assert gather_panel(log_and_books(tmp_path))[0].frame["oss_days"].tolist() == [float("inf")]


def test_a_full_disk_is_told_in_words(tmp_path, monkeypatch):
    def full(*args, **how):
        raise duckdb.OutOfMemoryException("failed to offload data block")

    write_csv(
        tmp_path / "a.csv", ["student_id", "school_id", "year", "kind"], [["s1", "01", "2018-19", "OSS"]]
    )
    write_csv(tmp_path / "e.csv", ["student_id", "school_id", "year"], [["s1", "01", "2018-19"]])
    monkeypatch.setattr(counting.Counts, "match", full)
    assert "do not fit into 600MB of memory" in said(gather_panel(log_and_books(tmp_path))[1], stops=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_text_in_parts_is_the_text_as_a_whole(tmp_path, monkeypatch, encoding):
    """Line ends, quotes and letters of several bytes fall on the seams of the parts; UTF-16 may lack its mark."""
    rows = [[f"00{k}", "é, è" if k % 3 else "two\r\nlines", 'said "no"'] for k in range(60)]
    made = io.StringIO()
    csv.writer(made).writerows([["id", "a name", "note"], *rows])
    (tmp_path / "x.csv").write_bytes(made.getvalue().encode(encoding))
    told = encoding.replace("-le", "") if encoding.startswith(("utf-16", "latin")) else None
    for size in (64, 101, 333, 8 << 20):
        monkeypatch.setattr(text, "BLOCK", size)
        read = files.read_table(tmp_path / "x.csv", encoding=told)
        assert read.frame.to_numpy().tolist() == rows
        assert read.frame.index.tolist() == list(range(60))


def test_a_quote_that_swallows_the_file_is_told(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n" + '3,"4\n' + "5,6\n" * 300 + '7,"\n')
    monkeypatch.setattr(text, "BLOCK", 256)
    with pytest.raises(DataError, match="A value in quotes is longer than"):
        files.read_table(tmp_path / "x.csv")


def in_small_parts(patch) -> None:
    patch.setattr(text, "BLOCK", 2_000)
    patch.setattr(files, "ROWS", 20)


def write_csv(path: Path, columns, rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def log_and_books(folder: Path, *, end: str = "csv", keys=None, books=None):
    told = {"kinds": KINDS, "enrollment": {"path": f"e.{end}", **(books or {})}, **(keys or {})}
    return tiny_params(folder, panel=source(f"a.{end}", "actions", **told), first="2018-19", last="2018-19")
