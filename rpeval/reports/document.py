"""From a folder of findings to one document: every sentence is the catalog's, every number a finding's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rpeval.findings import Collected, Table, gather
from rpeval.reports import figures, tables
from rpeval.reports.blocks import (
    Block,
    Bullets,
    Callout,
    Declared,
    Document,
    FigureBlock,
    Mixed,
    Number,
    Paragraph,
    Reference,
    Run,
    Runs,
    Section,
    TableBlock,
)  # fmt: skip
from rpeval.reports.catalog import read_catalog
from rpeval.reports.translate import translated
from rpeval.reports.wording import Wording, anchor, match

__all__ = [
    "Block", "Bullets", "Callout", "Declared", "Document", "FigureBlock", "Mixed", "Number", "Paragraph",
    "Reference", "Run", "Runs", "Section", "TableBlock", "build", "compose",
]  # fmt: skip


def build(folder: Path | str, *, text: str = "report", lang: str = "en") -> Document:
    """Make the document of a study's folder.

    Use it before writing the report in any form. Nothing is computed: sentences are chosen by what was found,
    refused or absent, and each number is printed as its finding says.
    folder : a report folder with findings/*.json and tables/*.csv; a name that ends in ".draft" marks a draft
    text   : which text to fill: "report", or another of rpeval/reports/text
    lang   : language of the document; "es" is complete for the text "brief", see translate.py
    Refuses (FindingError) a folder without findings, or with unfinished or contradicting parts.
    """
    return compose(gather(folder), text=text, lang=lang)


def compose(
    found: Collected, *, text: str = "report", lang: str = "en", drawn: dict[str, str] | None = None
) -> Document:
    """Make a document of findings that are at hand, as `build` does; for several texts of one study.

    drawn : figures of this study that are drawn already, id to SVG; those that are drawn now are added
    """
    catalog = read_catalog(text)
    if lang != catalog["lang"]:
        found, catalog = translated(found, catalog, lang=lang)
    composer = _Composer(found, catalog, {} if drawn is None else drawn)
    sections = tuple(s for s in map(composer.section, catalog["sections"]) if s is not None)
    return Document(
        title=found.title, subtitle=composer.wording.runs(catalog["subtitle"]), lang=catalog["lang"],
        simulated=found.simulated, draft=found.draft, sections=sections,
        district=found.district, words=catalog["words"],
    )  # fmt: skip


class _Composer:
    """Turns the blocks of the catalog into blocks of the document, for one study."""

    def __init__(self, found: Collected, catalog: dict[str, Any], drawn: dict[str, str]):
        told = {id: table for id, table in found.tables.items() if len(table.frame)}
        self.found, self.catalog, self.words = replace(found, tables=told), catalog, catalog["words"]
        states = {k: v["name"] for k, v in catalog["states"].items()}
        self.wording = Wording(self.found, catalog["phrases"], states, {})
        self.wording.names = self._names()
        self.printed: set[str] = set()
        self.drawn = drawn

    def section(self, told: dict[str, Any]) -> Section | None:
        """Make a section; None when it does not apply or has nothing to say."""
        if not self.wording.true(told.get("when", "")):
            return None
        blocks = tuple(b for block in told["blocks"] for b in self.blocks(block))
        return Section(told["id"], told["heading"], blocks, told.get("level", 2)) if blocks else None

    def blocks(self, told: dict[str, Any]) -> Iterator[Block]:
        """Make the blocks that one block of the catalog stands for: none, one or several."""
        if not self.wording.true(told.get("when", "")):
            return
        lacking = self._lacking(told)
        if lacking is not None:
            yield from lacking
            return
        kind = next(k for k in _MAKERS if k in told)
        made = list(_MAKERS[kind](self, told))
        yield from made or self._paragraph(told.get("otherwise", ""))

    def _lacking(self, told: dict[str, Any]) -> list[Block] | None:
        """Give what to print instead when a needed finding is refused or absent; None when nothing lacks."""
        needs = [told["needs"]] if isinstance(told.get("needs"), str) else told.get("needs", [])
        for id in needs:
            finding = self.found.findings.get(id)
            if finding is None:
                return list(self._paragraph(told.get("otherwise", "")))
            if finding.value is None:
                return list(self._paragraph(self.catalog["phrases"]["refused"], ids=[id]))
        return None

    def _paragraph(self, template: str, **more: Any) -> Iterator[Paragraph]:
        runs = self.wording.runs(template, **more)
        if runs:
            yield Paragraph(runs)

    def _text(self, told: dict[str, Any]) -> Iterator[Block]:
        yield from self._paragraph(told["text"])

    def _choose(self, told: dict[str, Any]) -> Iterator[Block]:
        id = told["choose"]
        yield from self._paragraph(told["cases"].get(self.wording.decision(id), ""), it=id)

    def _bullets(self, told: dict[str, Any]) -> Iterator[Block]:
        items = [runs for item in told["bullets"] for runs in self._items(item)]
        if items:
            yield Bullets(tuple(items))

    def _items(self, item: str | dict[str, Any]) -> Iterator[Runs]:
        item = {"text": item} if isinstance(item, str) else item
        for id in self._ids(item["each"]) if "each" in item else [""]:
            if self.wording.true(item.get("when", ""), it=id) and (
                runs := self.wording.runs(item["text"], it=id)
            ):
                yield runs

    def _refusals(self, told: dict[str, Any]) -> Iterator[Block]:
        """Give one bullet per reason, naming everything that was refused for it."""
        reasons: dict[tuple[str, str, str], list[str]] = {}
        for id in self._ids(told["refusals"]):
            f = self.found.findings[id]
            if f.value is None:
                reasons.setdefault((f.shown, f.reason, f.remedy), []).append(id)
        phrase = self.catalog["phrases"]["refused"]
        if reasons:
            yield Bullets(tuple(self.wording.runs(phrase, ids=ids) for ids in reasons.values()))

    def _callout(self, told: dict[str, Any]) -> Iterator[Block]:
        inner = tuple(b for block in told["blocks"] for b in self.blocks(block))
        if inner:
            yield Callout(told["callout"], told["heading"], inner)

    def _fold(self, told: dict[str, Any]) -> Iterator[Block]:
        inner = tuple(b for block in told["blocks"] for b in self.blocks(block))
        if inner:
            yield Callout("fold", told["fold"], inner)

    def _table(self, told: dict[str, Any]) -> Iterator[Block]:
        for id in self._tables(told["table"]):
            if id not in self.printed:
                self.printed.add(id)
                yield self._printed(self.found.tables[id], self.wording.names[f"table:{id}"])

    def _figure(self, told: dict[str, Any]) -> Iterator[Block]:
        for id in self._tables(told["figure"]):
            yield from self._shown(id)

    def _grid(self, told: dict[str, Any]) -> Iterator[Block]:
        rows = [[self.wording.runs(c, **more) for c in cells] for cells, more in self._laid_out(told)]
        if rows:
            caption, note = (self.wording.runs(told.get(key, "")) for key in ("caption", "note"))
            name = self.wording.names[f"table:{told['grid']}"]
            yield tables.grid(told["grid"], name=name, caption=caption, headings=told["headings"], rows=rows,
                              note=note)  # fmt: skip

    def _laid_out(self, told: dict[str, Any]) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """Give the templates of each row of a grid that is printed, and what they may ask for."""
        for row in told["rows"]:
            row = {"cells": row} if isinstance(row, list) else row
            for more in self._repeated(row):
                if self.wording.true(row.get("when", ""), **more):
                    yield row["cells"], more

    def _repeated(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Say for what a row of a grid is repeated: each finding, each row of a table, or nothing."""
        if "of" not in row:
            yield from ({"it": id} for id in (self._ids(row["each"]) if "each" in row else [""]))
        elif table := self.found.tables.get(row["of"]):
            cell, records = tables.cells_of(table), table.frame.to_dict("records")
            for i, record in enumerate(records):
                yield {"row": record, "last": records[-1],
                       "cell": lambda column, i=i: self.wording.mark(cell(i, column))}  # fmt: skip

    def _effects(self, told: dict[str, Any]) -> Iterator[Block]:
        ids = self._ids(told["effects"])
        if ids:
            known = [self.found.findings[id] for id in ids]
            levels = {f.level: f.id for f in known if f.shown_interval}
            note = self.wording.runs(told["note"], it=next(iter(levels.values()))) if len(levels) == 1 else ()
            name, caption = self.wording.names[f"table:{told['id']}"], self.wording.runs(told["caption"])
            yield tables.effects(self.wording, ids, id=told["id"], name=name, caption=caption, note=note,
                                 words=self.words)  # fmt: skip

    def _index(self, told: dict[str, Any]) -> Iterator[Block]:
        name, caption = self.wording.names["table:index"], self.wording.runs(told["caption"])
        yield tables.index(self.found, id="index", name=name, caption=caption, words=self.words)

    def _rest(self, told: dict[str, Any]) -> Iterator[Block]:
        for id in self._left():
            yield from self._shown(id)

    def _shown(self, id: str) -> Iterator[Block]:
        if self._kind(id) == "figure":
            yield self._drawn(self.found.tables[id])
        else:
            yield from self._table({"table": id})

    def _kind(self, id: str) -> str:
        """Say whether a table can be a figure; it stays a table when it names none, or has no row to draw."""
        return "figure" if figures.drawable(self.found.tables[id]) else "table"

    def _printed(self, table: Table, name: str) -> TableBlock:
        return tables.printed(table, name=name, phrases=self.catalog["phrases"])

    def _drawn(self, table: Table) -> FigureBlock:
        numbers, names = self._printed(table, ""), self.wording.names
        behind = None if f"table:{table.id}" in names else numbers
        if table.id not in self.drawn:
            self.drawn[table.id] = figures.svg(table)
        # a figure caps no rows
        note = tables.note_of(table, self.catalog["phrases"], printed_n=len(table.frame))
        return FigureBlock(table.id, anchor("figure", table.id), names[f"figure:{table.id}"], numbers.caption,
                           table.alt, self.drawn[table.id], behind, note)  # fmt: skip

    def _states(self, told: dict[str, Any]) -> Iterator[Block]:
        """Say what each state of one kind of verdict means: benefit, harm, gap or screen."""
        of = [s for s in self.catalog["states"].values() if s.get("of", "benefit") == told["states"]]
        yield Bullets(tuple((f"{s['name']}. {s['means']}",) for s in of))

    def _ids(self, patterns: str | list[str]) -> list[str]:
        return self.wording.matching(*([patterns] if isinstance(patterns, str) else patterns))

    def _tables(self, patterns: str | list[str]) -> list[str]:
        return match(self.found.tables, (patterns,) if isinstance(patterns, str) else tuple(patterns))

    def _left(self) -> list[str]:
        """Name the released tables that no block of the catalog asks for, so that none is lost."""
        asked = {id for b in self._every() for k in ("table", "figure") for id in self._tables(b.get(k, []))}
        return [id for id in self.found.tables if id not in asked]

    def _every(self) -> Iterator[dict[str, Any]]:
        for section in self.catalog["sections"]:
            if self.wording.true(section.get("when", "")):
                yield from self._within(section["blocks"])

    def _within(self, blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for block in blocks:
            if self.wording.true(block.get("when", "")):
                yield block
                yield from self._within(block.get("blocks", []))

    def _names(self) -> dict[str, str]:
        """Number figures and tables in the order in which they will be printed."""
        placed: list[tuple[str, str]] = []
        for block in self._every():
            placed += [("table", id) for id in self._tables(block.get("table", []))]
            drawn = self._left() if "rest" in block else self._tables(block.get("figure", []))
            placed += [(self._kind(id), id) for id in drawn]
            if "effects" in block and self._ids(block["effects"]):
                placed.append(("table", block["id"]))
            if "grid" in block and any(self._laid_out(block)):
                placed.append(("table", block["grid"]))
            placed += [("table", "index")] if "index" in block else []
        seen = dict.fromkeys(placed)
        count = {"table": 0, "figure": 0}
        for kind, id in seen:
            count[kind] += 1
            seen[kind, id] = f"{self.words[kind]} {count[kind]}"
        return {f"{kind}:{id}": name for (kind, id), name in seen.items()}


_MAKERS = {
    "text": _Composer._text, "bullets": _Composer._bullets, "choose": _Composer._choose,
    "table": _Composer._table, "figure": _Composer._figure, "effects": _Composer._effects,
    "index": _Composer._index, "refusals": _Composer._refusals, "rest": _Composer._rest,
    "callout": _Composer._callout, "fold": _Composer._fold, "states": _Composer._states,
    "grid": _Composer._grid,
}  # fmt: skip
