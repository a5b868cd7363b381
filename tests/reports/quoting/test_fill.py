"""Filled documents, read back with other libraries: the right numbers, in controls, and nothing half written."""

import hashlib
import os
import shutil
import subprocess
import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from quoted_study import folder_of

from rpeval.findings.store import open_findings
from rpeval.reports.quoting.fill import fill
from rpeval.reports.quoting.texts import TextError, read_texts
from rpeval.reports.render import render

ATT = "−2.1 per 100 students (95% interval −3.3 to −0.9)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = folder_of(tmp_path_factory.mktemp("fill"))
    render(folder)
    return folder


def template(path, *texts, **margins):
    """Write a Word document with one paragraph for each text; a tuple is a paragraph of several runs."""
    file = docx.Document()
    for text in texts:
        paragraph = file.add_paragraph()
        for run in text if isinstance(text, tuple) else (text,):
            paragraph.add_run(run)
    for name, text in margins.items():
        getattr(file.sections[0], name).paragraphs[0].text = text
    file.save(path)
    return path


def filled(path, folder, **more):
    return docx.Document(fill(path, folder, **more).path)


def controls(file):
    """Give tag and text of every content control."""
    return [
        (c.find(f".//{qn('w:tag')}").get(qn("w:val")), "".join(t.text for t in c.iter(qn("w:t"))))
        for c in file.element.body.iter(qn("w:sdt"))
    ]


def test_every_part_is_filled_with_what_the_finding_says(tmp_path, folder):
    parts = {
        "suspensions.att": ATT, "suspensions.att|number": "−2.1", "suspensions.att|interval": "−3.3 to −0.9",
        "suspensions.att|unit": "per 100 students", "suspensions.att|label": "Effect on out-of-school suspensions",
        "suspensions.att|n": "420", "suspensions.att|state": "Leaning", "data.schools": "60", "data.years": "2016-17 to 2023-24",
    }  # fmt: skip
    path = template(tmp_path / "a.docx", *(f"{{{{ {asked} }}}}" for asked in parts))
    texts = [p.text for p in read_texts(fill(path, folder).path)]
    assert texts[1:-1] == list(parts.values())
    (tmp_path / "a.md").write_text("\n\n".join(f"{{{{ {asked} }}}}" for asked in parts))
    made = fill(tmp_path / "a.md", folder).path
    assert [p.text for p in read_texts(made)][1:] == list(parts.values())


def test_the_sentence_is_the_one_that_the_verdict_bears(tmp_path, folder):
    path = template(
        tmp_path / "a.docx", "{{ suspensions.att|sentence }}", "{{ suspensions.iss_per_100.att|sentence }}"
    )
    first, second = [p.text for p in read_texts(fill(path, folder).path)][1:3]
    assert (
        first
        == f"The estimate for out-of-school suspensions favors the program, but it is not conclusive: {ATT}."
    )
    assert second.startswith(
        "Effect on in-school suspensions: 1.6 per 100 students (95% interval 0.6 to 2.6). Contradicted."
    )


def test_split_placeholders_and_their_looks_survive(tmp_path, folder):
    path = template(
        tmp_path / "a.docx",
        ("About {{ susp", "ensions.att|num", "ber }} points"),
        header="In {{ data.schools }} schools",
    )
    file = docx.Document(path)
    for run in file.paragraphs[0].runs:
        run.bold = True
    file.save(path)
    made = filled(path, folder)
    assert [p.text for p in read_texts(tmp_path / "a.filled.docx")][1:3] == [
        "About −2.1 points",
        "SIMULATED DATA",
    ]
    assert all(
        r.find(f"{qn('w:rPr')}/{qn('w:b')}") is not None for r in list(made.element.body.iter(qn("w:r")))[2:]
    )
    assert made.sections[0].header._element.xpath("string()").endswith("In 60 schools")


