"""Numbers of a filled document against later results: current, stale, altered, gone, foreign, without an id."""

import shutil

import docx
import pytest
from docx.oxml.ns import qn
from quoted_study import folder_of, found_later

from rpeval.findings.store import open_findings
from rpeval.reports.document import build
from rpeval.reports.pages.word import word
from rpeval.reports.quoting.fill import fill
from rpeval.reports.quoting.texts import TextError
from rpeval.reports.quoting.verify import verify

TEXT = [
    "We found {{ suspensions.att }} in {{ data.schools }} schools.",
    "In-school suspensions: {{ suspensions.iss_per_100.att|number }}, gap {{ suspensions.gap.black_white.att|interval }}.",
    "{{ table.suspensions.methods }}",
    "{{ figure.suspensions.trend }}",
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A study, and two documents filled from it."""
    place = tmp_path_factory.mktemp("verify")
    folder = folder_of(place)
    (folder / "figures").mkdir()
    (folder / "figures/suspensions.trend.svg").write_text("<svg/>")
    file = docx.Document()
    for text in TEXT:
        file.add_paragraph(text)
    file.save(place / "a.docx")
    (place / "a.md").write_text("\n\n".join(TEXT) + "\n")
    return folder, fill(place / "a.docx", folder).path, fill(place / "a.md", folder).path


@pytest.fixture(params=["docx", "md"])
def pair(request, ready, tmp_path):
    """The study and one of its documents, in copies that a test may change."""
    folder = tmp_path / "reports" / "lakeshore"
    shutil.copytree(ready[0], folder)
    path = shutil.copy(ready[1 if request.param == "docx" else 2], tmp_path)
    return folder, tmp_path / path.split("/")[-1] if isinstance(path, str) else path


def said(path, folder):
    return {c.name: c.state for c in verify(path, folder).wrong}


def rewrite(path, old, new):
    """Change a text in a document as a person would."""
    if path.suffix == ".md":
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
        return
    file = docx.Document(path)
    for text in file.element.body.iter(qn("w:t")):
        if old in (text.text or ""):
            text.text = text.text.replace(old, new)
            break
    file.save(path)


def test_what_was_filled_is_current(pair):
    folder, path = pair
    told = verify(path, folder)
    assert (told.wrong, told.unmarked) == ([], ())
    assert len(told.checked) == (15 if path.suffix == ".docx" else 6)


def test_a_new_number_makes_the_old_one_stale(pair):
    folder, path = pair
    found_later(folder, "data.schools", value=61, shown="61")
    wrong = verify(path, folder).wrong
    assert [(c.name, c.state, c.what) for c in wrong] == [("data.schools", "stale", "“60” is now “61”.")]


def test_a_new_verdict_makes_an_equal_number_stale(pair):
    folder, path = pair
    found_later(folder, "suspensions.iss_per_100.att", decision="inconclusive")
    wrong = verify(path, folder).wrong
    assert [(c.name, c.state) for c in wrong] == [("suspensions.iss_per_100.att|number", "stale")]
    assert "verdict was contradicted and is now inconclusive" in wrong[0].what


def test_a_number_that_somebody_changed_is_altered(pair):
    folder, path = pair
    rewrite(path, "−2.1 per 100", "−12.1 per 100")
    wrong = [c for c in verify(path, folder).wrong if c.state != "unmarked"]
    assert [(c.name, c.state) for c in wrong] == [("suspensions.att", "altered")]
    assert "the study says “−2.1 per 100 students" in wrong[0].what


@pytest.mark.parametrize("change", [
    {"gone": True}, {"value": None, "shown": "not estimated", "reason": "No list.", "remedy": "Name one.", "decision": ""},
    {"value": None, "shown": "suppressed", "reason": "Few.", "remedy": "Pool.", "suppressed": True, "decision": ""},
])  # fmt: skip
def test_a_number_that_the_study_has_no_more_is_gone(pair, change):
    folder, path = pair
    found_later(folder, "suspensions.gap.black_white.att", **change)
    assert said(path, folder) == {"suspensions.gap.black_white.att|interval": "gone"}


def test_a_changed_table_is_stale_as_a_table_and_as_a_picture(pair):
    folder, path = pair
    for name, old, new in (("methods", "-2.0", "-2.6"), ("trend", "10.2", "10.7")):
        table = folder / f"tables/suspensions.{name}.csv"
        text = table.read_text()
        assert old in text
        table.write_text(text.replace(old, new, 1))
    states = said(path, folder)
    assert states["table.suspensions.methods"] == states["figure.suspensions.trend"] == "stale"
    assert path.suffix == ".md" or states["suspensions.methods/1/value|cell"] == "stale"


def test_a_document_of_another_study_is_told(pair, tmp_path):
    folder, path = pair
    text = (folder / "findings.json").read_text(encoding="utf-8")
    (folder / "findings.json").write_text(
        text.replace('"study": "lakeshore"', '"study": "harbor"'), encoding="utf-8"
    )
    wrong = verify(path, folder).wrong
    assert [c.state for c in wrong] == ["from another study"]
    assert "from the study lakeshore, not harbor" in wrong[0].what


def test_numbers_without_an_id_are_named_if_they_look_like_one_of_the_study(pair):
    folder, path = pair
    more = "In 2018-19 and on May 3, 2021 (page 4, Table 2) it was 11.4 per 100, with 17 cups and a $12,500 budget."
    rewrite(path, "schools." if path.suffix == ".md" else " schools.", f" schools. {more}")
    told = verify(path, folder)
    assert [(c.name, c.state) for c in told.wrong] == [("11.4", "unmarked")]
    assert "suspensions.baseline" in told.wrong[0].what
    assert [number for _, number in told.unmarked] == ["100", "17", "$12,500"]


def test_a_stamp_that_was_removed_is_missed(pair):
    folder, path = pair
    if path.suffix == ".md":
        rewrite(path, "> **Simulated data.**", ">")
        rewrite(path, "simulated data", "data")
    else:
        file = docx.Document(path)
        file.element.body.remove(file.paragraphs[0]._p)
        header = file.sections[0].header._element
        header.remove(header[0])
        file.save(path)
    assert said(path, folder) == {"Simulated data": "without its stamp"}


def test_words_around_a_number_may_change(pair):
    folder, path = pair
    rewrite(path, "We found ", "After long debate the board read ")
    rewrite(path, "In-school suspensions: ", "And in school: ")
    assert verify(path, folder).wrong == []


def test_an_apostrophe_that_a_word_processor_turned_is_no_change(ready, tmp_path):
    folder = tmp_path / "lakeshore"
    shutil.copytree(ready[0], folder)
    found_later(folder, "data.schools", label="The district's schools")
    file = docx.Document()
    file.add_paragraph("{{ data.schools|label }}: {{ data.schools }}")
    file.save(tmp_path / "b.docx")
    filled = fill(tmp_path / "b.docx", folder).path
    for turned in ("'", "’"):
        file = docx.Document(filled)
        for text in file.element.body.iter(qn("w:t")):
            text.text = (text.text or "").replace("’", turned).replace("'", turned)
        file.save(tmp_path / "turned.docx")
        assert said(tmp_path / "turned.docx", folder) == {}
    found_later(folder, "data.schools", label="The county's schools")
    assert said(tmp_path / "turned.docx", folder) == {"data.schools|label": "stale"}


def test_numbers_moved_to_another_place_are_found(ready, tmp_path):
    folder, path, _ = ready
    file = docx.Document(path)
    body = file.element.body
    body.insert(0, file.paragraphs[1]._p)
    file.save(tmp_path / "moved.docx")
    assert verify(tmp_path / "moved.docx", folder).wrong == []


def test_where_controls_are_lost_bookmarks_tell(ready, tmp_path):
    folder, path, _ = ready
    file = docx.Document(path)
    for tag in list(file.element.body.iter(qn("w:tag"))):
        tag.getparent().remove(tag)
    file.save(tmp_path / "a.docx")
    told = verify(tmp_path / "a.docx", folder)
    assert (told.wrong, len(told.checked)) == ([], 15)
    changed = tmp_path / "lakeshore"
    shutil.copytree(folder, changed)
    found_later(changed, "data.schools", value=61, shown="61")
    assert said(tmp_path / "a.docx", changed) == {"data.schools": "stale"}


def test_a_reports_own_word_file_can_be_verified(tmp_path):
    folder = folder_of(tmp_path)
    (tmp_path / "report.docx").write_bytes(word(build(folder)))
    told = verify(tmp_path / "report.docx", folder)
    assert told.wrong == []
    assert len(told.checked) > 100
    found_later(folder, "data.adopters", value=25, shown="25")
    assert {c.name for c in verify(tmp_path / "report.docx", folder).wrong} == {"data.adopters|value"}


def test_files_that_cannot_be_verified_say_why(tmp_path, ready):
    docx.Document().save(tmp_path / "empty.docx")
    (tmp_path / "a.pdf").write_text("x")
    for name, what in {
        "empty.docx": "no number that rpeval filled",
        "a.pdf": "ends in .pdf",
        "b.md": "no such file",
    }.items():
        with pytest.raises(TextError, match=what):
            verify(tmp_path / name, ready[0])
    assert open_findings(ready[0]).study == "lakeshore"
