"""What every command shares: do one thing per path, tell what happened, exit with the right code."""

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from rpeval.errors import RpevalError

FAULT, STOPPED = 70, 130


def each(context: typer.Context, paths: Iterable[Path], action: Callable[[Path], Any]) -> None:
    """Do one thing for each path, whatever becomes of the others, and exit with the highest code."""
    paths = list(paths)
    codes = [_one(context, path, action) for path in paths]
    if len(paths) > 1:
        say(f"{codes.count(0)} of {len(paths)} done.")
        for path, code in zip(paths, codes, strict=True):
            say(f"  {path}: {'done' if code == 0 else f'failed (exit code {code})'}")
    raise typer.Exit(max(codes))


def _one(context: typer.Context, path: Path, action: Callable[[Path], Any]) -> int:
    """Do it for one path and give the exit code: the action's, if it gives one, or that of its error.

    An error is told on standard error, without a traceback.
    """
    try:
        code = action(path)
    except RpevalError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("Stopped. Earlier reports are as they were.")
        raise typer.Exit(STOPPED) from None
    except Exception as error:
        if context.obj["debug"]:
            traceback.print_exc()
        complain(
            f"{path}: {type(error).__name__}: {error}. This is a fault of rpeval; run again with --debug for"
            " the traceback."
        )
        return FAULT
    return code if isinstance(code, int) else 0


def say(line: str) -> None:
    """Print a line."""
    _write(sys.stdout, line)


def complain(line: str) -> None:
    """Print a line on standard error."""
    _write(sys.stderr, line)


def _write(stream: Any, line: str) -> None:
    """Print a line at once; when nobody reads any more, go on in silence rather than lose a run."""
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def near(path: Path) -> Path:
    """Show a path from here where it lies below here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
