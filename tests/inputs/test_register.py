"""The register, the published evidence and the attrition boundary: whole, in our words, and nothing unchecked."""

import csv
import re
from typing import get_args

import pytest

from rpeval.errors import ParamsError
from rpeval.inputs.claims import ATTRITION, CLAIMS, EVIDENCE, read_attrition, read_evidence, read_register
from rpeval.inputs.measures import read_measures
from rpeval.inputs.schema.claims import LONGEST_QUOTE, Strength
from rpeval.inputs.schema.yaml_text import read_yaml

ORGANIZATIONS = {
    "AASA, The School Superintendents Association", "American Federation of Teachers",
    "American School Counselor Association", "BASE Education",
    "Collaborative for Academic, Social, and Emotional Learning", "Edutopia", "Milwaukee Public Schools",
    "Mindful Schools", "National Education Association", "National PTA", "Panorama Education",
    "Restorative Justice in Education", "UNICEF", "A website for teachers",
}  # fmt: skip


@pytest.fixture(scope="module")
def register(root):
    return read_register(root)


@pytest.fixture
def edited(root, tmp_path):
    """Change one line of a file in a copy of the reference data, and give the copy's folder."""

    def edit(name, before, after):
        text = (root / name).read_text(encoding="utf-8")
        assert before in text
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
        return tmp_path

    return edit


def test_every_claim_and_check_is_there_in_order(register):
    assert list(register.claims) == [f"C{n:02d}" for n in range(60)]
    assert list(register.checks) == [f"A{n:02d}" for n in range(1, 24)]


def test_every_organization_is_named_in_full(register):
    named = {who for claim in register.claims.values() for who in claim.who}
    assert named >= ORGANIZATIONS
    assert not named & {"AFT", "ASCA", "CASEL", "NEA", "AASA", "MPS", "CTU", "UVM"}


def test_sentences_are_ours_and_can_be_printed(register):
    for claim in register.claims.values():
        assert re.fullmatch(r"[A-Z].*\.", claim.says)
        if claim.quote:
            assert len(claim.quote.split()) <= LONGEST_QUOTE
            assert claim.quote.lower() not in claim.says.lower()
        if claim.checkable:
            assert not re.search(r"^[A-Z]|\.$", claim.needs), "it completes the sentence 'It would need …'"


def test_no_source_tag_and_no_british_spelling(root):
    for name in (CLAIMS, EVIDENCE):
        text = (root / name).read_text(encoding="utf-8")
        assert not re.search(r"\[[SB][0-9-]", text)
        assert not re.search(r"behaviour|programme|counsell|offence|enrolment|labelling", text)
        assert "http" not in text


def test_what_cannot_be_checked_is_answered_by_nothing(register):
    uncheckable = [id for id, claim in register.claims.items() if not claim.checkable]
    assert uncheckable == ["C00", "C56", "C57", "C58"]
    assert [id for id, claim in register.claims.items() if claim.recorded] == ["C12", "C21", "C34", "C40"]


def test_findings_on_measures_name_measures(root, register):
    patterns = {p for claim in register.claims.values() for p in claim.answered_by}
    patterns |= {p for check in register.checks.values() for p in (*check.answered_by, *check.otherwise)}
    named = {p.split(".")[1] for p in patterns if p.startswith("harms.") or p.endswith("_per_100.att")}
    unmade = {"credit_recovery"}  # no source of a study holds transcripts yet
    assert named - unmade <= set(read_measures(root))


def test_every_check_stands_beside_a_claim_or_is_a_diagnosis(register):
    beside = {check for claim in register.claims.values() for check in claim.beside}
    assert set(register.checks) - beside <= {"A01"}, "achievement is feared, and nobody's claim names it"


