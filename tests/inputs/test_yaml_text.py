"""The YAML reader: text stays text, and nothing is read silently as something else."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rpeval.errors import ParamsError
from rpeval.inputs.schema.yaml_text import parse_yaml, read_yaml


def problems_of(text):
    with pytest.raises(ParamsError) as caught:
        parse_yaml(text, name="x.yml")
    return caught.value.problems


@pytest.mark.parametrize(
    "typed",
    [
        "0612345", "007", "no", "NO", "on", "yes", "true", "null", "~", "12:30:45", "1e3", "2020-07-01", "0x1F",
        "1_000", ".inf", ".nan", "2018-19", "0o17", "=", "<", "é", "--", "1.0", "+5", "a#b",
    ],
)  # fmt: skip
def test_what_other_readers_convert_stays_as_typed(typed):
    assert parse_yaml(f"key: {typed}\nlist: [{typed}]", name="x") == {"key": typed, "list": [typed]}


def test_keys_stay_as_typed_too():
    assert parse_yaml("{0105: a, no: b, 1.0: c, 2020-07-01: d}", name="x") == {
        "0105": "a", "no": "b", "1.0": "c", "2020-07-01": "d"
    }  # fmt: skip


def test_no_value_differs_from_empty_text():
    assert parse_yaml("a:\nb: ''\nc: [x, '']", name="x") == {"a": None, "b": "", "c": ["x", ""]}


def test_blocks_quotes_and_comments_read_as_in_any_yaml():
    text = "a: >-\n  one\n  two\nb: |\n  x\n  y\nc: 'it''s' # said\nd: \"tab\\t\"\ne:\n- 1\n- {f: 2}\n"
    assert parse_yaml(text, name="x") == {
        "a": "one two", "b": "x\ny\n", "c": "it's", "d": "tab\t", "e": ["1", {"f": "2"}]
    }  # fmt: skip


BROKEN = {
    "tab as indentation": ("a:\n\tb: 1", "line 2, column 1", "tab", "spaces"),
    "colon in text": ("a: b: c", "line 1, column 5", '": "', "quotes"),
    "star in a list": ("a: [*, --]", "line 1, column 5", "begins with *", '"*"'),
    "percent": ("a: 1\nb: %x", "line 2, column 4", "begins with a sign", "quotes"),
    "open quote": ('a: 1\nb: "x\nc: 2', "line 2, column 4", "quote is opened here", "Close"),
    "open bracket": ("a: [1, 2\nb: 3", "line 1, column 4", "bracket [ is opened here", "]"),
    "open brace": ("a: {x: 1\nb: 3", "line 1, column 4", "brace { is opened here", "}"),
    "not a pair": ("a: 1\nb", "line 2", "key: value", "colon"),
    "uneven indentation": ("  a: 1\nb: 2", "line 2, column 1", "does not stand under", "indentation"),
    "uneven list": ("a:\n  - x\n - y", "line 3, column 2", "does not stand under", "indentation"),
    "list on the key's line": ("a: - b", "line 1, column 4", "list begins", "new line"),
    "text after a quote": ("a: 'it's'", "line 1, column 8", "Text goes on", "one pair of quotes"),
    "backslash": ('a: "C:\\data"', "line 1, column 8", "backslash", "single quotes"),
    "backslash out of range": ('a: "\\UFFFFFFFF"', "x.yml", "backslash", "single quotes"),
    "key twice": ("a: 1\nb: 2\n'a': 3", "line 3, column 1", "on line 1 and on line 3", "Keep one"),
    "key twice, deeper": ("a:\n  b: 1\n  b: 1", "line 3, column 3", "on line 2 and on line 3", "Keep one"),
    "anchor": ("a: &x 1", "line 1, column 4", "Anchors (&x)", "Delete"),
    "alias": ("a: *x", "line 1, column 4", "References (*x)", '"*x"'),
    "merge key": ("<<: {a: 1}", "line 1, column 1", "Merge keys", "Write the keys out"),
    "tag": ("a: !!python/object:os.system x", "line 1, column 4", "Type tags", "Delete"),
    "unknown tag handle": ("a: !e!x 1", "line 1, column 4", "begins with !", "quotes"),
    "second document": ("a: 1\n---\nb: 2", "line 2, column 1", "second document", "Delete"),
    "list as a key": ("? [a]\n: 1", "line 1, column 3", "key is not plain text", "plain word"),
    "nesting": ("a: " + "[" * 30 + "]" * 30, "line 1", "nested more than 20 deep", "Take out"),
    "control character": ("a: 1\nb: \x07", "line 2, column 4", "U+0007", "Delete"),
    "empty": ("", "x.yml", "empty", "Write"),
    "comments only": ("# nothing\n\n", "x.yml", "empty", "Write"),
    "a list": ("- a\n- b", "x.yml", "no keys", "Write"),
    "a word": ("hello", "x.yml", "no keys", "Write"),
}


@pytest.mark.parametrize(("text", "where", "what", "fix"), BROKEN.values(), ids=BROKEN)
def test_each_fault_is_told_once_with_its_place_and_fix(text, where, what, fix):
    (problem,) = problems_of(text)
    assert problem.where.startswith("x.yml")
    assert where in problem.where
    assert what in problem.what
    assert fix in problem.fix


def test_all_faults_come_at_once():
    problems = problems_of("a: &x 1\na: *x\nb: !t 2\nc: 3\nc: 4\nd: [")
    assert [p.where.split(": ")[1].split(",")[0] for p in problems] == [
        "line 1", "line 2", "line 2", "line 3", "line 5", "line 6"
    ]  # fmt: skip


def test_a_bomb_of_references_is_refused_at_once():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.perf_counter()
    assert len(problems_of("\n".join(levels))) > 100
    assert time.perf_counter() - started < 2


class TestFiles:
    def test_a_byte_order_mark_is_no_part_of_the_first_key(self, tmp_path):
        (tmp_path / "x.yml").write_bytes("\ufeffname: Åse\r\n".encode())
        assert read_yaml(tmp_path / "x.yml") == {"name": "Åse"}

    @pytest.mark.parametrize(
        ("content", "where", "what"),
        [
            (b"a: 1\nb: caf\xe9\n", "x.yml: line 2, column 7", "0xE9 is not UTF-8"),
            ("\ufeffa: 1".encode("utf-16-le"), "x.yml", "UTF-16"),
            (b"a: " + b"x" * 1_000_001, "x.yml", "1,000,004 bytes"),
            (b"a: \x00", "x.yml: line 1, column 4", "U+0000"),
        ],
    )
    def test_what_is_not_text_is_refused(self, tmp_path, content, where, what):
        (tmp_path / "x.yml").write_bytes(content)
        with pytest.raises(ParamsError) as caught:
            read_yaml(tmp_path / "x.yml", name="x.yml")
        (problem,) = caught.value.problems
        assert problem.where == where
        assert what in problem.what

    def test_a_file_that_cannot_be_opened_is_named(self, tmp_path):
        for path in (tmp_path / "none.yml", tmp_path):
            with pytest.raises(ParamsError, match="cannot be read"):
                read_yaml(path, name="none.yml")


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
keys = words.filter(str.strip)
trees = st.recursive(
    words, lambda t: st.lists(t, max_size=3) | st.dictionaries(keys, t, max_size=3), max_leaves=12
)


@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
def test_text_that_any_writer_quotes_comes_back(content):
    assert parse_yaml(yaml.safe_dump(content, allow_unicode=True), name="x") == content


@given(st.from_regex(r"[0-9][0-9_.:eE+-]{0,14}[0-9]", fullmatch=True))
def test_whatever_looks_like_a_number_stays_text(typed):
    assert parse_yaml(f"a: {typed}", name="x") == {"a": typed}


@given(st.text(max_size=60) | st.text("abc:-[]{}'\"\n\t #&*!|>%@,?0", max_size=40))
def test_any_text_gives_a_dict_or_problems(text):
    content, problems = None, []
    try:
        content = parse_yaml(text, name="x")
    except ParamsError as error:
        problems = error.problems
    assert isinstance(content, dict) != bool(problems)
    assert all(p.where and p.what.endswith(".") and p.fix.endswith(".") for p in problems)
