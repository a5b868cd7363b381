"""What is altered in a finished report is named from its files alone, without any run: the three studies."""

import json
import re
import shutil

import docx
import pytest

import rpeval.audit.case
from rpeval.audit.audit import audit
from rpeval.audit.verdict import Reason, Verdict

STUDIES = ("lakeshore", "riverbend", "prairie")
each = pytest.mark.parametrize("study", STUDIES)


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.setattr(rpeval.audit.case, "make_again", lambda *_, **__: pytest.fail("it ran"))


@pytest.fixture
def copied(studies, tmp_path, monkeypatch):
    """Give a function that copies a study's report, as a stranger would get it, beside the project."""
    monkeypatch.chdir(studies.parent)
    return lambda study: shutil.copytree(studies / study, tmp_path / study)


def altered(folder):
    """Audit a report that was altered, and give what was altered: path to what in it."""
    made = audit(folder)
    assert (made.verdict, made.reason, made.exit_code) == (Verdict.ALTERED, Reason.FILES, 13)
    assert made.cues == ()
    return {a.path: (a.how, a.what) for a in made.alterations}


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    changed = re.sub(old, new, text, count=1)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


def finding(folder, id):
    whole = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    return next(f for f in whole["findings"] if f["id"] == id)


@each
def test_a_value_in_the_findings(copied, study):
    folder = copied(study)
    was = finding(folder, "data.schools")["value"]
    change(folder / "findings.json", rf'("id": "data.schools",[^}}]*?"value": ){was}', r"\g<1>61")
    told = altered(folder)
    assert told == {"findings.json": ("altered", (f"data.schools, value: {was} is now 61.",))}


@each
def test_a_decision_in_a_part(copied, study):
    folder = copied(study)
    was = finding(folder, "suspensions.verdict")["decision"]
    change(folder / "findings/01_suspensions.json", rf'("id": "suspensions.verdict"[^}}]*?"decision": )"{was}"',
           r'\g<1>"contradicted"')  # fmt: skip
    told = altered(folder)
    assert told == {"findings/01_suspensions.json": (
        "altered", (f"suspensions.verdict, decision: {was} is now contradicted.",))}  # fmt: skip


@each
def test_a_digit_in_the_flat_file(copied, study):
    folder = copied(study)
    was = finding(folder, "data.schools")["value"]
    change(folder / "findings.csv", rf"(data\.schools,[^,]*,){was},", r"\g<1>61,")
    assert altered(folder)["findings.csv"][1] == (f"data.schools, value: {was} is now 61.",)


@each
def test_a_digit_in_a_table_and_a_table_that_is_gone(copied, study):
    folder = copied(study)
    change(folder / "tables/suspensions.trend.csv", r"(\d)\.(\d)", r"9.\2")
    (folder / "tables/data.accounting.csv").unlink()
    assert altered(folder) == {
        "tables/suspensions.trend.csv": ("altered", ("The table suspensions.trend.",)),
        "tables/data.accounting.csv": ("missing", ()),
    }


@each
def test_a_picture(copied, study):
    folder = copied(study)
    change(folder / "figures/suspensions.trend.svg", r'(<path[^>]* d="M ?)(\d)', r"\g<1>1\2")
    assert altered(folder) == {
        "figures/suspensions.trend.svg": ("altered", ("The picture suspensions.trend.",))
    }


@each
def test_an_executed_notebook(copied, study):
    folder = copied(study)
    path = folder / "notebooks/01_suspensions.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    code = [c for c in content["cells"] if c["cell_type"] == "code"]
    code[3]["source"] = ["x = 1"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert altered(folder)["notebooks/01_suspensions.ipynb"][1] == (f"The code of cell {code[3]['id']}.",)


@each
def test_what_a_cell_printed(copied, study):
    folder = copied(study)
    change(folder / "notebooks/02_disproportionality.ipynb", r'("text": \[\s*"[^"]*?)\d', r"\g<1>x")
    assert altered(folder)["notebooks/02_disproportionality.ipynb"][1] == ("What its cells printed.",)


def test_a_number_on_the_page(copied):
    folder = copied("prairie")
    page = (folder / "report.html").read_text(encoding="utf-8")
    number = r"(<(?:a|data)[^>]*>[^<\d]*)(\d)"
    named = r'((?:<span[^>]*data-finding="suspensions\.att"[^>]*>(?=<data)|(?=<a href="numbers\.html#suspensions\.att")))'
    shown = re.search(named + number, page).group(3)
    change(folder / "report.html", named + number, r"\g<1>\g<2>9")
    told = altered(folder)["report.html"][1]
    assert len(told) == 1
    assert told[0].startswith("suspensions.att: “")
    assert shown[-1] != "9"


def test_a_cell_and_a_picture_on_the_page(copied):
    folder = copied("prairie")
    change(folder / "report.html", r'(?s)(data-cell="data.accounting">.*?</th><td>)', r"\g<1>7")
    change(
        folder / "report.html", r'(?s)(id="figure-suspensions-trend".*?<path[^>]* d="M ?)(\d)', r"\g<1>1\2"
    )
    told = altered(folder)["report.html"][1]
    assert len(told) == 2, told
    assert any(line.startswith("data.accounting: “") for line in told)
    assert "suspensions.trend: the markup or the picture." in told


def test_words_on_the_page(copied):
    folder = copied("prairie")
    change(folder / "report.html", "We could not tell", "We are certain")
    (told,) = altered(folder)["report.html"][1]
    assert "“could not tell” is now “are certain”" in told


def test_a_restricted_file_that_is_left_out_is_no_alteration(copied):
    """In a pack for the public, a real study's notebooks and key are not there."""
    folder = copied("prairie")
    manifest = json.loads((folder / "manifest.json").read_text())
    for output in manifest["outputs"]:
        if output["path"].startswith("notebooks/"):
            output |= {"level": "restricted", "keyed": True}
            (folder / output["path"]).unlink()
    from rpeval.audit.folder import find_alterations, left_out

    assert find_alterations(folder, manifest, None) == ()
    assert len(left_out(folder, manifest)) == 4 + (study_runs_implementation(manifest))


def study_runs_implementation(manifest):
    return "04_implementation" in [told["name"] for told in manifest["notebooks"]]


def test_a_digit_in_the_word_file(copied):
    folder = copied("prairie")
    document = docx.Document(str(folder / "report.docx"))
    run = next(r for p in document.paragraphs for r in p.runs if re.search(r"\d", r.text))
    run.text = re.sub(r"\d", lambda m: str((int(m[0]) + 1) % 10), run.text, count=1)
    document.save(str(folder / "report.docx"))
    told = altered(folder)["report.docx"][1]
    assert len(told) == 1
    assert "“ is now “" not in told[0]
    assert re.search(r"\d.*” is now “.*\d", told[0])
