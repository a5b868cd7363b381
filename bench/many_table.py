"""The table of bench/many.py: what each way took, which targets hold, how the long run went."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from many_floor import JOBS

WAYS = ("naive", "rpeval", "cluster", "floor")
PARTS = (*WAYS, "large", "write")
MARKS = (1, 10, 30, 100, 300, 1_000)
FASTER, OF_FLOOR, OF_POOL, FLAT, ENOUGH, BUSY = 6.0, 1.3, 1.1, 1.10, 100, 0.15
FEW = 10  # with fewer studies, what is done once weighs more than what each of them costs
SHOWN = {"studies": 0, "seconds": 0, "each": 2, "peak": 0, "runner": 0}
RATIOS = (
    (f"at least {FASTER:g} times fewer seconds than the naive loop",
     "naive", "rpeval", lambda x: x >= FASTER),
    (f"within {OF_FLOOR:g} times the floor", "rpeval", "floor", lambda x: x <= OF_FLOOR),
    (f"on a cluster at most {OF_POOL:g} times the seconds of one machine's own processes",
     "cluster", "rpeval", lambda x: x <= OF_POOL),
)  # fmt: skip
Result = dict[str, Any]

ABOUT = """Written by `bench/many.py`, whose first lines say what each way does. Each study is drawn from the
recipe of Prairie (12 schools, 7 years, a survey, logs and costs) and goes through notebooks 01 to 05 to its
pages. CPU seconds are those of all processes that a way started; on a cluster nobody counts them.
Parts that began hours apart may have met a machine of another speed: compare seconds within a part, and
ratios of parts that lie close together."""
HEADS = {
    "ways": "| way | studies | seconds | seconds a study | CPU s a study | naive ÷ this | this ÷ floor |\n"
    "|---|--:|--:|--:|--:|--:|--:|",
    "large": "| up to study | seconds | seconds a study, this part | peak MB, this part | runner's own MB |\n"
    "|--:|--:|--:|--:|--:|",
    "parts": "| part | studies | when | load at its begin | commit |\n|---|--:|---|--:|---|",
}
WORDS = {True: "holds", False: "MISSED", None: "not judged"}


def ratio(results: Mapping[str, Result], way: str, other: str) -> float | None:
    """Divide the seconds a study of two ways; nothing where one was not measured, or a study failed."""
    pair = [results[name] for name in (way, other) if name in results and not results[name]["failed"]]
    each = [found["seconds"] / found["studies"] for found in pair]
    return each[0] / each[1] if len(each) == 2 else None


def targets(results: Mapping[str, Result]) -> list[tuple[str, bool | None, str]]:
    """Say of each target whether it holds, and what was measured; None where that cannot be told.

    It cannot from fewer than ten studies a way: then the start of the processes is much of the seconds.
    """
    found = []
    for what, way, other, met in RATIOS:
        times = ratio(results, way, other)
        if times is None:
            found.append((what, None, "not measured, or a study failed"))
        else:
            enough = min(results[name]["studies"] for name in (way, other)) >= FEW
            found.append((what, met(times) if enough else None, f"{times:.2f} times"))
    cut = windows(results["large"])[-2:] if "large" in results and not results["large"]["failed"] else []
    if len(cut) == 2 and cut[1]["studies"] >= ENOUGH:
        grown = max(cut[1][key] / cut[0][key] for key in ("peak", "runner"))
        flat, told = grown <= FLAT, f"the last part's peak is {grown:.2f} times that of the part before it"
    else:
        flat, told = None, f"no run of {ENOUGH} studies or more without a failure"
    return [
        *found,
        (f"flat memory, of all processes and of the runner (by at most {FLAT:g} times)", flat, told),
    ]


def judged(results: Mapping[str, Result]) -> list[str]:
    """Say in a line for each target whether it holds."""
    return [f"- **{WORDS[holds]}**: {what} ({told})" for what, holds, told in targets(results)]


def write(results: Mapping[str, Result], folder: Path) -> Path:
    """Write many.md from what the parts measured."""
    lines = ["# Many studies", "", ABOUT, ""]
    lines += judged(results)
    lines += ["", HEADS["ways"], *(row(results, way) for way in WAYS), ""]
    lines += [f"- {told}" for told in remarks(results)]
    lines += [*long_run(results), "", HEADS["parts"]]
    for part in [part for part in PARTS if part in results]:
        found = results[part]
        lines.append(
            f"| {part} | {found['studies']} | {found['when']} | {found['load']:.1f} | {found['commit']} |"
        )
    path = folder / "many.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def row(results: Mapping[str, Result], way: str) -> str:
    """Write one way's row of the table."""
    if way not in results:
        return f"| {way} | not measured | | | | | |"
    found, n = results[way], results[way]["studies"]
    against = [ratio(results, "naive", way), ratio(results, way, "floor")]
    told = ["" if value is None else f"{value:.2f}" for value in against]
    cpu = "" if found["cpu"] is None else f"{found['cpu'] / n:.2f}"
    seconds = f"{found['seconds']:.1f} | {found['seconds'] / n:.2f} | {cpu}"
    return f"| {way} | {n} | {seconds} | {' | '.join(told)} |"


