"""Write a study's report in every form, each file whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from rpeval.findings import Collected, gather
from rpeval.reports.blocks import Document
from rpeval.reports.document import compose
from rpeval.reports.draft import Files, pages_of, text_of, write_files
from rpeval.reports.figures import find_kept
from rpeval.reports.grant import grant
from rpeval.reports.pages.html import html
from rpeval.reports.pages.pdf import pdf
from rpeval.reports.pages.word import word

BRIEFS = {"brief": "en", "brief.es": "es"}
TEMPLATE = "template.docx"  # the district's own, which a run puts into the folder
MADE = ("*.html", "*.pdf", "report.docx", "brief*.docx", "figures/*", "appendix/*", "grant/**/*")


def render(folder: Path | str, *, kept: Path | None = None) -> Path:
    """Write the report in every form, as pages, PDF and Word; of one district also its brief and grant pack.

    Use it after the notebooks have run, or again at any time: nothing is computed, so the same folder gives
    the same bytes. What an earlier rendering left and this one does not make is removed.
    folder : reports/<study>; with the district's template.docx in it, the Word files follow that
    kept   : folder with what the same run's notebooks have drawn, which is not drawn again
    Returns the path of report.html.
    Refuses (FindingError) a folder without findings, or with unfinished ones.
    """
    folder = Path(folder)
    found = gather(folder)
    drawn = find_kept(found.tables, kept) if kept else {}
    template = folder / TEMPLATE if (folder / TEMPLATE).is_file() else None
    document = compose(found, text=text_of(found), drawn=drawn)
    files = pages_of(found, document) | _printed("report", document, template)
    if text_of(found) == "report":
        files |= _of_one_district(found, template, drawn)
    write_files(folder, files)
    _remove_stale(folder, files)
    return folder / "report.html"


def _of_one_district(found: Collected, template: Path | None, drawn: dict[str, str]) -> Files:
    """Write the brief in two languages and the grant pack, which speak for one district."""
    files: Files = {}
    for name, lang in BRIEFS.items():
        brief = compose(found, text="brief", lang=lang, drawn=drawn if lang == "en" else None)
        files |= {f"{name}.html": html(brief)} | _printed(name, brief, template)
    pack = grant(found, template=template, drawn=drawn)
    return files | {f"grant/{name}": file for name, file in pack.items()}


def _printed(name: str, document: Document, template: Path | None) -> Files:
    return {f"{name}.pdf": pdf(document), f"{name}.docx": word(document, template=template)}


def _remove_stale(folder: Path, files: Mapping[str, str | bytes]) -> None:
    made = {path for pattern in MADE for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(made):
        if path.relative_to(folder).as_posix() not in files:
            path.unlink()
