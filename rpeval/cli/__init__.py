"""The command `rpeval`: make a study's report, quote from it, audit it."""

import sys
from typing import Annotated

import typer

from rpeval import __version__
from rpeval.cli import auditing, quoting, record, study, synthesis

EXIT_CODES = (
    "Exit codes: 0 done; 1 two reports differ (diff); 2 a word of the command is wrong; 3 the params file"
    " cannot be used; 4 a data file cannot be used; 5 a method refuses these data; 6 the run did not finish;"
    " 7 a finding or a page breaks a rule; audit: 10 numbers differ, conclusions hold, 11 a conclusion"
    " changed, 12 could not be re-run, 13 altered after the run, 14 another library differs; 70 a fault of"
    " rpeval itself; 130 stopped by Ctrl-C. With several studies, the highest."
)

app = typer.Typer(
    help="Evaluate a school district's restorative-practices program, one params file per district.",
    epilog=EXIT_CODES, add_completion=False, no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False,
)  # fmt: skip


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


for group in (study, synthesis, quoting, auditing, record):
    for command, short_help in group.COMMANDS.items():
        app.command(short_help=short_help)(command)
