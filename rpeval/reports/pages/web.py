"""All pages of a report for a browser: the report, its numbers, and its notebooks as they ran."""

from rpeval.findings import Collected
from rpeval.reports.blocks import Document
from rpeval.reports.pages.appendix import appendix
from rpeval.reports.pages.html import html
from rpeval.reports.pages.numbers import numbers, passports_of


def web(found: Collected, document: Document) -> dict[str, str]:
    """Write every page of a study's report for a browser.

    Use it when a report is rendered. The pages lead to each other, so they are written together.
    found    : the findings of the study's folder; notebooks/*.ipynb in it become pages, if there are any
    document : the report made of them
    Returns the pages by their place in the folder: report.html, numbers.html, appendix/<notebook>.html.
    """
    passports = passports_of(found)
    notebooks = appendix(found.folder, document=document, passports=passports)
    pages = {
        "report.html": html(document, passports=passports, notebooks=[*notebooks]),
        "numbers.html": numbers(document, passports=passports, notebooks=[*notebooks]),
    }
    return pages | {f"appendix/{name}.html": page for name, page in notebooks.items()}
