"""The pack for a grant writer: pieces of a proposal in Word and Markdown, figures, and a workbook."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rpeval.findings import Collected, gather
from rpeval.reports import figures
from rpeval.reports.blocks import Block, Declared, FigureBlock, Paragraph
from rpeval.reports.document import compose
from rpeval.reports.pages.markdown import markdown
from rpeval.reports.pages.raster import png
from rpeval.reports.pages.word import word
from rpeval.reports.workbook import workbook

PIECES = ("need", "evidence", "evaluation_plan", "logic_model", "ed_524b", "school_climate_transformation",
          "eir", "stop_school_violence", "title_iv_a")  # fmt: skip
PICTURES = "figures/{id}.png"


def grant(
    study: Path | str | Collected, *, template: Path | None = None, drawn: dict[str, str] | None = None
) -> dict[str, str | bytes]:
    """Write the pack for a grant writer from a study's folder.

    Use it after the notebooks have run. Nothing is computed: each piece is composed like the report, from its
    own text in rpeval/reports/text/grant, and says in one sentence what the study cannot tell.
    study    : reports/<study>, or its findings where they are at hand
    template : the district's own .docx, for the pieces in Word
    drawn    : figures that are drawn already, id to SVG, as for `compose`
    Returns path below grant/ to content: need, evidence, evaluation_plan, logic_model and five layouts of
    programs, each as .docx and .md; figures/<id>.svg and .png with figures.md, which gives each figure's
    caption, alternative text and note; findings.xlsx. The same folder gives the same bytes.
    Refuses (FindingError) a folder without findings, or with unfinished ones.
    """
    found, drawn = (
        study if isinstance(study, Collected) else gather(study),
        {} if drawn is None else drawn,
    )
    pack: dict[str, str | bytes] = {}
    for piece in PIECES:
        document = compose(found, text=f"grant/{piece}", drawn=drawn)
        pack[f"{piece}.docx"] = word(document, template=template)
        pack[f"{piece}.md"] = markdown(document, pictures=PICTURES)
    return pack | _figures(found, drawn) | {"findings.xlsx": workbook(found)}


def _figures(found: Collected, svgs: dict[str, str]) -> dict[str, str | bytes]:
    """Draw every figure of the study, as SVG and as PNG, and describe them."""
    drawable = {id: table for id, table in found.tables.items() if figures.drawable(table)}
    document = compose(replace(found, tables=drawable), text="grant/figures", drawn=svgs)
    drawn = document.figures()
    files: dict[str, str | bytes] = {}
    for block, picture in zip(drawn, png([block.svg for block in drawn]), strict=True):
        files[f"figures/{block.id}.svg"], files[f"figures/{block.id}.png"] = block.svg, picture
    told = [
        replace(
            s, blocks=tuple(b for block in s.blocks for b in _described(block, document.words["alternative"]))
        )
        for s in document.sections
    ]
    files["figures/figures.md"] = markdown(replace(document, sections=tuple(told)), pictures="{id}.png")
    return files


def _described(block: Block, word: str) -> Iterator[Block]:
    """Give a figure without the table behind it, and its alternative text as a paragraph."""
    if not isinstance(block, FigureBlock):
        yield block
        return
    yield replace(block, table=None)
    yield Paragraph((f"{word}: ", Declared(block.alt, f"table:{block.id}")))
