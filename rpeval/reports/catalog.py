"""The text catalogs: for each text (report, …) its sections in order, each a list of blocks with conditions.

Kinds of block, and what each stands for:
text      one paragraph, a template (see wording.py); nothing when it renders empty
bullets   a list of templates; an item may be {each: patterns of ids, when, text}, with `it` as the id
choose    id of a finding; the one of `cases` that names the state of its verdict
table     released tables by id or pattern, as tables; each is printed once
figure    released tables by id or pattern, as figures
grid      a table in a layout of its own, with this id; each cell is a template. A row may be a list of cells,
          {each: patterns of ids, when, cells} with `it` as the id, or {of: a released table, when, cells} for
          each of its rows, with `row` and `last` (this row, and the last) and `cell(column)` as printed
effects   findings by pattern, side by side in one table
refusals  findings by pattern that have no number, one bullet per reason
states    what each state of a verdict of one kind means (benefit, harm, gap, screen)
index     every number of the report
rest      every released table that no other block asks for
callout   a group of blocks set apart
fold      a group of blocks under its name, which a reader opens

Any block may have `when` (a condition), `needs` (findings without which it is not printed; where one was
refused, its reason is printed instead) and `otherwise` (what to print when there is nothing).
"""

import functools
from pathlib import Path
from typing import Any

import yaml

from rpeval.errors import FindingError, Problem

FOLDER = Path(__file__).parent / "text"
KINDS = {
    "text": set(),
    "bullets": {"otherwise"},
    "choose": {"cases", "otherwise"},
    "table": {"otherwise"},
    "figure": {"otherwise"},
    "grid": {"caption", "headings", "rows", "note", "otherwise"},
    "effects": {"id", "caption", "note"},
    "index": {"caption"},
    "refusals": set(),
    "rest": set(),
    "states": set(),
    "callout": {"heading", "blocks"},
    "fold": {"blocks"},
}
ALWAYS = {"when", "needs", "otherwise"}


def load(path: Path) -> Any:
    """Read a YAML file of the package, by libyaml where it is there: five times as fast on these texts.

    >>> sorted(load(FOLDER / "words.yml"))[:3]
    ['phrases', 'states', 'words']
    """
    return yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def read_catalog(text: str = "report") -> dict[str, Any]:
    """Read and check a text, with the words that all texts share.

    text : name of a file in rpeval/reports/text ("report", "grant/need")
    Returns lang, words and phrases (a text may replace some), states (decision to name and meaning), subtitle
    and sections.
    Refuses (FindingError, all problems at once) a text that is not there, a block of no known kind, or one
    with an unknown key.

    >>> read_catalog("report")["states"]["leaning"]["name"]
    'Leaning'
    """
    path = FOLDER / f"{text}.yml"
    if not path.exists():
        texts = (p.relative_to(FOLDER).with_suffix("").as_posix() for p in FOLDER.rglob("*.yml"))
        known = ", ".join(sorted(set(texts) - {"words"}))
        raise FindingError(Problem("text", f"There is no text {text!r}.", f"Use one of: {known}."))
    shared, told = load(FOLDER / "words.yml"), load(path)
    problems = [
        p for s in told["sections"] for b in s["blocks"] for p in check_block(b, f"{path.name}: {s['id']}")
    ]
    if problems:
        raise FindingError(problems)
    own = {key: shared[key] | told.get(key, {}) for key in ("words", "phrases")}
    return {"lang": "en"} | shared | told | own


def check_block(block: dict[str, Any], where: str) -> list[Problem]:
    """List what is wrong with one block of the catalog.

    >>> [p.what for p in check_block({"txt": "Hello"}, "report.yml: summary")]
    ['A block with the keys txt has no kind.']
    """
    kinds = [k for k in KINDS if k in block]
    if len(kinds) != 1:
        keys = ", ".join(block)
        return [
            Problem(where, f"A block with the keys {keys} has no kind.", f"Use one of: {', '.join(KINDS)}.")
        ]
    kind = kinds[0]
    unknown = sorted(set(block) - KINDS[kind] - ALWAYS - {kind})
    problems = [Problem(where, f"A {kind} block has no key {k}.", "Remove or rename it.") for k in unknown]
    for inner in block.get("blocks", []):
        problems += check_block(inner, where)
    return problems
