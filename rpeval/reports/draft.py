"""A draft's pages for a browser, as a notebook writes them; nothing of PDF and Word is imported."""

from collections.abc import Mapping
from pathlib import Path

from rpeval.findings import Collected, gather
from rpeval.findings.store import write_bytes, write_whole
from rpeval.reports.blocks import Document
from rpeval.reports.document import compose
from rpeval.reports.pages.web import web

Files = dict[str, str | bytes]


def render_page(folder: Path | str) -> Path:
    """Write the pages for a browser, and the pictures, from the findings of a study's folder.

    Use it in a notebook, after the others have run: nothing is computed, so the same folder gives the same
    pages. A file is replaced only when its new content is complete.
    folder : reports/<study>, or a draft of it
    Returns the path of report.html.
    Refuses (FindingError) a folder without findings, or with unfinished ones.
    """
    folder = Path(folder)
    found = gather(folder)
    document = compose(found, text=text_of(found))
    write_files(folder, pages_of(found, document))
    return folder / "report.html"


def text_of(found: Collected) -> str:
    """Name the text that a folder's report is: of one district, or of a synthesis."""
    return "synthesis" if any(id.startswith("synthesis.") for id in found.findings) else "report"


def pages_of(found: Collected, document: Document) -> Files:
    """Make a report's pages for a browser and its pictures, by their place in the folder."""
    return {**web(found, document), **{f"figures/{b.id}.svg": b.svg for b in document.figures()}}


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files into a folder, each whole or not at all."""
    for name, content in files.items():
        (write_whole if isinstance(content, str) else write_bytes)(folder / name, content)
