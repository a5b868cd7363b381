"""The page over all studies: what it tells of each, what it leaves out, in which order, and how heavy it is."""

import json
import re
import shutil
import time

import pytest
from report_folder import write_folder

from rpeval.errors import FindingError
from rpeval.findings import collect
from rpeval.findings.finding import Finding
from rpeval.reports.index import index, picture, scales, write_index


def finish(folder, target):
    """Put a study's findings where a finished run leaves them."""
    collect(folder)
    target.mkdir(parents=True)
    shutil.copy(folder / "findings.json", target)
    (target / "manifest.json").write_text("{}")
    return target


def changed(folder, change):
    """Rewrite findings.json: `change` gets the whole and the findings by id."""
    path = folder / "findings.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    change(whole, {f["id"]: f for f in whole["findings"]})
    path.write_text(json.dumps(whole), encoding="utf-8")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    base = tmp_path_factory.mktemp("index")
    top = base / "reports"
    full = finish(write_folder(base / "a"), top / "lakeshore")
    (full / "report.html").write_text("")
    (full / "brief.es.html").write_text("")
    other = finish(write_folder(base / "b", refused=True, survey=False, simulated=False), top / "oak")
    changed(
        other, lambda whole, _: whole.update(title="A study without an effect", district="Oak <b>County</b>")
    )
    finish(write_folder(base / "c"), top / "elm.draft")
    (top / "elm.failed").mkdir()
    (top / "lakeshore.failed").mkdir()
    (finish(write_folder(base / "d"), top / "torn") / "findings.json").write_text('{"schema": "rpe')
    (finish(write_folder(base / "e"), top / "unfinished") / "manifest.json").unlink()
    return top


@pytest.fixture(scope="module")
def page(reports):
    return index(reports)


def rows(page):
    body = re.search(r"<tbody>(.*)</tbody>", page, re.S)[1]
    return {m[1]: m[0] for m in re.finditer(r'<tr id="([^"]+)".*?</tr>', body, re.S)}


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_finished_studies_stand_in_the_order_of_their_titles(page):
    assert list(rows(page)) == ["oak", "lakeshore"]


def test_a_row_tells_what_the_findings_say(page):
    said = text(rows(page)["lakeshore"])
    for told in ("Restorative practices in Lakeshore", "Lakeshore (simulated)", "Simulated data", "2016-17 to 2023-24",
                 "60 adopting: 24", "Effect on out-of-school suspensions: −2.1 per 100 students (−3.3 to −0.9)", "Leaning",
                 "0.05 points on a scale from 1 to 4", "Inconclusive", "Effect on the gap between Black and White students"):  # fmt: skip
        assert told in said


def test_a_study_without_an_effect_is_told_in_the_same_place(page):
    row = rows(page)["oak"]
    assert "not estimated" in row
    assert "Not estimable" in row
    assert text(row).count("Not asked") == 2
    assert "<svg" not in row
    assert "Simulated data" not in row


def test_text_of_a_study_is_escaped(page):
    assert "Oak &lt;b&gt;County" in page


def test_drafts_are_left_out_and_failures_are_named(page):
    assert "elm.draft" not in page
    assert "unfinished" not in page
    after = page[page.index("Runs that stopped") :]
    assert "<li>elm.failed</li>" in after
    assert "lakeshore.failed" not in page
    assert "The last run stopped" in rows(page)["lakeshore"]


def test_a_folder_that_cannot_be_read_is_named(page):
    assert "<li>torn</li>" in page[page.index("Folders that could not be read") :]


def test_only_files_that_are_there_are_linked(page):
    assert re.findall(r'href="([^"#]+)"', page) == ["lakeshore/report.html", "lakeshore/report.html", "lakeshore/brief.es.html"]  # fmt: skip
    assert 'lang="es"' in page