def test_each_number_stands_in_a_control_that_tells_its_name(tmp_path, folder):
    path = template(
        tmp_path / "a.docx",
        "{{ suspensions.att }} in {{ data.schools|number }} schools, {{ data.schools|number }}",
    )
    made = filled(path, folder)
    assert controls(made)[1:] == [
        ("rpeval:suspensions.att|estimate", ATT), ("rpeval:data.schools|number", "60"), ("rpeval:data.schools|number", "60"),
    ]  # fmt: skip
    ids = [
        i.get(qn("w:val")) for i in made.element.body.iter(qn("w:id")) if i.getparent().tag == qn("w:sdtPr")
    ]
    assert len(set(ids)) == len(ids)
    with zipfile.ZipFile(tmp_path / "a.filled.docx") as pack:
        kept = pack.read("customXml/rpeval.xml").decode()
    assert open_findings(folder).params_sha256 in kept
    assert hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest() in kept


def test_a_control_of_the_template_keeps_its_place_and_may_hold_a_number(tmp_path, folder):
    file = docx.Document()
    file.element.body.insert(0, parse_xml(
        f"<w:sdt {nsdecls('w')}><w:sdtPr><w:tag w:val='cover'/><w:showingPlcHdr/><w:text/></w:sdtPr><w:sdtContent>"
        "<w:p><w:r><w:t>{{ data.schools }}</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    ))  # fmt: skip
    file.save(tmp_path / "a.docx")
    made = filled(tmp_path / "a.docx", folder)
    assert controls(made)[1:] == [("cover", "60"), ("rpeval:data.schools|estimate", "60")]
    assert not list(made.element.body.iter(qn("w:text"), qn("w:showingPlcHdr")))


def test_tables_and_pictures_are_native(tmp_path, folder):
    path = template(
        tmp_path / "a.docx",
        "Before",
        "{{ table.suspensions.methods }}",
        "{{ figure.suspensions.trend }}",
        "After",
    )
    made = filled(path, folder)
    rows = [[read_cell(c) for c in r.cells] for r in made.tables[0].rows]
    assert rows[0] == ["Method", "Effect", "Low", "High"]
    assert rows[1] == ["Imputation (main)", "−2.1", "−3.3", "−0.9"]
    assert made.tables[0]._tbl.find(f".//{qn('w:tblHeader')}") is not None
    shape = made.inline_shapes[0]._inline.docPr
    assert shape.get("descr") == open_findings(folder).tables["suspensions.trend"].alt
    assert "Effects are per 100 students, with 95% intervals." in [p.text for p in made.paragraphs]
    (tmp_path / "a.md").write_text("{{ table.suspensions.methods }}\n\n{{ figure.suspensions.trend }}\n")
    text = fill(tmp_path / "a.md", folder).path.read_text(encoding="utf-8")
    assert "| Imputation (main) | −2.1 | −3.3 | −0.9 |" in text
    link = text.split("](<")[1].split(">)")[0]
    assert (tmp_path / link).resolve() == (folder / "figures/suspensions.trend.svg").resolve()


def read_cell(cell):
    return "".join(t.text for t in cell._tc.iter(qn("w:t")))


def test_a_refused_number_is_filled_with_its_reason_and_listed(tmp_path):
    folder = folder_of(tmp_path, refused=True)
    path = template(tmp_path / "a.docx", "Effect: {{ suspensions.att }}; {{ suspensions.att|interval }}")
    done = fill(path, folder)
    reason = "[not estimated: The study has no list of adopting schools. Name one in sources.adoption.]"
    assert read_texts(done.path)[1].text == f"Effect: {reason}; {reason}"
    assert [p.where for p in done.without] == ["paragraph 1", "paragraph 1"]


@pytest.mark.parametrize(("text", "what"), [
    ("{{ suspensions.at }}", "no finding suspensions.at. Write suspensions.att"),
    ("{{ suspensions.att|size }}", "no part 'size'"),
    ("{{ data.schools|interval }}", "data.schools has no interval"),
    ("{{ suspensions.att }", "is not a placeholder"),
    ("{% for x in y %}{{ suspensions.att }}{% endfor %}", "is not a placeholder"),
    ("{{ suspensions.att.__class__ }}", "has no finding suspensions.att.__class__"),
    ("{{ ''.join([]) }}", "is not a placeholder"),
    ("See {{ table.suspensions.methods }} here", "does not stand alone"),
    ("{{ figure.data.accounting }}", "No picture is drawn"),
    ("Nothing to fill", "There is no placeholder in it"),
])  # fmt: skip
@pytest.mark.parametrize("ending", ["docx", "md"])
def test_what_cannot_be_filled_is_told_and_nothing_is_written(tmp_path, folder, text, what, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "docx":
        template(path, text)
    else:
        path.write_text(text)
    with pytest.raises(TextError) as caught:
        fill(path, folder)
    assert what in " ".join(f"{p.what} {p.fix}" for p in caught.value.problems)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


def test_all_problems_are_told_at_once_with_their_places(tmp_path, folder):
    path = template(
        tmp_path / "a.docx", "{{ a.b }}", "fine {{ data.schools }}", "{{ c.d }}", footer="{{ e.f }}"
    )
    with pytest.raises(TextError) as caught:
        fill(path, folder)
    wheres = [p.where for p in caught.value.problems]
    assert wheres == ["a.docx, paragraph 1", "a.docx, paragraph 3", "a.docx, footer, paragraph 1"]


def test_the_template_and_other_files_are_never_overwritten(tmp_path, folder):
    path = template(tmp_path / "a.docx", "{{ data.schools }}")
    before = path.read_bytes()
    with pytest.raises(TextError, match="template itself"):
        fill(path, folder, to=path, force=True)
    fill(path, folder)
    with pytest.raises(TextError, match="There is a file of this name"):
        fill(path, folder)
    fill(path, folder, force=True)
    with pytest.raises(TextError, match="Give it the ending"):
        fill(path, folder, to=tmp_path / "a.pdf")
    assert path.read_bytes() == before


def test_simulated_data_and_drafts_are_stamped_whatever_the_template_says(tmp_path):
    folder = folder_of(tmp_path, draft=True)
    path = template(tmp_path / "a.docx", "{{ data.schools }}")
    texts = [p.text for p in read_texts(fill(path, folder).path)]
    assert texts[0].startswith("Simulated data. ")
    assert texts[1].startswith("Draft. ")
    assert texts[-1] == "SIMULATED DATA · DRAFT"
    (tmp_path / "a.md").write_text("---\ntitle: A\n---\n\n{{ data.schools }}\n")
    lines = fill(tmp_path / "a.md", folder).path.read_text(encoding="utf-8").split("\n")
    assert lines[:3] == ["---", "title: A", "---"]
    assert lines[4].startswith("> **Simulated data.** ")
    real = folder_of(tmp_path / "real", simulated=False, bare=True)
    assert [p.text for p in read_texts(fill(path, real, to=tmp_path / "real.docx").path)] == ["60"]


def test_the_same_template_and_study_give_the_same_bytes(tmp_path, folder):
    path = template(tmp_path / "a.docx", "{{ suspensions.att }}", "{{ table.suspensions.methods }}")
    first = fill(path, folder, to=tmp_path / "1.docx").path.read_bytes()
    assert fill(path, folder, to=tmp_path / "2.docx").path.read_bytes() == first


def test_what_a_study_declares_is_text_and_no_template(tmp_path):
    folder = folder_of(tmp_path, district="<b>{{ data.schools }}</b> & {% x %}")
    path = template(tmp_path / "a.docx", "{{ study.outcome }} {{ suspensions.att|label }}")
    assert (
        read_texts(fill(path, folder).path)[1].text
        == "out-of-school suspensions Effect on out-of-school suspensions"
    )


def test_office_opens_the_filled_document(tmp_path, folder):
    if shutil.which("soffice") is None:
        if os.environ.get("RPEVAL_REQUIRE_BROWSER"):
            pytest.fail("LibreOffice is not installed")
        pytest.skip("LibreOffice is not installed")
    path = template(
        tmp_path / "a.docx",
        "{{ suspensions.att }}",
        "{{ table.suspensions.methods }}",
        "{{ figure.suspensions.trend }}",
    )
    made = fill(path, folder).path
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to", "pdf", "--outdir",
         str(tmp_path), str(made)], check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    text = " ".join(p.text for p in read_texts(tmp_path / "a.filled.pdf"))
    assert ATT in text
    assert "Imputation (main) −2.1 −3.3 −0.9" in text
