"""A small report folder with invented numbers, made as a notebook would make it, and what a document says."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from rpeval.estimate import Estimate, Refusal
from rpeval.findings import Findings
from rpeval.findings.planted import planted_and_found
from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Document,
    FigureBlock,
    Mixed,
    Paragraph,
    Run,
    Runs,
    opened,
)

YEARS = [2016, 2017, 2018, 2019, 2021, 2022, 2023]
ITEMS = ["Adults at this school care about me", "I feel that I belong at this school",
         "Students here are treated with respect", "I can talk to an adult here about a problem"]  # fmt: skip
DISTRICT = "Lakeshore (simulated)"
NO_ADOPTION = Refusal("The study has no list of adopting schools.", "Name one in sources.adoption.")


def write_folder(
    root: Path, *, verdict: str = "leaning", harm: bool = True, survey: bool = True, refused: bool = False,
    simulated: bool = True, draft: bool = False, district: str = DISTRICT, bare: bool = False,
) -> Path:  # fmt: skip
    """Write findings and tables of an invented study and return its folder.

    verdict : state of the verdict on suspensions
    harm    : one companion outcome moved in the unfavorable direction
    refused : no effect could be estimated
    bare    : only the number of schools was found
    """
    folder = root / "reports" / ("lakeshore.draft" if draft else "lakeshore")
    told = {"folder": folder, "simulated": simulated, "district": district}
    book = book_of(notebook="01_suspensions", **told)
    book.add("data.schools", 60, label="Schools")
    if not bare:
        _data(book)
        _suspensions(book, verdict, harm, refused)
        if simulated and not refused:
            _planted(book)
    book.save()
    if survey and not bare:
        _belonging(book_of(notebook="03_belonging", **told))
    if not bare:
        _gathered(book_of(notebook="05_report", **told))
    return folder


def book_of(folder: Path, notebook: str, *, simulated: bool = True, district: str = DISTRICT) -> Findings:
    """Open an empty book of findings for one more notebook of the invented study."""
    params = SimpleNamespace(
        study="lakeshore", title="Restorative practices in Lakeshore", simulated=simulated, seed=1, folder=folder,
        district=SimpleNamespace(name=district), privacy=SimpleNamespace(minimum=10), root=folder.parents[1],
        resolved=lambda: {"study": "lakeshore"},
    )  # fmt: skip
    return Findings(params, notebook=notebook)


def _data(book: Findings) -> None:
    book.add("study.program", "restorative practices", label="Program")
    book.add("study.outcome", "out-of-school suspensions", label="Main outcome")
    book.add("study.description", "Schools trained staff in restorative conversations and circles, and set up a room "
             "for repairing harm after a conflict.", label="Program in words")  # fmt: skip
    book.add("data.adopters", 24, label="Adopting schools")
    book.add("data.comparisons", 36, label="Comparison schools")
    book.add("data.years", "2016-17 to 2023-24", label="School years")
    book.add("data.left_out", "2020-21", label="Years left out")
    book.add("data.left_out_reason", "Most schooling was remote.", label="Why")
    book.add("data.panel.rows_in", 488, label="Rows in the file", unit="rows")
    book.add("data.panel.rows_out", 420, label="School-years used", unit="school-years")
    frame = pd.DataFrame({
        "source": ["panel", "panel", "panel"],
        "reason": ["Year left out: most schooling was remote.", "Merged with another school.", "Enrollment is missing."],
        "rows_n": [60, 6, 2],
    })  # fmt: skip
    labels = {"reason": "Reason", "source": "Source", "rows_n": "Rows"}
    book.release("data.accounting", frame, title="Rows that were not used, and why", labels=labels)


def _suspensions(book: Findings, verdict: str, harm: bool, refused: bool) -> None:
    def effect(value, se, **more):
        if refused:
            return NO_ADOPTION
        return Estimate(value=value, se=se, low=value - 2 * se, high=value + 2 * se, df=59, n=420, clusters=60,
                        treated=24, unit="per 100 students", method="imputation DiD; jackknife by school, t(59)",
                        n_unit="school-years", **more)  # fmt: skip

    book.add(
        "suspensions.level.first",
        11.8,
        label="Adopting schools, first year",
        unit="per 100 students",
        digits=1,
    )
    book.add(
        "suspensions.level.last", 7.9, label="Adopting schools, last year", unit="per 100 students", digits=1
    )
    book.add("suspensions.baseline", 11.4, label="Adopting schools in the year before they started",
             unit="per 100 students", digits=1)  # fmt: skip
    book.add("suspensions.att", effect(-2.1, 0.62), label="Effect on out-of-school suspensions", digits=1)
    percent = NO_ADOPTION if refused else Estimate(-21.0, 6.0, -33.0, -9.0, unit="%")
    book.add("suspensions.att.percent", percent, label="Effect in percent", digits=0)
    book.add("suspensions.iss_per_100.att", effect(1.6 if harm else -0.2, 0.5),
             label="Effect on in-school suspensions", decision="contradicted" if harm and not refused else "", digits=1)  # fmt: skip
    book.add("suspensions.removals_per_100.att", effect(-0.5, 0.7), label="Effect on removals of all kinds",
             decision="" if refused else "inconclusive", digits=1)  # fmt: skip
    book.add("suspensions.gap.black_white.att", effect(-0.9, 1.1), label="Effect on the gap between Black and White students",
             decision="" if refused else "inconclusive", digits=1)  # fmt: skip
    book.add("suspensions.twfe", effect(-1.7, 0.5), label="Two-way fixed effects", digits=1)
    book.add("suspensions.mde", NO_ADOPTION if refused else 1.7, label="Smallest detectable change",
             unit="per 100 students", digits=1)  # fmt: skip
    book.add(
        "suspensions.margin", 1.0, label="Smallest change that matters", unit="per 100 students", digits=1
    )
    book.add("suspensions.breakdown", NO_ADOPTION if refused else 0.4, label="Breakdown value", digits=1)
    state = "not estimable" if refused else verdict
    book.add("suspensions.verdict", state, label="Verdict on suspensions", decision=state)
    _trend(book, refused)
    _groups(book)
    if refused:
        return
    book.add("suspensions.leave_one_out.low", -2.4, label="Lowest", unit="per 100 students", digits=1)
    book.add("suspensions.leave_one_out.high", -1.8, label="Highest", unit="per 100 students", digits=1)
    _event(book)
    names = [f"School {n:02d}" for n in range(1, 25)]
    values = -2.1 + 0.3 * np.sin(np.arange(24) * 1.7)
    book.release("suspensions.leave_one_out", pd.DataFrame({"school_name": names, "value": values}), figure="dots",
                 title="The estimate when one school is left out",
                 labels={"school_name": "School left out", "value": "Effect without this school, per 100 students"},
                 digits={"value": 2}, alt="Twenty-four estimates, each without one school, all between −2.4 and −1.8.")  # fmt: skip
    methods = pd.DataFrame({
        "method": ["Imputation (main)", "Group-time averages", "Two-way fixed effects (diagnostic)"],
        "value": [-2.1, -2.0, -1.7], "low": [-3.3, -3.3, -2.7], "high": [-0.9, -0.7, -0.7],
    })  # fmt: skip
    labels = {"method": "Method", "value": "Effect", "low": "Low", "high": "High"}
    book.release("suspensions.methods", methods, title="The same question by other methods", labels=labels,
                 digits={"value": 1, "low": 1, "high": 1}, note="Effects are per 100 students, with 95% intervals.")  # fmt: skip


def _trend(book: Findings, refused: bool) -> None:
    arms = {
        "adopting": [11.8, 11.6, 11.4, 10.2, 8.6, 8.1, 7.9],
        "comparison": [9.1, 9.0, 9.2, 8.9, 8.8, 8.9, 8.7],
    }
    rows = [
        {"year": year, "arm": arm, "schools_n": 24 if arm == "adopting" else 36, "enrolled_n": 14_000 + 37 * i,
         "oss_per_100": values[i], "starts_n": {2019: 10, 2021: 14}.get(year, 0) if arm == "adopting" else 0}
        for arm, values in arms.items() for i, year in enumerate(YEARS)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    labels = {"year": "School year", "arm": "Schools", "schools_n": "Number of schools", "enrolled_n": "Students",
              "oss_per_100": "Out-of-school suspensions per 100 students"}  # fmt: skip
    if refused:
        frame, labels = frame[frame["arm"] == "comparison"].drop(columns=["arm", "starts_n"]), dict(labels)
        del labels["arm"]
    book.release("suspensions.trend", frame, title="Out-of-school suspensions by year", labels=labels, figure="trend",
                 digits={"oss_per_100": 1}, note="Each school counts the same.",
                 alt="Adopting schools fall from 11.8 to 7.9; comparison schools stay near 9.")  # fmt: skip


def _event(book: Findings) -> None:
    value = np.array([0.3, -0.2, 0.1, -1.2, -2.3, -2.6, -2.4])
    half = np.array([1.1, 0.9, 0.8, 1.0, 1.1, 1.3, 1.8])
    frame = pd.DataFrame(
        {"event_time": np.arange(-3, 4), "value": value, "low": value - half, "high": value + half}
    )
    labels = {
        "event_time": "Years since start",
        "value": "Effect, per 100 students",
        "low": "Low",
        "high": "High",
    }
    book.release("suspensions.event", frame, title="The estimate by year since the program started", labels=labels,
                 digits={"value": 1, "low": 1, "high": 1}, figure="event",
                 alt="Near zero in the three years before the start, about −2.4 from the second year on.")  # fmt: skip


def _groups(book: Findings) -> None:
    base = {
        "Black": (19.0, 14.2),
        "Hispanic": (9.8, 7.9),
        "White": (7.6, 6.0),
        "Two or more": (12.1, 9.4),
        "Asian": (3.0, 2.4),
    }
    rows = [
        {"year": y, "group": g, "enrolled_n": 200 if g == "Asian" else 3000, "oss_n": round(rate * (2 if g == "Asian" else 30)),
         "oss_per_100": rate}
        for g, (first, last) in base.items() for y, rate in zip(YEARS, np.linspace(first, last, len(YEARS)), strict=True)
    ]  # fmt: skip
    labels = {"group": "Student group", "year": "School year", "enrolled_n": "Students", "oss_n": "Suspensions",
              "oss_per_100": "Out-of-school suspensions per 100 students"}  # fmt: skip
    book.release("suspensions.groups", pd.DataFrame(rows), title="Suspensions by student group", labels=labels,
                 keys=["year", "group"], counts=[("oss_n", None)], digits={"oss_per_100": 1}, figure="groups",
                 alt="The rate falls in each group; it stays highest for Black students.")  # fmt: skip


def _planted(book: Findings) -> None:
    truth = {"suspensions.att": {"value": -2.0}, "suspensions.iss_per_100.att": {"value": 1.5},
             "suspensions.att.percent": {"value": -20.0}}  # fmt: skip
    frame = planted_and_found(truth, book.findings)
    labels = {"label": "What was planted", "planted": "Planted", "found": "Found", "low": "Low", "high": "High",
              "unit": "Unit", "inside": "Inside the interval"}  # fmt: skip
    book.release("suspensions.planted", frame, title="Planted and found", labels=labels, figure="planted",
                 digits=dict.fromkeys(("planted", "found", "low", "high"), 1),
                 alt="Every planted value lies inside the interval that was found.")  # fmt: skip


def _belonging(book: Findings) -> None:
    book.add("data.survey.rows_in", 9120, label="Answer sheets in the file")
    book.add("data.survey.rows_out", 8344, label="Answer sheets used")

    def effect(value, se, unit):
        return Estimate(value, se, value - 2.1 * se, value + 2.1 * se, df=27.4, n=8344, n_unit="students", clusters=48,
                        treated=20, unit=unit, method="CR2 by school, Satterthwaite t(27.4)")  # fmt: skip

    book.add(
        "belonging.att",
        effect(0.05, 0.04, "points on a scale from 1 to 4"),
        label="Effect on belonging",
        digits=2,
    )
    book.add(
        "belonging.att.sd",
        effect(0.08, 0.06, "SD"),
        label="Effect on belonging in standard deviations",
        digits=2,
    )
    book.add("belonging.alpha", Estimate(0.86, low=0.85, high=0.87), label="Reliability (alpha)", digits=2)
    book.add("belonging.verdict", "inconclusive", label="Verdict on belonging", decision="inconclusive")
    rows = [{"item": item, "wave": wave, "students_n": 4100 + 10 * k,
             **dict(zip("abcd", np.array([7 - k / 2, 18 - k - w, 48 + w, 27 + 1.5 * k]) / 100, strict=True))}
            for k, item in enumerate(ITEMS) for w, wave in enumerate([2018, 2023])]  # fmt: skip
    labels = {"item": "Statement", "wave": "School year", "students_n": "Answers", "a": "Strongly disagree", "b": "Disagree",
              "c": "Agree", "d": "Strongly agree"}  # fmt: skip
    book.release("belonging.items", pd.DataFrame(rows), title="Answers by statement and year", labels=labels,
                 digits=dict.fromkeys("abcd", 2), figure="stack", alt="Most students agree with each statement.")  # fmt: skip
    schools = pd.DataFrame({"school_name": [f"School {n:02d}" for n in range(1, 49)], "arm": ["adopting", "comparison"] * 24,
                            "value": 0.04 + 0.16 * np.sin(np.arange(48) * 2.3)})  # fmt: skip
    book.release("belonging.schools", schools, title="Change in belonging, school by school", figure="dots",
                 labels={"school_name": "School", "arm": "Arm", "value": "Change in mean score, first to last survey"},
                 digits={"value": 2}, alt="Changes of both kinds of schools overlap widely around zero.")  # fmt: skip
    waves = pd.DataFrame({"wave": [2018, 2018, 2023, 2023], "arm": ["adopting", "comparison"] * 2,
                          "students_n": [1990, 2130, 2050, 2174], "mean": [2.91, 2.95, 3.01, 2.99]})  # fmt: skip
    book.release("belonging.waves", waves, title="Belonging by year and arm", digits={"mean": 2},
                 labels={"wave": "School year", "arm": "Schools", "students_n": "Students", "mean": "Mean score"})  # fmt: skip
    book.save()


def _gathered(book: Findings) -> None:
    """Add what the last notebook gathers: claims and worries, published findings, standards, plan, checklists."""
    heads = {"claim": "What is claimed, and by whom", "found": "What this study says"}
    for part, n in {"answered": 1, "unmeasured": 2, "uncheckable": 1}.items():
        book.add(f"claims.{part}_n", n, label=f"Claims {part}", kind="count")
        rows = [
            {"claim": f"Claim {i}, by 2 organizations", "found": "Supported.", "beside": "Harm: cleared"}
            for i in range(n)
        ]
        more = {"beside": "What is feared of the same"} if part == "answered" else {}
        book.release(f"claims.{part}", pd.DataFrame(rows), title=f"Claims {part}", labels=heads | more)
    for part in ("feared", "unassessed"):
        rows = pd.DataFrame({"says": ["Students leave"], "found": ["Not ruled out."]})
        book.release(
            f"claims.{part}",
            rows,
            title=f"Worries {part}",
            labels={"says": "What is feared", "found": "What is said"},
        )
    rows = pd.DataFrame(
        {
            "what": ["Author (2020): 12 schools"],
            "design": ["schools assigned by lottery"],
            "says": ["No change."],
        }
    )
    book.release("published.suspensions", rows, title="Published findings",
                 labels={"what": "What was studied", "design": "Design", "says": "What was found"})  # fmt: skip
    book.add(
        "suspensions.posterior.doubtful", "The probability of a benefit is 42%.", label="A doubtful reader"
    )
    book.add("standards.rating", "meets standards with reservations", label="Self-assessed rating")
    book.add("standards.standing", "self-assessed; not a WWC review", label="What this rating is")
    book.add("standards.tier", "none", label="Evidence tier under ESSA")
    rows = pd.DataFrame({"says": ["Schools were not assigned by lottery."], "finding": ["params"]})
    book.release(
        "standards.reasons", rows, title="Why", labels={"says": "What was found", "finding": "Taken from"}
    )
    book.add("plan.registered", "Locked on 2027-05-03.", label="Plan of the analysis")
    book.add("plan.seen", "none", label="Files that were there when the plan was locked")
    book.add(
        "plan.deviations",
        1,
        label="Changes of the plan since it was locked",
        kind="count",
        decision="flagged",
    )
    rows = pd.DataFrame(
        {"what": ["margins.oss_per_100"], "before": ["1"], "after": ["0.5"], "reason": ["A typing error."]}
    )
    book.release("plan.changes", rows, title="What was changed",
                 labels={"what": "What", "before": "Before", "after": "After", "reason": "Reason"})  # fmt: skip
    rows = pd.DataFrame({"asked": ["1: The years."], "state": ["met"], "where": ["data.years"]})
    book.release(
        "checklists.record",
        rows,
        title="Records",
        labels={"asked": "What is asked", "state": "Shown", "where": "Where"},
    )
    book.save()


def blocks_of(document: Document) -> list[Block]:
    """Give every block of a document, those in callouts too."""
    return [block for section in document.sections for block in opened(section.blocks)]


def texts_of(block: Block) -> list[Runs]:
    """Give the runs of each text of a block: a paragraph, items, or caption, note and cells; of a callout none."""
    if isinstance(block, Callout):
        return []
    if isinstance(block, Paragraph):
        return [block.runs]
    if isinstance(block, Bullets):
        return list(block.items)
    table = block.table if isinstance(block, FigureBlock) else block
    cells = [(cell,) for row in [table.headings, *table.rows] for cell in row] if table else []
    return [block.caption, block.note, *cells]


def runs_of(document: Document) -> list[Run]:
    """Give every run of a document, the subtitle's and the parts of mixed ones too."""
    texts = [document.subtitle, *(runs for block in blocks_of(document) for runs in texts_of(block))]
    return [part for runs in texts for run in runs for part in parts_of(run)]


def parts_of(run: Run) -> Runs:
    """Give the runs of a cell that holds several, or the one that it is."""
    return run.runs if isinstance(run, Mixed) else (run,)
