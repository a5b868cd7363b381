"""The logic model: whole, in reading order, as text, and never by color alone."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

from rpeval.errors import FindingError
from rpeval.findings import Table
from rpeval.inputs.claims import read_register
from rpeval.inputs.logic_model import read_logic_model
from rpeval.reports import figures
from rpeval.reports.drawing.logic_model import WIDTH, draw

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def table(rows, **more):
    return Table("implementation.logic_model", "How it is meant to work", rows, {c: c for c in rows},
                 figure="logic_model", alt="Stages, each leading to the next.", **more)  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    return read_logic_model(ROOT, sources=["panel", "survey"])


@pytest.fixture(scope="module")
def svg(rows):
    return ET.fromstring(draw(table(rows)))


def said(element):
    return re.sub(r"\s+", " ", " ".join(element.itertext())).strip()


def test_it_is_read_in_the_order_of_the_table(svg, rows):
    items = [said(item) for item in svg.iter(f"{SVG}g") if item.get("role") == "listitem"]
    stages = rows.loc[rows["part"] == "box", "label"].unique().tolist()
    assert [item for item in items if any(item.startswith(stage) for stage in stages)] != []
    assert [next(s for s in stages if item.startswith(s)) for item in items
            if not item.startswith(("leads to", "Watch:"))] == stages  # fmt: skip
    for part, words in (("arrow", "leads to"), ("side", "Watch:")):
        assert sum(item.startswith(words) for item in items) == (rows["part"] == part).sum()
    whole = " ".join(items)
    assert all(text in whole for text in rows["text"])
    assert all(claim in whole for told in rows["claims"] for claim in told.split(", "))


def test_it_has_a_name_and_a_description(svg, rows):
    ids = {e.get("id"): said(e) for e in svg.iter() if e.get("id")}
    assert ids[svg.get("aria-labelledby")] == "How it is meant to work"
    assert ids[svg.get("aria-describedby")] == "Stages, each leading to the next."
    assert int(svg.get("width")) == WIDTH == 720
    other = ET.fromstring(draw(Table("other.model", "T", rows, {}, alt="A.")))
    assert not ids.keys() & {e.get("id") for e in other.iter() if e.get("id")}


def test_what_no_file_shows_says_so_in_words_and_outline(svg, rows):
    items = [item for item in svg.iter(f"{SVG}g") if item.get("role") == "listitem"]
    unseen = set(rows.loc[rows["seen"] == "no", "label"])
    assert 0 < len(unseen) < rows["label"].nunique()
    for item in items:
        text, boxes = said(item), list(item.iter(f"{SVG}rect"))
        if text.startswith(("leads to", "Watch:")):
            continue
        absent = any(text.startswith(label) for label in unseen)
        assert ("not in this study’s files" in text) == absent
        assert all((box.get("stroke-dasharray") is not None) == absent for box in boxes)


def test_nothing_overlaps_and_nothing_leaves_the_page(svg):
    height = float(svg.get("height"))
    boxes = [tuple(float(e.get(k)) for k in ("x", "y", "width", "height")) for e in svg.iter(f"{SVG}rect")]
    for number, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 <= y
        assert x + w <= WIDTH
        assert y + h <= height
        for a, b, c, d in boxes[number + 1 :]:
            assert a >= x + w or x >= a + c or b >= y + h or y >= b + d
    lowest = max(float(e.get("y")) for e in svg.iter(f"{SVG}tspan"))
    assert lowest < height


def test_every_text_has_a_cell_of_the_table(svg, rows):
    for text in svg.iter(f"{SVG}text"):
        id, row, column = text.get("data-cell").split("/")
        assert id == "implementation.logic_model"
        assert column in rows
        assert 0 <= int(row) < len(rows)


def test_text_of_the_file_cannot_become_markup(rows):
    odd = rows.assign(text=rows["text"].where(rows.index > 0, '<script>x</script> & "y"'))
    text = draw(table(odd))
    assert "<script" not in text
    assert '<script>x</script> & "y"' in said(ET.fromstring(text))


def test_the_report_and_the_notebook_draw_the_same(rows):
    assert figures.drawable(table(rows))
    assert figures.svg(table(rows)) == draw(table(rows))


def test_a_table_of_something_else_is_refused():
    with pytest.raises(FindingError, match="needs boxes"):
        draw(table(pd.DataFrame({"a": [1]})))


def test_its_claims_are_those_of_the_register(rows):
    register = read_register(ROOT)
    told = {claim for text in rows["claims"] for claim in text.split(", ") if claim}
    assert told <= {*register.claims, *register.checks}
    assert len([c for c in told if c.startswith("C")]) > 40
