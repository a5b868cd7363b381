"""Write a study's report: its pictures and its page, each whole or not at all."""

from pathlib import Path

from rpeval.findings.store import write_whole
from rpeval.reports.document import build
from rpeval.reports.pages.html import html


def render(folder: Path | str) -> Path:
    """Write figures/*.svg and report.html from the findings and tables of a study's folder.

    Use it after the notebooks have run, or again at any time: nothing is computed, so the same folder gives
    the same page. A file is replaced only when its new content is complete; pictures that the page no longer
    shows are removed.
    folder : reports/<study>
    Returns the path of report.html.
    Refuses (FindingError) a folder without findings, or with unfinished ones.
    """
    folder = Path(folder)
    document = build(folder)
    page = html(document)
    drawn = {f"{b.id}.svg": b.svg for b in document.figures()}
    for name, svg in drawn.items():
        write_whole(folder / "figures" / name, svg)
    for stale in sorted((folder / "figures").glob("*.svg")):
        if stale.name not in drawn:
            stale.unlink()
    write_whole(folder / "report.html", page)
    return folder / "report.html"
