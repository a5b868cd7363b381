"""The commands cite, fill, verify and lint as a person meets them: what they print, and their exit codes."""

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent / "reports" / "quoting"))
from quoted_study import folder_of, found_later

from rpeval.cli import quoting

app = typer.Typer()
for command in quoting.COMMANDS:
    app.command()(command)


def rpeval(*words):
    """Run a command; give exit code, what it printed, and what it complained of."""
    done = CliRunner().invoke(app, [str(w) for w in words], obj={"debug": False})
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path)


def test_cite_prints_the_passport_and_a_sentence_to_copy(folder):
    code, said, _ = rpeval("cite", folder, "suspensions.att", "data.schools")
    assert code == 0
    assert "−2.1 per 100 students (95% interval −3.3 to −0.9); Effect on out-of-school suspensions" in said
    assert "Source: Restorative practices in Lakeshore, rpeval finding data.schools" in said


def test_cite_names_the_nearest_of_an_unknown_name_and_still_tells_the_others(folder):
    code, said, complained = rpeval("cite", folder, "suspensions.at", "data.schools")
    assert code == 7
    assert "suspensions.att" in complained
    assert "finding data.schools" in said


def test_cite_lists_names_with_labels_and_values(folder):
    code, said, _ = rpeval("cite", folder, "--list", "suspensions.*.att")
    assert code == 0
    assert "suspensions.iss_per_100.att" in said
    assert "Effect on in-school suspensions: 1.6 (0.6 to 2.6) per 100 students" in said
    assert rpeval("cite", folder, "--list", "nothing.*")[0] == 7
    assert "data.schools" in rpeval("cite", folder)[1]


def test_fill_then_verify_says_all_current_and_later_names_the_stale(folder, tmp_path):
    path = tmp_path / "a.md"
    path.write_text("We saw {{ suspensions.att }} in {{ data.schools }} schools and 12 towns.\n")
    code, said, _ = rpeval("fill", path, "--from", folder)
    assert (code, "2 placeholders filled" in said) == (0, True)
    code, said, _ = rpeval("verify", tmp_path / "a.filled.md", "--from", folder)
    assert code == 0
    assert "all 2 numbers are current" in said
    assert "not from the study and not checked: 12 (line 3)" in said
    found_later(folder, "data.schools", value=61, shown="61")
    code, _, complained = rpeval("verify", tmp_path / "a.filled.md", "--from", folder)
    assert code == 7
    assert "line 3, data.schools, stale: “60” is now “61”." in complained


def test_fill_tells_of_refused_numbers_and_of_unknown_ones(tmp_path):
    folder, path = folder_of(tmp_path, refused=True), tmp_path / "a.md"
    path.write_text("{{ suspensions.att }}")
    code, said, _ = rpeval("fill", path, "--from", folder)
    assert (code, "not estimated: The study has no list" in said) == (0, True)
    path.write_text("{{ suspensions.at }}\n\n{{ data.school }}")
    code, _, complained = rpeval("fill", path, "--from", folder, "--force")
    assert code == 7
    assert "2 problems in the document" in complained
    assert "line 3: The study lakeshore has no finding data.school." in complained


def test_lint_tells_where_what_why_and_what_to_say(folder, tmp_path):
    path = tmp_path / "a.md"
    path.write_text("Simulated data.\n\nThe program led to fewer suspensions. In-school suspensions rose.\n")
    code, said, complained = rpeval("lint", path, "--from", folder)
    assert code == 7
    assert "a.md, line 3 [cause]: “The program led to fewer suspensions.”" in said
    assert "Instead: The estimate for out-of-school suspensions favors the program" in said
    assert "1 passage goes beyond the verdicts of lakeshore" in complained
    path.write_text("Simulated data.\n\nWe could not tell.\n")
    assert rpeval("lint", path, "--from", folder)[0] == 0


def test_a_folder_that_is_none_and_a_file_that_is_none_are_told(folder, tmp_path):
    assert rpeval("cite", tmp_path / "none", "a.b")[0] == 7
    for command in ("fill", "verify", "lint"):
        code, _, complained = rpeval(command, tmp_path / "none.md", "--from", folder)
        assert (code, "no such file" in complained) == (7, True)
