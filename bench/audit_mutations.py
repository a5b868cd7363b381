"""Change exactly one thing in each shipped report: does the audit name it, with the right verdict?

python bench/audit_mutations.py [--only WORD] [--reports NAME ...] writes bench/audit_mutations.md (in about
20 minutes), or, with --only or --reports, prints the chosen rows. The project is copied without git, so
nothing that changed can be put back from a commit; runs are real.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]
from project import copy_project  # noqa: E402

from rpeval.audit import audit as audit_module  # noqa: E402
from rpeval.audit.audit import Audit, audit  # noqa: E402
from rpeval.audit.verdict import Verdict  # noqa: E402
from rpeval.inputs.synthesis import folder_name  # noqa: E402
from rpeval.runs import software  # noqa: E402
from rpeval.runs.study import run_study  # noqa: E402
from rpeval.runs.synthesis import run_synthesis  # noqa: E402

SYNTHESIS = "districts"
REPORTS = ("lakeshore", "riverbend", "prairie", SYNTHESIS)
TARGET = ROOT / "bench/audit_mutations.md"
STANDS, MOVES = {Verdict.REPRODUCED}, {Verdict.MOVED, Verdict.CHANGED}


@dataclass(frozen=True)
class Mutation:
    """One change.

    what    : in words; spoil: does it to a project, given a stack for what must be undone
    named   : what the audit must name, and nothing else: (kind, name) of a cue, or ("altered", path)
    verdicts: those that are right
    """

    what: str
    spoil: Callable[[Path, ExitStack], None]
    named: tuple[str, str]
    verdicts: set[Verdict]


def change(path: Path, old: str, new: str) -> None:
    """Change the first match of a pattern in a file."""
    text = path.read_text(encoding="utf-8")
    changed = re.sub(old, new, text, count=1)
    if changed == text:
        raise SystemExit(f"{path.name} has no {old}")
    path.write_text(changed, encoding="utf-8")


def change_cell(path: Path, line: str) -> None:
    """Put a line before the code of the cell in which a notebook saves its findings."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cell = next(c for c in content["cells"] if "book.save(" in "".join(c["source"]))
    cell["source"] = [f"{line}\n", *cell["source"]]
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def package(project: Path, stack: ExitStack, name: str, old: str, new: str) -> None:
    """Let the audit take a changed copy of the package for the installed one."""
    copy = project / "installed/rpeval"
    shutil.copytree(ROOT / "rpeval", copy, ignore=shutil.ignore_patterns("__pycache__"))
    change(copy / name, old, new)
    stack.enter_context(mock.patch.object(audit_module, "PACKAGE", copy))


def version(stack: ExitStack) -> None:
    """Let pandas say that it is another version."""
    real = metadata.Distribution.version.fget
    other = property(lambda self: "9.9.9" if self.metadata["Name"] == "pandas" else real(self))
    stack.callback(software.list_packages.cache_clear)
    stack.enter_context(mock.patch.object(metadata.Distribution, "version", other))
    software.list_packages.cache_clear()  # libraries are listed once in a process


MORE = (
    'import dataclasses\nbook.findings["{id}"] = dataclasses.replace(book.findings["{id}"], {field}={value})'
)


def of_study(study: str) -> Iterator[Mutation]:
    """Give the changes of one study."""
    data, params = f"data/simulated/{study}", f"params/{study}.yml"
    yield Mutation("a margin in the params", lambda p, _: change(
        p / params, r"(oss_per_100: )1\.0", r"\g<1>9.0"), ("params", params), STANDS)  # fmt: skip
    yield Mutation(
        "the seed", lambda p, _: change(p / params, r"(seed: )\d+", r"\g<1>7"), ("seed", params), STANDS
    )
    yield Mutation("an answer in the survey", lambda p, _: change(
        p / data / "survey.csv", r"(?s)(.{20000}.*?\n[^\n]*?,)([1-5])(,[^\n]*yes)",
        lambda m: f"{m[1]}{6 - int(m[2]) if m[2] != '3' else 1}{m[3]}"),
        ("data", f"{data}/survey.csv"), MOVES)  # fmt: skip
    yield Mutation("a row of the survey is gone", lambda p, _: change(
        p / data / "survey.csv", r"(?s)(.{30000}.*?\n)[^\n]*\n", r"\1"),
        ("data", f"{data}/survey.csv"), MOVES)  # fmt: skip
    yield Mutation("a file of the data is elsewhere", lambda p, _: (p / data / "adoption.csv").rename(
        p / data / "starts.csv"), ("data", f"{data}/adoption.csv"), {Verdict.NOT_RUN})  # fmt: skip
    yield of_notebook(
        "01_suspensions", "a number", MORE.format(id="data.schools", field="value", value="999")
    )
    other = MORE.format(id="harms.achievement_sd.att", field="decision", value='"another"')
    yield of_notebook("02_disproportionality", "a conclusion", other)
    yield of_notebook("03_belonging", "a remark", "# a remark")
    yield from of_package(
        "methods/did/imputation.py", r"(return jackknife_estimate\()(gaps)", r"\g<1>1.01 * \g<2>"
    )
    yield from of_machine()
    yield from of_report(
        study, count=r"data\.schools", table="suspensions.trend", picture="suspensions.trend"
    )


def of_synthesis(name: str) -> Iterator[Mutation]:
    """Give the changes of a synthesis."""
    estimates, params = "data/simulated/synthesis/estimates.csv", f"params/syntheses/{name}.yml"
    yield Mutation("the title in the params", lambda p, _: change(
        p / params, "(title: )Restorative", r"\g<1>Other"), ("params", params), STANDS)  # fmt: skip
    yield Mutation("an estimate that is pooled", lambda p, _: change(
        p / estimates, r"(birch_hollow,.*,)-(1\.392,)", r"\1\2"), ("data", estimates), MOVES)  # fmt: skip
    yield Mutation("a study that is pooled is gone", lambda p, _: change(
        p / estimates, r"birch_hollow,.*\n", ""), ("data", estimates), MOVES)  # fmt: skip
    yield Mutation("the table of estimates is elsewhere", lambda p, _: (p / estimates).rename(
        p / "elsewhere.csv"), ("data", estimates), {Verdict.NOT_RUN})  # fmt: skip
    notebook = "06_synthesis"
    yield of_notebook(notebook, "a number", MORE.format(id="synthesis.att", field="value", value="9.9"))
    yield of_notebook(
        notebook, "a conclusion", MORE.format(id="synthesis.reading", field="value", value='"x"')
    )
    yield of_notebook(notebook, "a remark", "# a remark")
    yield from of_package(
        "methods/synthesis/pooling.py", r"(tau2 = len\(y\), )(tau_squared)", r"\g<1>0.9 * \g<2>"
    )
    yield from of_machine()
    yield from of_report(
        folder_name(name), count=r"synthesis\.studies_n", table="synthesis.funnel",
        picture="synthesis.studies",
    )  # fmt: skip


def of_notebook(name: str, what: str, line: str) -> Mutation:
    """Give a change of the cell in which a notebook saves: of a number, of a conclusion, or of neither."""
    path = f"notebooks/{name}.ipynb"
    right = {"a number": {Verdict.MOVED}, "a conclusion": {Verdict.CHANGED}, "a remark": STANDS}[what]
    return Mutation(f"{what} in {name}", lambda p, _: change_cell(p / path, line), ("notebooks", path), right)


def of_package(name: str, old: str, new: str) -> Iterator[Mutation]:
    """Give two changes of the package: one in a method, and one that changes no number."""
    yield Mutation("a function of the package", lambda p, stack: package(p, stack, name, old, new),
                   ("package", f"rpeval/{name}"), MOVES)  # fmt: skip
    remark = "methods/did/twfe.py"
    yield Mutation("a remark in the package", lambda p, stack: package(
        p, stack, remark, r"\Z", "\n# a remark\n"), ("package", f"rpeval/{remark}"), STANDS)  # fmt: skip


def of_machine() -> Iterator[Mutation]:
    """Give changes of what the computation stands on."""
    yield Mutation(
        "another version of pandas", lambda _, stack: version(stack), ("environment", "pandas"), STANDS
    )
    yield Mutation("another processor type", lambda _, stack: stack.enter_context(
        mock.patch.object(software, "blas_core", return_value="Other")),
        ("environment", "blas.core"), STANDS)  # fmt: skip


def of_report(folder: str, *, count: str, table: str, picture: str) -> Iterator[Mutation]:
    """Give changes of files of a finished report; the count is a finding that its page shows."""
    report = f"reports/{folder}"
    for what, path, old, new in (
        ("a digit of a finding", "findings.json", rf'("id": "{count}",[^}}]*?"value": )\d+', r"\g<1>61"),
        ("a digit of the page", "report.html", rf'({count}"[^>]*>)\d', r"\g<1>9"),
        ("a digit of a table", f"tables/{table}.csv", r"\d\.\d", "9.9"),
        ("a picture", f"figures/{picture}.svg", r'(<path[^>]* d="M ?)', r"\g<1>1"),
    ):
        yield Mutation(what, lambda p, _, path=path, old=old, new=new: change(p / report / path, old, new),
                       ("altered", path), {Verdict.ALTERED})  # fmt: skip


def named(made: Audit) -> set[tuple[str, str]]:
    """Give what an audit named."""
    return {(c.kind, c.name) for c in made.cues} | {("altered", a.path) for a in made.alterations}


def explained(made: Audit, one: Mutation) -> bool:
    """Say whether a difference is explained by the change, where there is one to explain."""
    kind, name = one.named
    return made.explanation is None or made.explanation.named == (name if kind == "data" else kind,)


def make(project: Path, name: str) -> Path:
    """Make a report in a project, of a study or of the synthesis."""
    if name == SYNTHESIS:
        return run_synthesis(project / f"params/syntheses/{name}.yml")
    return run_study(project / f"params/{name}.yml")


def measure(project: Path, report: Path, one: Mutation) -> tuple[str, ...]:
    """Make one change in a copy of a project, audit a report, and give a row of the table."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        copy = shutil.copytree(project, Path(place) / "project")
        one.spoil(copy, stack)
        begun = time.monotonic()
        made = audit(copy / "reports" / report.name)
        seconds = time.monotonic() - begun
    right = named(made) == {one.named} and made.verdict in one.verdicts and explained(made, one)
    told = "; ".join(f"{kind}: {name}" for kind, name in sorted(named(made))[:3])
    return report.name, one.what, told, str(made.verdict), f"{seconds:.0f}", "yes" if right else "NO"


def main() -> None:
    """Run the mutations and write or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="changes whose words hold this")
    parser.add_argument("--reports", nargs="*", default=REPORTS, choices=REPORTS)
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        project = copy_project(Path(place) / "project")
        for name in chosen.reports:
            report = make(project, name)
            for one in of_synthesis(name) if name == SYNTHESIS else of_study(name):
                if chosen.only in one.what:
                    rows.append(measure(project, report, one))
                    print(" | ".join(rows[-1]), flush=True)
    if not chosen.only and tuple(chosen.reports) == REPORTS:
        TARGET.write_text(table(rows), encoding="utf-8")
    sys.exit(any(row[-1] == "NO" for row in rows))


def table(rows: list[tuple[str, ...]]) -> str:
    """Write the table."""
    good = sum(row[-1] == "yes" for row in rows)
    lines = ["# What the audit names when exactly one thing changed", "",
             f"{good} of {len(rows)} changes are named, and nothing else, with the right verdict.",
             "Made by `python bench/audit_mutations.py`.", "",
             "| report | changed | named | verdict | seconds | right |",
             "|---|---|---|---|---:|---|"]  # fmt: skip
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


if __name__ == "__main__":
    main()
