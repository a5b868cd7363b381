"""Commands about finished reports: pack them, compare them, trace their numbers; and the log of decisions."""

from pathlib import Path
from typing import Annotated

import typer

from rpeval.cli.study import Folders
from rpeval.cli.telling import each, near, say
from rpeval.errors import ParamsError, Problem

DIFFERS = 1  # as diff and git answer: two things were compared and are not the same
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder like reports/lakeshore.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="The zip; beside the folder by default.")]
ParamsFile = Annotated[Path, typer.Argument(metavar="PARAMS", help="A file like params/lakeshore.yml.")]


def pack(
    context: typer.Context, folder: Folders,
    output: Output = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="Put in restricted files, too.")] = False,
) -> None:  # fmt: skip
    """Put a report, its params and its data into one zip from which a stranger can make it again.

    Data of real districts and restricted outputs stay out unless asked for; REPRODUCE.md in it lists them.
    """
    from rpeval.audit.pack import pack_report

    def one(path: Path) -> None:
        made = pack_report(path, target=output, restricted=restricted)
        left = f"; left out: {len(made.left_out)}" if made.left_out else ""
        say(f"{near(made.path)}  {len(made.files)} files{left}")

    if output is not None and len(folder) > 1:
        raise typer.BadParameter("One zip holds one report: name one folder, or leave out --output.")
    each(context, folder, one)


def diff(
    context: typer.Context, old: Folder, new: Folder,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print an errata note in Markdown.")] = False,
) -> None:  # fmt: skip
    """Tell what changed between two reports of a study: conclusions first, then numbers, then what caused it.

    Exit code 0 when no finding and no table differs, 1 when one does.
    """
    from rpeval.audit.diff import as_markdown, as_text, diff_reports

    same = []

    def one(path: Path) -> None:
        changes = diff_reports(old, path)
        same.append(changes.same)
        say(as_markdown(changes) if markdown else "\n".join(as_text(changes)))

    try:
        each(context, [new], one)
    except typer.Exit as end:
        raise typer.Exit(end.exit_code if end.exit_code or all(same) else DIFFERS) from None


def log(
    context: typer.Context, params: ParamsFile,
    kind: Annotated[str | None, typer.Option(help="exclusion, override, deviation, release or note.")] = None,
    what: Annotated[str, typer.Option(help="What was decided.")] = "",
    why: Annotated[str, typer.Option(help="Why.")] = "",
    who: Annotated[str, typer.Option(help="Who decided: a role, no name is needed.")] = "",
    finding: Annotated[list[str] | None, typer.Option(help="Id of a finding it touches; repeat.")] = None,
) -> None:  # fmt: skip
    """Print what is on record for a study, its locked plan and its decisions, or add a decision with --kind.

    The log, params/<study>.decisions.json, is only added to: each entry holds the hash of the one before.
    """
    from rpeval.audit.history import record_decision, tell_history

    def add(path: Path) -> None:
        place, made = record_decision(
            path, kind=kind or "", what=what, why=why, who=who, findings=finding or ()
        )
        say(f"{near(place)}  SHA-256 {made.hash}")

    def show(path: Path) -> None:
        if what or why or who or finding:
            fix = "Add --kind: exclusion, override, deviation, release or note."
            raise ParamsError(Problem(path.name, "A decision needs a kind.", fix))
        say("\n".join(tell_history(path)))

    each(context, [params], add if kind is not None else show)


def lineage(
    context: typer.Context, folder: Folder,
    id: Annotated[str, typer.Argument(metavar="ID", help="A finding or table, like suspensions.att.")],
    svg: Annotated[bool, typer.Option("--svg", help="Print a picture (SVG) instead.")] = False,
) -> None:  # fmt: skip
    """Trace a number back to the cells, functions, files, columns and rows that it came from."""
    from rpeval.audit.lineage import lineage as trace
    from rpeval.audit.lineage import tell_lineage
    from rpeval.audit.lineage_drawing import draw_lineage

    def one(path: Path) -> None:
        road = trace(path, id)
        say(draw_lineage(road) if svg else "\n".join(tell_lineage(road)))

    each(context, [folder], one)


COMMANDS = {
    pack: "Put a report and what it was made from into one zip.",
    diff: "Tell what changed between two reports of a study.",
    log: "Print or add to a study's log of decisions.",
    lineage: "Trace a number back to files, columns and rows.",
}
