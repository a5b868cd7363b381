"""Commands about one study: check it, run it, write its pages again, lock its plan."""

import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from rpeval.cli.telling import STOPPED, complain, each, near, say
from rpeval.errors import RpevalError, RunError, list_problems

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


def run(
    context: typer.Context, params: Params, timeout: Seconds = 600,
    study_timeout: Annotated[float | None, typer.Option(help="Seconds that a study may take.", min=1)] = None,
    memory: Annotated[int | None, typer.Option(help="MB of memory that a study may hold.", min=1)] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Studies at a time; if not given, one a core.", min=1)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Run only what is missing or changed.")] = False,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on the workers of this dask scheduler.")
    ] = None,
) -> None:  # fmt: skip
    """Check each study, run its notebooks in a clean room, and put the finished report into reports/<study>.

    An earlier report stays until the new one is whole. One study that fails, or goes over its limits, stops
    no other.
    """
    from rpeval.runs.batch import name_once
    from rpeval.runs.progress import Lines, Picture, summarize
    from rpeval.runs.task import Limits

    paths, limits = name_once(params), Limits(timeout, study_timeout, memory)
    manner = {"resume": resume, "debug": context.obj["debug"]}
    shown = Picture if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" else Lines
    try:
        with shown(say, complain, number=len(paths), near=near) as listener:
            outcomes = _runner(scheduler)(paths, jobs=jobs, limits=limits, listener=listener, **manner)
    except RunError as error:
        complain(str(error))
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        complain("Stopped. Earlier reports are as they were.")
        raise typer.Exit(STOPPED) from None
    if len(outcomes) > 1:
        say("\n".join(summarize(outcomes, near=near)))
    listed = _list_studies(Path(outcome.folder).parent for outcome in outcomes if outcome.folder)
    raise typer.Exit(max([listed, *(outcome.code for outcome in outcomes)]))


def _runner(scheduler: str | None) -> Callable[..., Any]:
    """Give what runs studies: processes of this machine, or the workers of a scheduler."""
    if scheduler is None:
        from rpeval.runs.batch import run_batch

        return run_batch
    from rpeval.runs.cluster import run_on_cluster

    return functools.partial(run_on_cluster, scheduler=scheduler)


def report(context: typer.Context, folder: Folders) -> None:
    """Write the pages again from the findings of a finished run, for example after a change of wording."""
    from rpeval.runs.study import report_again

    def again(path: Path) -> int:
        say(f"{near(report_again(path))}")
        return _list_studies([Path(path).absolute().parent])

    each(context, folder, again)


def _list_studies(folders: Iterable[Path]) -> int:
    """Write the page over all studies of each folder of reports; give the exit code."""
    from rpeval.reports.index import write_index

    code = 0
    for folder in dict.fromkeys(folders):
        try:
            write_index(folder)
        except (OSError, RpevalError) as error:
            complain(f"{near(folder)}/index.html is not written, the reports are: {error}")
            code = RunError.exit_code
    return code


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
        if (key := place.with_suffix(".key")).is_file():
            say(f"{near(key)}  the key to its marks of the data files; keep it, and keep it in the district")

    each(context, params, (lambda path: say(export_plan(path))) if export else record)


COMMANDS = {
    check: "List everything that is wrong with a study, in about two seconds.",
    run: "Make the reports of one study or many.",
    report: "Write a finished report's pages again, without running a notebook.",
    lock: "Record a study's analysis plan, before its outcomes are opened.",
}
