"""Checklists: every item has a state, from what is there and from nothing else."""

import pytest

from rpeval.errors import ParamsError
from rpeval.findings.checklists import BY_HAND, checklist_table, fill_checklist
from rpeval.findings.finding import Finding
from rpeval.inputs.claims import CHECKLISTS, read_checklists


@pytest.fixture(scope="module")
def lists(root):
    return read_checklists(root)


def there(*ids, value=1):
    return {id: Finding(id, id, value, "count", str(value)) for id in ids}


def filled(checklist, *args):
    return {item.id: item for item in fill_checklist(checklist, *args)}


def test_the_lists_have_as_many_items_as_their_guidelines(lists):
    assert {name: len(one.items) for name, one in lists.items()} == {
        "consort_cluster": 22, "record": 13, "tidier": 12, "cheers": 28,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "opens"), [("consort_cluster", "design.lottery"), ("cheers", "cost.per_day")]
)
def test_a_list_for_another_kind_of_study_does_not_apply(lists, name, opens):
    assert {i.state for i in fill_checklist(lists[name], there("data.years"))} == {"not applicable"}
    opened = {i.state for i in fill_checklist(lists[name], there(opens))}
    assert {"met", "no"} <= opened


def test_met_partly_and_no(lists):
    told = filled(lists["tidier"], there("study.program", "study.description"))
    assert (told["1"].state, told["1"].where) == ("met", ("study.program",))
    assert (told["4"].state, told["4"].note) == ("partly", "Lacking: implementation.practices.")
    assert (told["12"].state, told["12"].where) == ("no", ())


def test_tables_count_and_refused_findings_do_not(lists):
    assert filled(lists["record"], {}, ["data.accounting"])["13.1"].state == "met"
    assert filled(lists["record"], there("data.accounting", value=None))["13.1"].state == "no"


def test_an_item_that_does_not_apply_is_not_a_gap(lists):
    told = filled(lists["record"], there("data.years"))
    assert (told["6.3"].state, told["1.2"].state) == ("not applicable", "met")
    assert filled(lists["record"], there("data.linked"))["6.3"].state == "met"


def test_what_only_a_person_can_tell_is_never_met(lists):
    everything = there(*{p.replace("*", "x") for one in lists.values() for i in one.items.values()
                         for p in (*one.only_if, *i.shown_by, *i.only_if)})  # fmt: skip
    for one in lists.values():
        for id, item in filled(one, everything).items():
            by_hand = not one.items[id].shown_by
            assert item.state == ("no" if by_hand else "met")
            assert (item.note == BY_HAND) == by_hand


def test_the_table_is_text(lists):
    table = checklist_table(fill_checklist(lists["record"], {}))
    assert list(table.columns) == ["item", "asks", "state", "where", "note"]
    assert len(table) == 13


def test_a_list_that_does_not_fit_is_refused(root, tmp_path):
    text = (
        (root / CHECKLISTS)
        .read_text(encoding="utf-8")
        .replace("shown_by: [data.years]", "show_by: [data.years]")
    )
    path = tmp_path / CHECKLISTS
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError, match='Write "shown_by" instead'):
        read_checklists(tmp_path)
