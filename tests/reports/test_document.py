"""The document says what was found, refused or absent, and nothing more."""

import re

import pytest
from report_folder import blocks_of, book_of, runs_of, texts_of, write_folder

from rpeval.errors import FindingError
from rpeval.findings import collect
from rpeval.reports.blocks import (
    Bullets,
    FigureBlock,
    Number,
    Paragraph,
    Reference,
    TableBlock,
    opened,
    plain,
)
from rpeval.reports.catalog import check_block, read_catalog
from rpeval.reports.document import build
from rpeval.reports.wording import number_of

pytestmark = pytest.mark.usefixtures("no_drawing")
ALL_STATES = read_catalog("report")["states"]
STATES = [name for name, told in ALL_STATES.items() if "of" not in told]  # of a benefit
CHAPTERS = ["summary", "question", "data", "picture", "estimate", "beside", "sensitivity", "claims",
            "published", "standards", "limits", "methods", "planted", "made"]  # fmt: skip
# Words that claim more than a comparison of schools can bear.
OVERCLAIMS = re.compile(
    r"\b(prove[sdn]?|works?|worked|led to|due to|impact\w*|significant\w*|thanks to|effective)\b", re.I
)


def text_of(document, *sections) -> str:
    chosen = [s for s in document.sections if not sections or s.id in sections]
    return "\n".join(plain(runs) for s in chosen for b in opened(s.blocks) for runs in texts_of(b))


