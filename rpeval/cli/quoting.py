"""Commands about numbers that leave the report: cite, fill in and verify them, lint the words around."""

from pathlib import Path
from typing import Annotated

import typer

from rpeval.cli.telling import each, near, say
from rpeval.errors import list_problems

From = Annotated[Path, typer.Option("--from", metavar="FOLDER", help="The report, like reports/lakeshore.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Documents (.docx, .md).")]


def cite(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A report, like reports/lakeshore.")],
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Names like suspensions.att.")
    ] = None,
    listed: Annotated[
        str | None, typer.Option("--list", metavar="PATTERN", help="List names, like suspensions.*.att.")
    ] = None,
) -> None:  # fmt: skip
    """Tell all that is known of a number, with a sentence to quote it by; without a name, list them."""
    each(context, [folder], lambda path: _cite(path, ids or [], listed))


def _cite(folder: Path, ids: list[str], pattern: str | None) -> None:
    from rpeval.errors import FindingError
    from rpeval.reports.quoting.cite import cite as cited
    from rpeval.reports.quoting.cite import names

    if pattern is not None or not ids:
        for line in names(folder, pattern or "*"):
            say(line)
        return
    told, problems = cited(folder, ids)
    for one in told:
        say("\n".join([one.id, *(f"  {heading}: {text}" for heading, text in one.rows)]))
        say(f"\n  {one.citation}\n")
    if problems:
        raise FindingError(problems)


def fill(
    context: typer.Context,
    template: Annotated[Path, typer.Argument(metavar="FILE", help="A .docx or .md with placeholders.")],
    source: From,
    to: Annotated[Path | None, typer.Option("-o", metavar="FILE", help="The new document.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a document of this name.")] = False,
) -> None:  # fmt: skip
    """Put a study's numbers into a document, in the place of {{ suspensions.att }} and the like.

    The template stays as it is. A document filled from simulated data says so in its first line.
    """
    each(context, [template], lambda path: _fill(path, source, to, force))


def _fill(template: Path, source: Path, to: Path | None, force: bool) -> None:
    from rpeval.reports.quoting.fill import fill as filled

    done = filled(template, source, to=to, force=force)
    say(f"{near(done.path)}  {done.numbers} placeholders filled.")
    if done.without:
        say(list_problems(done.without, "to know"))


def verify(context: typer.Context, files: Files, source: From) -> None:
    """Tell which numbers of a filled document still are the study's, and what to do with the rest."""
    each(context, files, lambda path: _verify(path, source))


def _verify(path: Path, source: Path) -> None:
    from collections import Counter

    from rpeval.errors import Problem
    from rpeval.reports.quoting.texts import TextError
    from rpeval.reports.quoting.verify import verify as verified

    told = verified(path, source)
    if told.unmarked:
        some = "; ".join(f"{number} ({where})" for where, number in told.unmarked[:8])
        more = f" and {len(told.unmarked) - 8} more" if len(told.unmarked) > 8 else ""
        say(f"{path.name}: not from the study and not checked: {some}{more}.")
    if told.wrong:
        counted = ", ".join(f"{n} {state}" for state, n in Counter(c.state for c in told.checked).items())
        say(f"{path.name}: {counted}.")
        raise TextError(Problem(f"{c.where}, {c.name}, {c.state}", c.what, c.fix) for c in told.wrong)
    n = len(told.checked)
    say(f"{path.name}: {f'all {n} numbers are' if n != 1 else 'the one number is'} current.")


def lint(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Texts (.md, .docx, .html, .pdf).")],
    source: From,
) -> None:
    """Flag what a text says beyond the verdicts of a study, each with what may be said instead."""
    each(context, files, lambda path: _lint(path, source))


def _lint(path: Path, source: Path) -> None:
    from rpeval.errors import Problem
    from rpeval.reports.quoting.lint import lint as linted
    from rpeval.reports.quoting.texts import TextError

    found = linted(path, source)
    for flag in found:
        say(f"{path.name}, {flag.where} [{flag.rule}]: “{flag.sentence}”")
        say(f"    Why: {flag.why}\n    Instead: {flag.instead}")
    if found:
        many = "passage goes" if len(found) == 1 else "passages go"
        what = f"{len(found)} {many} beyond the verdicts of {source.name}."
        raise TextError(Problem(path.name, what, "Say what stands beside each as Instead."))
    say(f"{path.name}: nothing goes beyond the verdicts of {source.name}.")


COMMANDS = {
    cite: "Tell all about one number, with a sentence to quote it by.",
    fill: "Put a study's numbers into a Word or Markdown document.",
    verify: "Tell which numbers of a filled document still hold.",
    lint: "Flag what a text says beyond a study's verdicts.",
}