def test_harms_are_counted_by_verdict_the_worst_first(tmp_path):
    folder = finish(write_folder(tmp_path / "a"), tmp_path / "reports" / "x")

    def add(whole, by_id):
        for k, state in enumerate(["cleared", "harm", "not ruled out", "cleared"]):
            whole["findings"].append(
                by_id["suspensions.iss_per_100.att"] | {"id": f"harms.h{k}.att", "decision": state}
            )

    changed(folder, add)
    assert "Harm: 1 Not ruled out: 1 Cleared: 2" in text(index(folder.parent))


def test_the_widest_gap_is_the_largest_whatever_its_direction(tmp_path):
    folder = finish(write_folder(tmp_path / "a"), tmp_path / "reports" / "x")

    def add(whole, by_id):
        gap = by_id["suspensions.gap.black_white.att"]
        for name, value, state in (("b", 7.0, "widened"), ("c", -8.0, "narrowed"), ("d", 1.0, "cannot tell")):
            more = {
                "id": f"suspensions.gap.{name}.att",
                "label": f"Gap {name}",
                "value": value,
                "decision": state,
            }
            whole["findings"].append(gap | more)

    changed(folder, add)
    said = text(index(folder.parent))
    assert "Narrowed Gap c:" in said
    assert "other gaps: 3" in said
    assert "Gap b" not in said


def test_a_change_of_label_limits_the_verdict(tmp_path):
    folder = finish(write_folder(tmp_path / "a"), tmp_path / "reports" / "x")
    told = {
        "id": "suspensions.relabeled",
        "kind": "text",
        "value": "Other removals rose.",
        "shown": "Other removals rose.",
    }
    changed(folder, lambda whole, by_id: whole["findings"].append(by_id["study.program"] | told))
    assert "Other removals rose." in text(rows(index(folder.parent))["x"])


def test_nothing_finished_and_no_folder(tmp_path):
    assert "No study in this folder is finished yet." in index(tmp_path)
    assert "<script" not in index(tmp_path)
    with pytest.raises(FindingError, match="There is no such folder"):
        index(tmp_path / "nowhere")


def test_the_page_is_written_whole_and_the_same_again(reports):
    path = write_index(reports)
    first = path.read_bytes()
    assert write_index(reports).read_bytes() == first
    assert path == reports / "index.html"
    assert not [p for p in reports.iterdir() if p.name.startswith(".index")]


def test_the_page_asks_the_network_for_nothing(page):
    assert not re.search(r'(src|href)="(https?:|//|data:)', page)
    assert "default-src 'none'" in page
    assert "script-src 'sha256-" in page


def interval(low, high, unit="%"):
    return Finding("a.b", "", (low + high) / 2, "exact", "", low=low, high=high, unit=unit)


def test_each_unit_has_its_own_scale_and_an_outlier_does_not_set_it():
    many = [interval(-2.0, 3.0) for _ in range(30)] + [interval(-400.0, 10.0), interval(-0.1, 0.15, "points")]
    ends = scales(many)
    assert ends == {"%": 5.0, "points": 0.2}
    beyond = picture(many[30], end=ends["%"])
    assert beyond.left is None
    assert beyond.right is None
    inside = picture(many[0], end=5.0)
    assert (inside.left, inside.dot, inside.right) == (
        pytest.approx(41.2),
        pytest.approx(72.2),
        pytest.approx(103.2),
    )


def test_three_hundred_studies_are_light_and_quick(tmp_path):
    source = finish(write_folder(tmp_path / "a"), tmp_path / "one")
    (source / "report.html").write_text("")
    whole = json.loads((source / "findings.json").read_text(encoding="utf-8"))
    for k in range(300):
        folder = tmp_path / "reports" / f"district-{k:03d}"
        shutil.copytree(source, folder)
        whole |= {"title": f"Restorative practices in District {k:03d}", "district": f"District {k:03d}"}
        (folder / "findings.json").write_text(json.dumps(whole), encoding="utf-8")
    start = time.perf_counter()
    page = index(tmp_path / "reports")
    assert time.perf_counter() - start < 10
    assert len(rows(page)) == 300
    assert len(page.encode()) < 1_000_000
