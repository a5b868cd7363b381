"""Simulate studies that state their truth; `python -m rpeval.inputs.simulate` writes data/simulated again.

What a method should find is planted in the expected rates, so a test can compare an estimate with the truth
and not with another estimate. A study is drawn from a recipe, data/reference/recipes/<study>.yml.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from rpeval.inputs.schema.project import find_root
from rpeval.inputs.simulation.estimates import estimate_rows
from rpeval.inputs.simulation.files import study_files, table_bytes
from rpeval.inputs.simulation.study import Study, study

__all__ = ["Study", "study", "write_all", "write_study"]

HEADER = (
    "# Simulated. What this study was drawn to show, in expectation; written by rpeval.inputs.simulate.\n"
)


def write_study(drawn: Study, folder: Path) -> None:
    """Write a study's files and its truth.yml to a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in study_files(drawn).items():
        (folder / name).write_bytes(table_bytes(name, table))
    _write_truth(drawn.truth, folder)


def write_estimates(recipe: dict[str, Any], folder: Path) -> None:
    """Write what several districts estimated, and around which effects, to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "estimates.csv").write_bytes(table_bytes("estimates.csv", estimate_rows(recipe)))
    planted = {"synthesis.att": recipe["mean"], "synthesis.tau": recipe["tau"]}
    _write_truth({id: {"value": value, "unit": recipe["unit"]} for id, value in planted.items()}, folder)


def _write_truth(planted: dict[str, dict[str, Any]], folder: Path) -> None:
    rounded = {id: {**told, "value": round(told["value"], 4) + 0.0} for id, told in planted.items()}
    truth = HEADER + yaml.safe_dump(rounded, sort_keys=False, width=110)
    (folder / "truth.yml").write_bytes(truth.encode())


def write_all(reference: Path, target: Path) -> None:
    """Draw every recipe in reference/recipes and write each study, and the synthesis, to its folder."""
    for path in sorted((reference / "recipes").glob("*.yml")):
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
        instrument = reference / "instruments" / f"{recipe['survey']['instrument']}.yml"
        drawn = study(recipe, yaml.safe_load(instrument.read_text(encoding="utf-8")))
        write_study(drawn, target / recipe["study"])
    for path in sorted((reference / "recipes" / "syntheses").glob("*.yml")):
        write_estimates(yaml.safe_load(path.read_text(encoding="utf-8")), target / "synthesis")


if __name__ == "__main__":
    data = find_root() / "data"
    write_all(data / "reference", Path(sys.argv[1]) if len(sys.argv) > 1 else data / "simulated")
