"""The command `rpeval`: check a study, run it, render it again."""

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from rpeval import __version__
from rpeval.errors import RpevalError, list_problems

FAULT, STOPPED = 70, 130
EXIT_CODES = (
    "Exit codes: 0 done; 2 a word of the command is wrong; 3 the params file cannot be used; 4 a data file"
    " cannot be used; 5 a method refuses these data; 6 the run did not finish; 7 a finding or a page breaks a"
    " rule; 70 a fault of rpeval itself; 130 stopped by Ctrl-C. With several studies, the highest."
)

app = typer.Typer(
    help="Evaluate a school district's restorative-practices program, one params file per district.",
    epilog=EXIT_CODES, add_completion=False, no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False,
)  # fmt: skip
Params = Annotated[list[Path], typer.Argument(metavar="PARAMS...", help="Files like params/lakeshore.yml.")]
Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders like reports/lakeshore.")]
Seconds = Annotated[int, typer.Option(help="Seconds that one cell of a notebook may take.", min=1)]


def main() -> None:
    """Run the command line; the one entry of `rpeval`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without … shows ? instead of failing
    words = [word for word in sys.argv[1:] if word != "--debug"]
    app(words, prog_name="rpeval", obj={"debug": len(words) < len(sys.argv) - 1})


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"rpeval {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of a fault.")] = False,
) -> None:
    """Offer the options of every command; `main` has taken --debug out already, wherever it stood."""


@app.command(short_help="List everything that is wrong with a study, in about two seconds.")
def check(context: typer.Context, params: Params) -> None:
    """Read the params and every file they name, and list all problems at once, each with its fix."""
    _each(context, params, _check_one)


def _check_one(path: Path) -> None:
    from rpeval.inputs.check import summarize
    from rpeval.inputs.params import read_params

    params = read_params(path)
    summary = summarize(params)
    _say(f"{params.title}: nothing stops a run.")
    for fact in summary.facts:
        _say(f"    {fact.strip()}" if fact.startswith(" ") else f"  {_tick()} {fact}")
    if summary.warnings:
        _say(list_problems(summary.warnings, "to know"))


def _tick() -> str:
    return "✓" if "utf" in (sys.stdout.encoding or "").lower() else "-"


@app.command(short_help="Make a study's report.")
def run(context: typer.Context, params: Params, timeout: Seconds = 600) -> None:
    """Check a study, run its notebooks in a clean room, and put the finished report into reports/<study>.

    An earlier report stays until the new one is whole. Several studies run one after the other; one that
    fails stops no other.
    """
    from rpeval.runs.study import run_study

    _each(context, params, lambda path: _say(f"{_near(run_study(path, timeout=timeout, say=_say))}"))


@app.command(short_help="Write a finished report's pages again, without running a notebook.")
def report(context: typer.Context, folder: Folders) -> None:
    """Write the pages again from the findings of a finished run, for example after a change of wording."""
    from rpeval.runs.study import report_again

    _each(context, folder, lambda path: _say(f"{_near(report_again(path))}"))


@app.command(short_help="Record a study's analysis plan, before its outcomes are opened.")
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
        _say(f"{_near(place)}  SHA-256 {mark}")

    _each(context, params, (lambda path: _say(export_plan(path))) if export else record)


def _each(context: typer.Context, paths: Iterable[Path], action: Callable[[Path], Any]) -> None:
    """Do one thing for each path, whatever becomes of the others, and exit with the highest code."""
    paths = list(paths)
    codes = [_one(context, path, action) for path in paths]
    if len(paths) > 1:
        _say(f"{codes.count(0)} of {len(paths)} done.")
        for path, code in zip(paths, codes, strict=True):
            _say(f"  {path}: {'done' if code == 0 else f'failed (exit code {code})'}")
    raise typer.Exit(max(codes))


def _one(context: typer.Context, path: Path, action: Callable[[Path], Any]) -> int:
    """Do it for one path and give the exit code; an error is told on standard error, without a traceback."""
    try:
        action(path)
    except RpevalError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("Stopped. Earlier reports are as they were.")
        raise typer.Exit(STOPPED) from None
    except Exception as error:
        if context.obj["debug"]:
            traceback.print_exc()
        _complain(
            f"{path}: {type(error).__name__}: {error}. This is a fault of rpeval; run again with --debug for"
            " the traceback."
        )
        return FAULT
    return 0


def _say(line: str) -> None:
    _write(sys.stdout, line)


def _complain(line: str) -> None:
    _write(sys.stderr, line)


def _write(stream: Any, line: str) -> None:
    """Print a line at once; when nobody reads any more, go on in silence rather than lose a run."""
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _near(path: Path) -> Path:
    """Show a path from here where it lies below here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
