"""Instruments are data: every shipped file fits, agrees with itself, and prints only wording that may be printed."""

import pytest
import yaml
from test_survey import TINY, instrument
from tiny_study import said

from rpeval.errors import ParamsError
from rpeval.inputs.schema.instruments import read_instrument

FREE = ("MIT", "Public domain")
SHIPPED = {
    "blank": "belonging", "chks_belonging": "belonging", "panorama_belonging": "belonging",
    "pisa_belonging": "belonging", "pssm": "belonging", "rpeval_belonging": "belonging", "ssbs": "belonging",
    "timss_belonging": "belonging", "us_ed_belonging": "belonging", "yrbs_connectedness": "belonging",
    "rpeval_relationships": "relationships", "us_ed_relationships": "relationships",
    "rpeval_fairness": "fairness", "us_ed_fairness": "fairness",
    "rpeval_safety": "safety", "us_ed_safety": "safety", "rpeval_exposure": "exposure",
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped(root):
    names = sorted(path.stem for path in (root / "data/reference/instruments").glob("*.yml"))
    return {name: read_instrument(name, root) for name in names}


def test_every_construct_has_its_instruments(shipped):
    assert {name: told.construct for name, told in shipped.items()} == SHIPPED


def test_only_free_wording_is_printed(shipped):
    for name, told in shipped.items():
        printed = [item.wording for item in told.items if item.wording]
        drafts = [item.unchecked for item in told.items if item.unchecked]
        if not told.license.startswith(FREE) and name != "blank":
            assert told.wording == "none", name
            assert not printed + drafts, name
            assert "not included" in told.license, name
        shown = [item.text for item in told.items]
        assert not set(shown) & set(drafts), name
        assert len(set(shown)) == len(shown), name


def test_own_wording_is_whole_and_says_that_no_student_answered_it(shipped):
    for name, told in shipped.items():
        if name.startswith("rpeval_"):
            assert (told.wording, told.license) == ("own", "MIT")
            assert all(item.wording for item in told.items), name
            assert "not validated" in told.source, name


def test_unchecked_wording_stands_beside_a_label(shipped):
    drafts = [told for told in shipped.values() if told.wording == "unchecked"]
    assert sorted(told.id for told in drafts) == [
        "us_ed_belonging", "us_ed_fairness", "us_ed_relationships", "us_ed_safety",
    ]  # fmt: skip
    assert all(item.unchecked and item.label for told in drafts for item in told.items)


@pytest.mark.parametrize("family", ["rpeval_", "us_ed_"])
def test_scales_of_a_family_can_stand_in_one_file(shipped, family):
    ids = [id for name, told in shipped.items() if name.startswith(family) for id in told.item_ids]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("name", "items_n", "categories_n", "reversed_n"),
    [("pssm", 18, 5, 5), ("pisa_belonging", 6, 4, 3), ("timss_belonging", 5, 4, 5), ("ssbs", 10, 5, 0),
     ("panorama_belonging", 5, 5, 0), ("chks_belonging", 5, 5, 0), ("us_ed_safety", 8, 4, 6)],
)  # fmt: skip
def test_the_keys_of_a_scale(shipped, name, items_n, categories_n, reversed_n):
    told = shipped[name]
    found = (len(told.items), len(told.categories), len(told.scale["reverse"]))
    assert found == (items_n, categories_n, reversed_n)
    assert told.favorable == (told.max - 1, told.max)
    assert told.both_ways is (0 < reversed_n < items_n)


def test_pssm_reverses_five_items_of_eighteen(shipped):
    assert shipped["pssm"].scale["reverse"] == ["pssm_03", "pssm_06", "pssm_09", "pssm_12", "pssm_16"]


def test_high_means_the_same_thing_in_pisa_and_timss(shipped):
    # both code strong agreement 1: after reversing, agreement to a positive item must be favorable
    for name, item in [("pisa_belonging", "b3"), ("timss_belonging", "timss_3")]:
        told = shipped[name]
        agree = told.min
        keyed = told.min + told.max - agree if item in told.scale["reverse"] else agree
        assert keyed in told.favorable


def test_contradictions_of_an_instrument_are_told_at_once(tmp_path):
    wrong = {
        "id": "other", "max": 5, "favorable": [3, 9], "answered_share": 2,
        "items": [{"id": "q1"}, {"id": "q1"}],
    }  # fmt: skip
    instrument(tmp_path, **wrong)
    with pytest.raises(ParamsError) as caught:
        read_instrument("tiny", tmp_path)
    told = said(caught.value.problems)
    for part in (": id:", ": categories:", ": items:", ": favorable:", ": answered_share:"):
        assert part in told
    with pytest.raises(ParamsError, match='Write "tiny" instead'):
        read_instrument("tinny", tmp_path)


@pytest.mark.parametrize(
    ("wording", "item", "what"),
    [
        ("none", {"wording": "I like it."}, "`wording` is none, but these have it: q1."),
        ("unchecked", {"wording": "I like it."}, "`wording` is unchecked, but these have it: q1."),
        ("none", {"unchecked": "I like it."}, "Unchecked wording stands at q1."),
        ("own", {"unchecked": "I like it."}, "Unchecked wording stands at q1."),
        ("checked", {"label": "Likes it"}, "`wording` is checked, but these have none: q1."),
    ],
)
def test_wording_that_the_file_does_not_allow_is_refused(tmp_path, wording, item, what):
    instrument(tmp_path, wording=wording, items=[{"id": "q1", **item}])
    with pytest.raises(ParamsError) as caught:
        read_instrument("tiny", tmp_path)
    assert what in said(caught.value.problems)


def test_what_is_shown_is_the_wording_else_the_label_else_the_id(tmp_path):
    items = [{"id": "a", "wording": "W", "label": "L"}, {"id": "b", "label": "L"}, {"id": "c"}]
    instrument(tmp_path, items=items)
    assert [item.text for item in read_instrument("tiny", tmp_path).items] == ["W", "L", "c"]


def test_a_copy_of_the_blank_map_is_read(root, tmp_path):
    told = yaml.safe_load((root / "data/reference/instruments/blank.yml").read_text())
    instrument(tmp_path, **TINY | told | {"id": "tiny"})
    assert read_instrument("tiny", tmp_path).item_ids == ["q1", "q2", "q3"]