def remarks(results: Mapping[str, Result]) -> list[str]:
    """Say what a reader must know beside the times."""
    ways, told = {way: results[way] for way in WAYS if way in results}, []
    for part, found in results.items():
        if found["failed"]:
            told.append(
                f"{part}: failed were {len(found['failed'])} studies, {', '.join(found['failed'][:5])}."
            )
        if found["busy"] > BUSY:
            told.append(f"{part}: the machine was {found['busy']:.0%} busy before it began: no clean times.")
    if naive := ways.get("naive"):
        told += [f"The naive loop makes no {form}: no program for it is here." for form in naive["lacking"]]
        steps = ", ".join(f"{step} {seconds:.0f}" for step, seconds in naive["steps"].items())
        told.append(f"Of the naive seconds: {steps}.")
    if any(found["studies"] < FEW for found in ways.values()):
        told.append("With so few studies, what `rpeval run` does once (starting its processes, importing)"
                    " weighs more than in the full measurement: these ratios are not the claim.")  # fmt: skip
    for key, words in {"studies": "numbers of studies", "commit": "commits"}.items():
        if len({found[key] for found in ways.values()}) > 1:
            told.append(f"The ways were measured on different {words}; ratios are of seconds a study.")
    return [*told, *agreement(ways)]


def agreement(ways: Mapping[str, Result]) -> list[str]:
    """Say whether the ways print the same numbers for the studies that they share."""
    if len(ways) < 2:
        return []
    first, *others = (found["numbers"] for found in ways.values())
    shared = sorted(set(first).intersection(*others))
    count, apart = sum(len(first[study]) for study in shared), set()
    for study in shared:
        for other in (found[study] for found in others):
            wrong = [id for id in {*first[study], *other} if first[study].get(id) != other.get(id)]
            apart |= {f"{study} {id}" for id in wrong}
    if apart:
        return [f"The ways DIFFER in {len(apart)} of {count} findings: {', '.join(sorted(apart)[:5])}."]
    return [f"The ways print the same {count} findings (studies compared: {len(shared)})."]


def long_run(results: Mapping[str, Result]) -> list[str]:
    """Write the table of the long run: seconds and peak memory, part by part, and the line through them."""
    if len(results.get("large", {}).get("ended", [])) < 3:
        return []
    n, line = len(results["large"]["ended"]), line_through(results["large"]["ended"])
    far = (line["start"] + 1_000 * line["each"]) / 60
    parts = [[f"{w[key]:.{digits}f}" for key, digits in SHOWN.items()] for w in windows(results["large"])]
    return [
        "", f"`rpeval run -j {JOBS}` over {n} studies; each part of the table begins where the one before it"
        " ends. Peak memory is of the runner, its workers, the warm process and all kernels together (PSS,"
        " looked at every second).", "", HEADS["large"], *(f"| {' | '.join(part)} |" for part in parts), "",
        f"By least squares a study costs {line['each']:.2f} seconds, and the beginning {line['start']:.1f};"
        f" the ends of studies lie {line['off']:.1f} seconds off that line (standard deviation; at most"
        f" {line['most']:.1f}). 1,000 studies were not run: if the line goes on, they take {far:.0f} min.",
    ]  # fmt: skip


def windows(result: Result) -> list[dict[str, float]]:
    """Cut a long run at the 1st, 10th, 30th … study; give each part's seconds and peak memory."""
    ended, found, before, at = result["ended"], [], 0.0, 0
    for mark in sorted({*(m for m in MARKS if m < len(ended)), len(ended)} - {0}):
        until = ended[mark - 1]
        inside = [s for s in result["samples"] if before <= s[0] <= until] or [(0.0, 0.0, 0.0)]
        each = (until - before) / (mark - at)
        peak, runner = max(s[1] for s in inside), max(s[2] for s in inside)
        found.append({"studies": mark, "seconds": until, "each": each, "peak": peak, "runner": runner})
        before, at = until, mark
    return found


def line_through(ended: list[float]) -> dict[str, float]:
    """Fit seconds = start + each × studies by least squares; `off` is the residuals' standard deviation."""
    import numpy as np

    count = np.arange(1, len(ended) + 1)
    each, start = np.polyfit(count, ended, 1)
    residual = np.asarray(ended) - start - each * count
    off = float(np.sqrt((residual**2).sum() / max(len(ended) - 2, 1)))
    return {"start": float(start), "each": float(each), "off": off, "most": float(abs(residual).max())}
