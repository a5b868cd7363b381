"""Commands that say whether a finished report stands."""

from pathlib import Path
from typing import Annotated

import typer

from rpeval.cli.telling import each, near, say

DISAGREES = 14
Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders like reports/lakeshore.")]


def audit(
    context: typer.Context, folder: Folders,
    independent: Annotated[
        bool, typer.Option("--independent", help="Compute the main numbers with other libraries, too.")
    ] = False,
) -> None:  # fmt: skip
    """Say whether a report's numbers stand, and if not, why; write it to reports/<study>.audit.

    Exit codes: 0 reproduced; 10 numbers differ, conclusions hold; 11 a conclusion changed; 12 could not be
    re-run; 13 altered after the run; 14 another library finds another number.
    """
    from rpeval.audit.audit import audit as audit_report
    from rpeval.audit.page import as_text, write_pages

    def one(path: Path) -> int:
        made = audit_report(path, say=say)
        say(as_text(made))
        page = write_pages(made, path)
        say(f"{near(page)}")
        return max(made.exit_code, _second_opinion(path, page.parent) if independent else 0)

    each(context, folder, one)


def _second_opinion(path: Path, target: Path) -> int:
    """Compute the main numbers with other libraries, and write what an outsider needs to do so in R."""
    from rpeval.audit.independent import independent, write_opinions
    from rpeval.audit.r_code import write_r

    opinions = independent(path)
    say("\n".join(write_opinions(opinions, target)))
    if any(opinion.by.startswith("diff-diff") for opinion in opinions):
        code, table = write_r(path, target)
        say(f"{near(code)} and {near(table)}: the same in R.")
    return DISAGREES if any(opinion.state == "differs" for opinion in opinions) else 0


COMMANDS = {audit: "Say whether a report's numbers stand, and if not, why."}
