"""Studies of a few rows, written as text tables, for tests of the inputs."""

from pathlib import Path
from types import SimpleNamespace

from rpeval.inputs.implementation import LOGS
from rpeval.inputs.schema.sources import EnrollmentSource, TableSource
from rpeval.inputs.schema.study import Exclusion, StudyYears
from rpeval.inputs.years import parse_year


def write_table(path: Path, text: str) -> str:
    """Write a text table, its columns separated by blanks and "_" for an empty cell, as CSV; returns its name."""
    rows = [line.split() for line in text.strip().splitlines()]
    path.write_text("\n".join(",".join("" if v == "_" else v for v in row) for row in rows) + "\n")
    return path.name


def source(path: str, layout: str | None = "rpeval", **keys) -> TableSource | EnrollmentSource:
    """A source as the params give it; one without a layout is the enrollment beside an actions log."""
    return TableSource(path=path, layout=layout, **keys) if layout else EnrollmentSource(path=path, **keys)


LAYOUTS = Path(__file__).resolve().parents[2] / "data/reference/layouts"


def give_layouts(root: Path) -> Path:
    """Let a project's folder have the layouts that the project ships, unless it has its own."""
    own = root / "data/reference/layouts"
    if not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        own.symlink_to(LAYOUTS)
    return root


def link(root: Path, *paths: Path) -> Path:
    """Let a project's folder have real files under their names."""
    for path in paths:
        (root / path.name).symlink_to(path)
    return root


def tiny_params(
    root: Path,
    *,
    panel,
    groups=None,
    adoption=None,
    survey=None,
    invited=None,
    outcomes=None,
    incidents=None,
    absences=None,
    idea=None,
    logs=None,
    first="2017-18",
    last="2019-20",
    leave_out=(),
    complete=False,
    exclusions=(),
    simulated=False,
    outcome="oss_per_100",
) -> SimpleNamespace:
    """The attributes of a study's params that reading its tables needs."""
    give_layouts(root)
    years = StudyYears.model_construct(
        first=parse_year(first), last=parse_year(last), leave_out=tuple(map(parse_year, leave_out)),
        leave_out_reason="Remote" if leave_out else None, complete=complete,
    )  # fmt: skip
    left = [Exclusion(**exclusion) for exclusion in exclusions]
    sources = SimpleNamespace(
        panel=panel, groups=groups, adoption=adoption, survey=survey, invited=invited, outcomes=outcomes,
        incidents=incidents, absences=absences, idea=idea, **dict.fromkeys(LOGS) | (logs or {}),
    )  # fmt: skip
    return SimpleNamespace(
        root=root, years=years, exclusions=left, simulated=simulated, outcome=outcome, sources=sources,
        hours_per_day=6.5, price_year=2024, discount=0.03,
    )  # fmt: skip


def study(
    root: Path, panel: str, *, groups: str = "", adoption: str = "", keys=None, **rest
) -> SimpleNamespace:
    """Write the tables of a study and give its params; keys go to the panel's source."""
    told = source(write_table(root / "panel.csv", panel), **(keys or {}))
    if groups:
        rest["groups"] = source(write_table(root / "groups.csv", groups), "rpeval_groups")
    if adoption:
        rest["adoption"] = source(write_table(root / "adoption.csv", adoption), "adoption")
    return tiny_params(root, panel=told, **rest)


def said(problems, *, stops: bool | None = None) -> str:
    """The problems as one text, all or only those that stop or warn."""
    return "\n".join(str(problem) for problem in problems if stops is None or problem.stops == stops)
