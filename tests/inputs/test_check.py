"""What `rpeval check` says was read, against a count of the same files by hand."""

import csv

import pytest

from rpeval.errors import DataError
from rpeval.inputs.check import summarize
from rpeval.inputs.params import read_params


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def lakeshore(root):
    return read_params(root / "params" / "lakeshore.yml")


def test_it_counts_what_is_in_the_files(lakeshore):
    paths = lakeshore.source_paths()
    panel, starts = rows(paths["panel"]), rows(paths["adoption"])
    schools = {row["school_id"] for row in panel}
    adopting = {row["school_id"] for row in starts if row["start_year"][:2] == "20"}
    used = [row for row in panel if row["year"] != "2020-21"]
    facts = "\n".join(summarize(lakeshore).facts)
    assert f"{len(schools)} schools: {len(adopting)} adopting, {len(schools - adopting)} comparison" in facts
    assert "School years 2016-17 to 2023-24; 2020-21 not in the estimates" in facts
    assert (
        f"panel: {len(panel)} rows read, {len(used)} used\n  {len(panel) - len(used)}: Year left out" in facts
    )
    assert f"survey: {len(rows(paths['survey'])):,} rows read" in facts


def test_problems_of_all_sources_come_at_once(lakeshore, tmp_path):
    """A panel and a survey that are no tables: both are told."""
    changed = {"groups": None, "adoption": None}
    for name in ("panel", "survey"):
        path = tmp_path / f"{name}.csv"
        path.write_text("a,b\n1,2\n")
        changed[name] = getattr(lakeshore.sources, name).model_copy(update={"path": str(path)})
    broken = lakeshore.model_copy(update={"sources": lakeshore.sources.model_copy(update=changed)})
    with pytest.raises(DataError) as caught:
        summarize(broken)
    where = " ".join(problem.where for problem in caught.value.problems)
    assert "panel.csv" in where
    assert "survey.csv" in where


def test_a_study_without_program_starts_says_what_follows(lakeshore):
    alone = lakeshore.model_copy(
        update={"sources": lakeshore.sources.model_copy(update={"adoption": None, "survey": None})}
    )
    assert "no program starts are known, so no effect can be estimated" in summarize(alone).facts[0]
