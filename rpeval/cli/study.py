"""Commands about one study: check it, run it, write its pages again, lock its plan."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rpeval.cli.telling import each, near, say
from rpeval.errors import list_problems

Params = Annotated[list[Path], typer.Argument(metavar="PARAMS...", help="Files like params/lakeshore.yml.")]
Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders like reports/lakeshore.")]
Seconds = Annotated[int, typer.Option(help="Seconds that one cell of a notebook may take.", min=1)]


def check(context: typer.Context, params: Params) -> None:
    """Read the params and every file they name, and list all problems at once, each with its fix."""
    each(context, params, _check_one)


def _check_one(path: Path) -> None:
    from rpeval.inputs.check import summarize
    from rpeval.inputs.params import read_params

    params = read_params(path)
    summary = summarize(params)
    say(f"{params.title}: nothing stops a run.")
    for fact in summary.facts:
        say(f"    {fact.strip()}" if fact.startswith(" ") else f"  {_tick()} {fact}")
    if summary.warnings:
        say(list_problems(summary.warnings, "to know"))


def _tick() -> str:
    return "✓" if "utf" in (sys.stdout.encoding or "").lower() else "-"


def run(context: typer.Context, params: Params, timeout: Seconds = 600) -> None:
    """Check a study, run its notebooks in a clean room, and put the finished report into reports/<study>.

    An earlier report stays until the new one is whole. Several studies run one after the other; one that
    fails stops no other.
    """
    from rpeval.runs.study import run_study

    each(context, params, lambda path: say(f"{near(run_study(path, timeout=timeout, say=say))}"))


def report(context: typer.Context, folder: Folders) -> None:
    """Write the pages again from the findings of a finished run, for example after a change of wording."""
    from rpeval.runs.study import report_again

    each(context, folder, lambda path: say(f"{near(report_again(path))}"))


def lock(
    context: typer.Context, params: Params,
    amend: Annotated[str | None, typer.Option(help="Record a change of the plan, with this reason.")] = None,
    export: Annotated[bool, typer.Option("--export", help="Print the plan for a registry instead.")] = False,
) -> None:  # fmt: skip
    """Write what was planned, its hash and the time to params/<study>.lock.json, to which changes are added.

    The report lists every change. Publish the hash that is printed: it dates the plan.
    """
    from rpeval.runs.plan import export_plan, lock_plan

    def record(path: Path) -> None:
        place, mark = lock_plan(path, reason=amend)
        say(f"{near(place)}  SHA-256 {mark}")

    each(context, params, (lambda path: say(export_plan(path))) if export else record)


COMMANDS = {
    check: "List everything that is wrong with a study, in about two seconds.",
    run: "Make a study's report.",
    report: "Write a finished report's pages again, without running a notebook.",
    lock: "Record a study's analysis plan, before its outcomes are opened.",
}