def exhibits_of(document):
    return [b for b in blocks_of(document) if isinstance(b, TableBlock | FigureBlock)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def document(folder):
    return build(folder)


def test_the_chapters_stand_in_their_order(document):
    assert [s.id for s in document.sections if s.level == 2] == CHAPTERS


def test_every_number_is_printed_as_its_finding_says(document, folder):
    found = collect(folder)
    numbers = [r for r in runs_of(document) if isinstance(r, Number)]
    assert len(numbers) > 100
    for run in numbers:
        if run.part == "cell" or run.finding_id.endswith(("/suppressed_n", "/shown", "/n")):
            continue
        part = "value" if run.part == "text" else run.part
        assert run.shown == number_of(found.findings[run.finding_id], part).shown


def test_every_cell_is_printed_as_the_released_table_says(document, folder):
    found = collect(folder)
    cells = {r.finding_id: r.shown for r in runs_of(document) if isinstance(r, Number) and r.part == "cell"}
    for table in found.tables.values():
        for i, row in enumerate(table.rows()):
            for column, shown in zip(table.labels, row, strict=True):
                assert cells.get(f"{table.id}/{i}/{column}", shown) == shown
    assert cells["suspensions.trend/0/oss_per_100"] == "11.8"


def test_every_released_table_is_printed_or_drawn_once(document, folder):
    shown = [b.id for b in exhibits_of(document)]
    shown += [b.table.id for b in document.figures() if b.table]
    assert set(collect(folder).tables) <= set(shown)
    printed = [b.id for b in exhibits_of(document) if isinstance(b, TableBlock)]
    assert len(printed) == len(set(printed))


def test_exhibits_are_numbered_in_order_and_references_lead_to_them(document):
    exhibits = exhibits_of(document)
    for kind, word in ((TableBlock, "Table"), (FigureBlock, "Figure")):
        names = [b.name for b in exhibits if isinstance(b, kind)]
        assert names == [f"{word} {i}" for i in range(1, len(names) + 1)]
    told = {b.anchor: b.name for b in exhibits}
    references = [r for r in runs_of(document) if isinstance(r, Reference)]
    assert references
    assert all(told[r.target] == r.shown for r in references)


@pytest.mark.parametrize("state", STATES)
def test_each_verdict_has_its_own_hedged_words(tmp_path, state):
    document = build(write_folder(tmp_path, verdict=state, refused=state == "not estimable", survey=False))
    bottom = plain(document.sections[0].blocks[1].blocks[0].runs)
    must = {
        "supported": "supports a causal reading under the assumptions",
        "leaning": "favors the program, but it is not conclusive",
        "inconclusive": "We could not tell",
        "no meaningful effect": "are ruled out",
        "contradicted": "moved in the unfavorable direction",
        "descriptive only": "does not show that the program caused",
        "not estimable": "No effect can be estimated. The study has no list of adopting schools.",
    }
    assert must[state] in bottom
    assert not OVERCLAIMS.search(text_of(document))
    assert ("95% interval" in bottom) == (state not in ("descriptive only", "not estimable"))


def test_benefit_and_harm_stand_as_equals(tmp_path):
    document = build(write_folder(tmp_path, harm=True))
    parts = {s.id: s for s in document.sections}
    benefit, harm = parts["summary-benefit"], parts["summary-harm"]
    assert (benefit.level, type(benefit.blocks[0])) == (harm.level, type(harm.blocks[0]))
    assert "in-school suspensions: 1.6 per 100 students (95% interval 0.6 to 2.6)" in text_of(
        document, "summary-harm"
    )


def test_no_harm_found_is_not_told_as_no_harm_done(tmp_path):
    document = build(write_folder(tmp_path, harm=False))
    assert "not proof that no harm was done" in text_of(document, "summary-harm")


def test_what_was_refused_is_told_with_reason_and_remedy(tmp_path):
    document = build(write_folder(tmp_path, refused=True, survey=False))
    estimate = text_of(document, "estimate")
    assert (
        "no effect can be estimated. The study has no list of adopting schools. Name one in sources"
        in estimate
    )
    assert text_of(document, "summary-harm").startswith("Nothing, because no effect could be estimated")
    assert "not estimated" in text_of(document, "beside")


def test_what_is_absent_leaves_plain_sentences(tmp_path):
    document = build(write_folder(tmp_path, bare=True))
    told = text_of(document)
    for sentence in ("This study states no verdict on suspensions.", "No trend was released", "no survey of belonging",
                     "This study has no estimate of an effect on suspensions", "its sensitivity is unknown"):  # fmt: skip
        assert sentence in told
    assert not re.search(r"not reported|None|\{\{|\{%|\(\)| ,|\s\.|: \.", told)


@pytest.mark.parametrize("kwargs", [{}, {"refused": True}, {"survey": False}, {"verdict": "inconclusive"}])
def test_sentences_are_whole(tmp_path, kwargs):
    document = build(write_folder(tmp_path, **kwargs))
    for block in blocks_of(document):
        for runs in texts_of(block) if isinstance(block, Paragraph | Bullets) else []:
            told = plain(runs)
            assert re.search(r"[.?]$", told), told
            assert not re.search(r"not reported|None|\{|\}|\(\)| ,|\s\.|: \.|\.\.|  ", told), told


def test_real_data_are_not_stamped_and_have_nothing_planted(tmp_path):
    document = build(write_folder(tmp_path, simulated=False))
    assert not document.simulated
    assert "planted" not in {s.id for s in document.sections}
    assert not document.draft


def test_a_draft_folder_makes_a_draft(tmp_path):
    assert build(write_folder(tmp_path, draft=True)).draft


def test_text_of_the_study_is_never_a_template(tmp_path):
    document = build(write_folder(tmp_path, district="{{ 7 * 7 }} {% raw %}", bare=True))
    assert "{{ 7 * 7 }} {% raw %}" in text_of(document, "summary")


def test_planted_is_set_beside_found(document):
    table = next(b for b in exhibits_of(document) if isinstance(b, TableBlock) and b.id.endswith(".planted"))
    assert [plain((c,)) for c in table.rows[0]] == [
        "Effect on out-of-school suspensions", "−2.0", "−2.1", "−3.3", "−0.9", "per 100 students", "yes",
    ]  # fmt: skip


def test_a_released_table_nobody_asked_for_is_still_printed(tmp_path):
    import pandas as pd

    folder = write_folder(tmp_path)
    book = book_of(folder, "09_other")
    book.release("other.table", pd.DataFrame({"a": [1]}), title="Something else", labels={"a": "A"})
    book.save()
    assert "Something else" in text_of(build(folder), "further")


def test_a_benefit_and_what_is_feared_of_it_stand_in_one_row(document):
    board = next(b for b in exhibits_of(document) if b.id == "claims.answered")
    assert [plain((cell,)) for cell in board.rows[0]] == [
        "Claim 0, by 2 organizations", "Supported.", "Harm: cleared",
    ]  # fmt: skip


def test_a_plan_that_was_not_locked_is_said(tmp_path):
    from rpeval.estimate import Refusal

    folder = write_folder(tmp_path, bare=True)
    book = book_of(folder, "05_report")
    book.add("plan.registered", Refusal("No plan was locked.", "Lock one."), label="Plan")
    book.add("standards.rating", "not eligible", label="Rating")
    book.save()
    assert "No plan was locked. A reader cannot tell what was decided before" in text_of(
        build(folder), "plan"
    )


@pytest.mark.parametrize(("n", "printed"), [(48, 48), (49, 20)])
def test_a_long_table_prints_its_ends_and_says_so(tmp_path, n, printed):
    import pandas as pd

    folder = write_folder(tmp_path, bare=True)
    book = book_of(folder, "09_other")
    values = [(37 * i) % n for i in range(n)]
    frame = pd.DataFrame({"school_name": [f"School {i}" for i in values], "value": values})
    book.release("other.long", frame, title="Long", labels={"school_name": "School", "value": "Value"})
    book.save()
    block = next(b for b in exhibits_of(build(folder)) if b.id == "other.long")
    shown = [int(row[1].shown) for row in block.rows]
    assert len(shown) == printed
    assert all(row[0].text == f"School {row[1].shown}" for row in block.rows)
    assert block.sources == tuple(f"other.long/{values.index(value)}" for value in shown)
    if printed < n:
        assert shown == [*range(10), *range(n - 10, n)]
        assert plain(block.note) == (
            f"Printed are {printed} of {n} rows, those at the two ends; all of them are in the file tables/other.long.csv."
        )


def test_the_catalog_holds_no_digit():
    catalog = read_catalog("report")
    telling = ("text", "otherwise", "caption", "heading")

    def texts(told):
        for key, value in told.items() if isinstance(told, dict) else enumerate(told):
            if isinstance(value, dict | list):
                yield from texts(value)
            elif isinstance(value, str) and (
                key in telling or key in ALL_STATES or isinstance(key, int) or key == "means"
            ):
                yield value

    every = (
        list(texts(catalog["sections"])) + list(texts(catalog["states"])) + list(catalog["words"].values())
    )
    assert len(every) > 100
    for text in every:
        assert (
            not re.search(r"[0-9]", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.S)) or "*" in text
        ), text


def test_a_faulty_catalog_block_is_told():
    assert not check_block({"text": "Hello."}, "x")
    wrong = check_block(
        {"callout": "note", "heading": "H", "blocks": [{"txt": 1}, {"text": "a", "cases": {}}]}, "x"
    )
    assert [p.what for p in wrong] == [
        "A block with the keys txt has no kind.",
        "A text block has no key cases.",
    ]


def test_refusals(tmp_path):
    with pytest.raises(FindingError, match="No findings here"):
        build(tmp_path)
    with pytest.raises(FindingError, match="no text 'xx'"):
        build(write_folder(tmp_path), text="xx")
