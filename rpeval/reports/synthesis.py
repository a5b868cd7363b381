"""Write the report of a synthesis: the page with its numbers and pictures, PDF and Word."""

from pathlib import Path

from rpeval.findings import collect
from rpeval.findings.store import write_bytes, write_whole
from rpeval.reports.document import compose
from rpeval.reports.pages.pdf import pdf
from rpeval.reports.pages.web import web
from rpeval.reports.pages.word import word

TEXT = "synthesis"


def render_synthesis(folder: Path | str) -> Path:
    """Write a synthesis in every form from the findings in its folder, each file whole or not at all.

    Use it after notebook 06 has run, or again at any time: nothing is computed, so the same folder gives the
    same bytes. A synthesis has no brief and no grant pack: those speak for one district.
    folder : reports/synthesis-<name>, or a draft of it
    Returns the path of report.html.
    Refuses (FindingError) a folder without findings, or with unfinished ones.
    """
    folder = Path(folder)
    found = collect(folder)
    document = compose(found, text=TEXT)
    files: dict[str, str | bytes] = {**web(found, document)}
    files |= {f"figures/{block.id}.svg": block.svg for block in document.figures()}
    files |= {"report.pdf": pdf(document), "report.docx": word(document)}
    for name, content in files.items():
        (write_whole if isinstance(content, str) else write_bytes)(folder / name, content)
    return folder / "report.html"
