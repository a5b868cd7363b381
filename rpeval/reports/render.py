"""Write a study's report in every form, each file whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from rpeval.findings import Collected, gather
from rpeval.findings.store import write_bytes, write_whole
from rpeval.reports.blocks import Document
from rpeval.reports.document import compose
from rpeval.reports.grant import grant
from rpeval.reports.pages.html import html
from rpeval.reports.pages.pdf import pdf
from rpeval.reports.pages.web import web
from rpeval.reports.pages.word import word

BRIEFS = {"brief": "en", "brief.es": "es"}
TEMPLATE = "template.docx"  # the district's own, which a run puts into the folder
MADE = ("*.html", "*.pdf", "report.docx", "brief*.docx", "figures/*", "appendix/*", "grant/**/*")


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
    document = compose(found, text=_text(found))
    _write(folder, web(found, document) | _pictures(document))
    return folder / "report.html"


def render(folder: Path | str) -> Path:
    """Write the report in every form, as pages, PDF and Word; of one district also its brief and grant pack.

    Use it after the notebooks have run, or again at any time: nothing is computed, so the same folder gives
    the same bytes. What an earlier rendering left and this one does not make is removed.
    folder : reports/<study>; with the district's template.docx in it, the Word files follow that
    Returns the path of report.html.
    Refuses (FindingError) a folder without findings, or with unfinished ones.
    """
    folder = Path(folder)
    found, drawn = gather(folder), {}
    template = folder / TEMPLATE if (folder / TEMPLATE).is_file() else None
    document = compose(found, text=_text(found), drawn=drawn)
    files = web(found, document) | _pictures(document) | _printed("report", document, template)
    if _text(found) == "report":
        files |= _of_one_district(found, template, drawn)
    _write(folder, files)
    _remove_stale(folder, files)
    return folder / "report.html"


def _text(found: Collected) -> str:
    return "synthesis" if any(id.startswith("synthesis.") for id in found.findings) else "report"


def _of_one_district(
    found: Collected, template: Path | None, drawn: dict[str, str]
) -> dict[str, str | bytes]:
    """Write the brief in two languages and the grant pack, which speak for one district."""
    files: dict[str, str | bytes] = {}
    for name, lang in BRIEFS.items():
        brief = compose(found, text="brief", lang=lang, drawn=drawn if lang == "en" else None)
        files |= {f"{name}.html": html(brief)} | _printed(name, brief, template)
    pack = grant(found, template=template, drawn=drawn)
    return files | {f"grant/{name}": file for name, file in pack.items()}


def _pictures(document: Document) -> dict[str, str | bytes]:
    return {f"figures/{block.id}.svg": block.svg for block in document.figures()}


def _printed(name: str, document: Document, template: Path | None) -> dict[str, str | bytes]:
    return {f"{name}.pdf": pdf(document), f"{name}.docx": word(document, template=template)}


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        (write_whole if isinstance(content, str) else write_bytes)(folder / name, content)


def _remove_stale(folder: Path, files: Mapping[str, str | bytes]) -> None:
    made = {path for pattern in MADE for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(made):
        if path.relative_to(folder).as_posix() not in files:
            path.unlink()