def test_the_register_is_that_of_the_design(shared_data, register):
    rules = {
        "VR1": "benefit", "VR3": "gap", "VR4": "delivery", "VR5": "mechanism", "VR6": "external",
        "VR7": "not_checkable",
    }  # fmt: skip
    with shared_data("design/claims.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] == "claim"]
    for row in rows:
        claim = register.claims[row["id"]]
        assert list(claim.beside) == re.findall("A[0-9]{2}", row["pairs_or_precedent"])
        assert set(claim.rule) == {rules[code] for code in re.findall("VR[0-9]", row["rule"])}
        assert sorted(claim.design) == sorted(re.findall("D[0-9]+", row["design"]))
        assert all(part in row["claim"] for part in (claim.quote or "").split(" … "))


@pytest.mark.parametrize(("before", "after", "said"), [
    ("beside: [A06, A07, A16, A17]", "beside: [A06, A99]", "A99, which is no check"),
    ("rule: [delivery]", "rule: [delivry]", 'Write "delivery" instead'),
    ("    answered_by: [implementation.curriculum]\n", "", "Nothing says what would answer it"),
    ("answered_by: [implementation.curriculum]", "answered_by: [Curriculum]", "is no finding's id"),
    ("design: [D8]", "design: [D11]", "D11"),
    ("  D9: linkage with records outside the schools\n", "", '"D9" is not explained'),
    ("smallest: {share: 80}", "smallest: {share: -80}", "not above zero"),
    ("smallest: {share: 80}", "smallest: {shar: 80}", 'Write "share" instead'),
    ("rule: [not_checkable]", "rule: [not_checkable]\n    answered_by: [x.y]", "and yet findings answer it"),
    ("  A23:", "  B23:", "B23"),
    (
        "quote: positive learning environments",
        "quote: a b c d e f g h i j k l m n o p",
        "Quote at most 15 words",
    ),
])  # fmt: skip
def test_a_register_that_does_not_fit_is_refused(edited, before, after, said):
    with pytest.raises(ParamsError, match=re.escape(said)):
        read_register(edited(CLAIMS, before, after))


def test_only_checked_evidence_is_given_the_strongest_first(root):
    rows, written = read_evidence(root), read_yaml(root / EVIDENCE, name=EVIDENCE)
    unchecked = {id for id, row in written.items() if row["checked"] == "false"}
    assert {"bonell_2018_aggression", "augustine_2018_days"} == unchecked
    assert set(rows) == set(written) - unchecked
    order = [get_args(Strength).index(row.strength) for row in rows.values()]
    assert order == sorted(order)


def test_numbers_of_the_evidence_are_those_of_the_design(root):
    rows = read_evidence(root)
    bullying = rows["bonell_2018_bullying"]
    assert (bullying.value, bullying.low, bullying.high) == (-0.03, -0.06, -0.001)
    assert rows["gregory_2021_incidents"].value == 12
    assert rows["hollands_2022_cost"].value == 139
    assert (rows["anyon_2016_suspension"].value, rows["anyon_2016_referral"].value) == (0.07, 0.21)


def test_evidence_says_harm_and_benefit_alike(root):
    told = " ".join(row.finding for row in read_evidence(root).values())
    assert all(
        word in told for word in ("fell", "became worse", "felt less safe", "No difference", "widened")
    )


@pytest.mark.parametrize(("before", "after", "said"), [
    ("strength: trial", "strength: trail", 'Write "trial" instead'),
    ("  high: -0.001\n", "", "The interval is not whole"),
    ("value: -0.03", "value: -0.3", "lies outside its interval"),
    ("  unit: percentile points (improvement index)\n", "", "The number has no unit"),
])  # fmt: skip
def test_evidence_that_does_not_fit_is_refused(edited, before, after, said):
    with pytest.raises(ParamsError, match=re.escape(said)):
        read_evidence(edited(EVIDENCE, before, after))


def test_the_attrition_boundary_is_that_of_the_handbook(root, shared_data):
    table = read_attrition(root)
    assert (table.cautious[0], table.cautious[20], table.cautious[-1], len(table.cautious)) == (
        5.7,
        5.4,
        0.0,
        58,
    )
    assert (table.optimistic[0], table.optimistic[20], len(table.optimistic)) == (10.0, 10.0, 66)
    with shared_data("design/wwc_attrition.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [f"{x:.1f}" for x in table.cautious] == [row["cautious"] for row in rows if row["cautious"]]
    assert [f"{x:.1f}" for x in table.optimistic] == [row["optimistic"] for row in rows]


def test_a_boundary_that_does_not_fit_is_refused(edited):
    with pytest.raises(ParamsError, match="is not a number"):
        read_attrition(edited(ATTRITION, "[5.7,", "[five,"))
