"""Commands that say whether a finished report stands."""

from pathlib import Path
from typing import Annotated

import typer

from rpeval.cli.telling import each, near, say

Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders like reports/lakeshore.")]


def audit(context: typer.Context, folder: Folders) -> None:
    """Say whether a report's numbers stand, and if not, why; write it to reports/<study>.audit.

    Exit codes: 0 reproduced; 10 numbers differ, conclusions hold; 11 a conclusion changed; 12 could not be
    re-run; 13 altered after the run.
    """
    from rpeval.audit.audit import audit as audit_report
    from rpeval.audit.page import as_text, write_pages

    def one(path: Path) -> int:
        made = audit_report(path, say=say)
        say(as_text(made))
        say(f"{near(write_pages(made, path))}")
        return made.exit_code

    each(context, folder, one)


COMMANDS = {audit: "Say whether a report's numbers stand, and if not, why."}
