"""What may stand in the repository: bounds that agree, a hashed lock, no student's row, nothing generated."""

import csv
import io
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TABULAR = {
    ".csv",
    ".tsv",
    ".xlsx",
    ".xls",
    ".parquet",
    ".gz",
    ".zip",
    ".sav",
    ".dta",
    ".rds",
    ".sas7bdat",
    ".db",
}
KNOWLEDGE = ("data/reference/", "bench/", "tests/golden/")


def candidates() -> list[Path]:
    """Give the files that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def unstamped(name: str, text: str) -> bool:
    """Say whether a table could hold real people: any row without simulated = yes."""
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t" if name.endswith(".tsv") else ","))
    return not rows or any((row.get("simulated") or "").strip() != "yes" for row in rows)


def test_every_table_is_simulated_and_says_so():
    wrong = []
    for path in candidates():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in TABULAR or name.startswith(KNOWLEDGE):
            continue
        if path.suffix not in {".csv", ".tsv"} or unstamped(name, path.read_text(encoding="utf-8")):
            wrong.append(name)
    assert not wrong, f"tables without the stamp simulated = yes in every row may not be committed: {wrong}"


def test_reference_tables_hold_no_student():
    for path in candidates():
        if path.suffix in {".csv", ".tsv"} and path.relative_to(ROOT).as_posix().startswith(KNOWLEDGE):
            heading = path.read_text(encoding="utf-8").splitlines()[0].lower()
            assert not re.search(r"student_?id|respondent_?id|birth|first_?name|last_?name", heading), path


@pytest.mark.parametrize(("text", "refused"), [
    ("student_id,race\n1,Black\n", True),
    ("student_id,simulated\n1,yes\n2,\n", True),
    ("student_id,simulated\n1,yes\n2,no\n", True),
    ("", True),
    ("student_id,simulated\n1,yes\n2,yes\n", False),
])  # fmt: skip
def test_the_stamp_must_be_in_every_row(text, refused):
    assert unstamped("x.csv", text) is refused


def test_nothing_generated_is_tracked():
    made = re.compile(r"(^|/)(reports|\.venv|__pycache__|\.ipynb_checkpoints)/|\.pyc$|\.egg-info/")
    names = [p.relative_to(ROOT).as_posix() for p in candidates()]
    assert not [
        n for n in names if made.search(n) and not n.startswith(("rpeval/reports/", "tests/reports/"))
    ]


def test_simulated_data_stays_small():
    assert sum(p.stat().st_size for p in (ROOT / "data").rglob("*") if p.is_file()) < 15_000_000


def test_conda_and_pip_have_the_same_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert conda["channels"] == ["conda-forge"]
    listed = {
        x for entry in conda["dependencies"] for x in (entry["pip"] if isinstance(entry, dict) else [entry])
    }
    assert set(project["dependencies"]) <= listed
    assert f"python{project['requires-python']}" in listed
    extra = listed - set(project["dependencies"]) - {"pip", f"python{project['requires-python']}"}
    assert extra <= set(project["optional-dependencies"]["test"])


def test_the_lock_is_hashed_and_names_no_index():
    text = (ROOT / "requirements.lock").read_text()
    pins = re.split(r"\n(?=\S)", text.strip())
    assert len(pins) > 80
    assert all("--hash=sha256:" in pin for pin in pins)
    assert not re.search(r"https?://|--index|--find-links|file:", text)


def pinned() -> list[str]:
    """Name the libraries of the lock, one as often as it is pinned."""
    return re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M)


def test_every_python_gets_the_same_version_of_a_library():
    """Another numpy draws other random numbers from the same seed, so simulated data would differ."""
    assert sorted(pinned()) == sorted(set(pinned()))


def test_the_lock_pins_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.split(r"[<>=]", a)[0] for a in asked}
    assert names <= set(pinned())


def test_no_path_of_a_machine_is_written_down():
    wrong = []
    for path in candidates():
        if path.suffix in {".lock", ".png"} or path.stat().st_size > 1_000_000:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if re.search(r"(?<![\w.])/(home|root|Users|work)/\w", text) and path.name != "test_repository.py":
            wrong.append(path.relative_to(ROOT).as_posix())
    assert not wrong
