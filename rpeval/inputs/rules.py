"""Definition packs and state rules: knowledge about sources and states, one file each in data/reference."""

from pathlib import Path
from typing import TypeVar

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.schema.forms import read_named
from rpeval.inputs.schema.project import DEFINITIONS, STATE_RULES
from rpeval.inputs.schema.rules import Definitions, StateRules
from rpeval.inputs.words import quote

Pack = TypeVar("Pack", Definitions, StateRules)


def read_definitions(root: Path, name: str) -> Definitions:
    """Read what a source counts and cannot see, from data/reference/definitions/<name>.yml.

    root : the project's folder
    Refuses (ParamsError, all at once): no such pack; a file that does not fit; an id that is not its name.

    >>> read_definitions(Path("."), "wisconsin").cannot_see[0]
    'In-school suspensions of students without disabilities are not collected.'
    """
    return _named(read_named(Definitions, name, folder=DEFINITIONS, root=root), name, DEFINITIONS)


def read_state_rules(root: Path, name: str) -> StateRules:
    """Read a state's rule for significant disproportionality.

    It stands in data/reference/significant_disproportionality/<name>.yml; root is the project's folder.
    Refuses (ParamsError, all at once): no such rule; a file that does not fit; an id that is not its name.

    >>> rules = read_state_rules(Path("."), "federal")
    >>> rules.cell, rules.n, rules.years, rules.threshold
    (10, 30, 3, None)
    """
    return _named(read_named(StateRules, name, folder=STATE_RULES, root=root), name, STATE_RULES)


def _named(pack: Pack, name: str, folder: str) -> Pack:
    if pack.id != name:
        what, fix = f"The id is {quote(pack.id)}.", f"Write {quote(name)}."
        raise ParamsError(Problem(f"{folder}/{name}.yml: id", what, fix))
    return pack
