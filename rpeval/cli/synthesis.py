"""The command about several studies: what do they say together?"""

from pathlib import Path
from typing import Annotated

import typer

from rpeval.cli.telling import each, near, say

Reports = Annotated[
    list[Path],
    typer.Argument(metavar="FOLDER...", help="Reports like reports/lakeshore, or a params/syntheses/*.yml."),
]
FILES = (".yml", ".yaml")


def synthesize(
    context: typer.Context, report: Reports,
    finding: Annotated[str, typer.Option(help="The finding that is pooled.")] = "suspensions.att",
    name: Annotated[str, typer.Option(help="Name of the synthesis; after the finding by default.")] = "",
) -> None:  # fmt: skip
    """Pool one finding of several finished reports, and put a report into reports/synthesis-<name>.

    Studies must have found the same thing: finding, unit, outcome, definitions, weights and method are the
    same in each, no district stands twice, and simulated studies are never pooled with real ones. What
    differs is told, with the studies on each side, and nothing is written. With a file of params/syntheses,
    a table of estimates can be pooled that others have published.
    """
    from rpeval.runs.synthesis import name_studies, run_synthesis

    files = [path for path in report if path.suffix in FILES]
    if files and files != report:
        raise typer.BadParameter("Name reports, or params files of syntheses, not both.")

    def make(path: Path) -> None:
        source = path if files else name_studies(report, finding=finding, name=name)
        say(f"{near(run_synthesis(source, say=say))}")

    each(context, files or [Path(finding)], make)


COMMANDS = {synthesize: "Pool one finding over several finished reports."}
