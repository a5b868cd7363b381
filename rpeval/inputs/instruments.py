"""Survey instruments: which items a scale has, how they are answered, and which are turned around."""

import warnings
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.forms import fill
from rpeval.inputs.project import INSTRUMENTS, reference_names
from rpeval.inputs.typed import Form, Number, Switch, Text, Texts, Whole
from rpeval.inputs.words import instead, list_words, quote
from rpeval.inputs.yaml_text import read_yaml


class Item(Form):
    """One question of an instrument.

    id      : name of its column
    wording : as students read it, where it may be printed
    label   : our own short paraphrase, where the wording may not be printed or is not certain
    reverse : True where a high code means less of the construct
    """

    id: Text
    wording: Text | None = None
    label: Text | None = None
    reverse: Switch = False

    @property
    def text(self) -> str:
        """What a table may call the item: its wording, else its label, else its id."""
        return self.wording or self.label or self.id


with warnings.catch_warnings():
    # pydantic warns that a field named construct hides a method it no longer recommends
    warnings.simplefilter("ignore", UserWarning)

    class Instrument(Form):
        """A scale as its file in data/reference/instruments says it.

        categories    : labels in the order of the codes `min` to `max`
        wording       : checked (verbatim), unchecked (not compared with its source), own (written for this
                        file), none (keys only)
        favorable     : favorable codes after reversing
        answered_share: share of the items that a score needs
        """

        id: Text
        title: Text
        construct: Text
        source: Text
        license: Text
        wording: Literal["checked", "unchecked", "own", "none"] = "own"
        categories: Texts = Field(min_length=2)
        min: Whole
        max: Whole
        items: tuple[Item, ...] = Field(min_length=1)
        favorable: tuple[Whole, ...] = Field(min_length=1)
        answered_share: Number = 2 / 3

        @property
        def item_ids(self) -> list[str]:
            """Names of the item columns, in order."""
            return [item.id for item in self.items]

        @property
        def scale(self) -> dict[str, Any]:
            """What the scale methods ask for: items, low, high and reverse."""
            turned = [item.id for item in self.items if item.reverse]
            return {"items": self.item_ids, "low": self.min, "high": self.max, "reverse": turned}


def read_instrument(name: str, root: Path) -> Instrument:
    """Read an instrument from data/reference/instruments/<name>.yml.

    root : the project's folder
    Refuses (ParamsError, all at once): no such instrument; a file that does not fit; categories, codes and
    favorable codes that contradict each other; an item twice.
    """
    path = root / INSTRUMENTS / f"{name}.yml"
    if not path.is_file():
        fix = instead(name, reference_names(root, INSTRUMENTS))
        raise ParamsError(Problem(INSTRUMENTS, f"There is no instrument {quote(name)}.", fix))
    label = f"{INSTRUMENTS}/{name}.yml"
    instrument, problems = fill(Instrument, read_yaml(path, name=label), name=label)
    if instrument is not None:
        problems = _contradictions(instrument, name, label)
    if problems or instrument is None:
        raise ParamsError(problems)
    return instrument


def _contradictions(instrument: Instrument, name: str, label: str) -> list[Problem]:
    """List what does not agree inside an instrument."""
    low, high, n = instrument.min, instrument.max, len(instrument.categories)
    ids = instrument.item_ids
    twice = sorted({i for i in ids if ids.count(i) > 1})
    outside = [code for code in instrument.favorable if not low <= code <= high]
    found = [
        (instrument.id != name, "id", f"The id is {quote(instrument.id)}.", f"Write {quote(name)}."),
        (
            n != high - low + 1,
            "categories",
            f"{n} categories stand for the codes {low} to {high}.",
            "Name each code once, lowest first.",
        ),
        (bool(twice), "items", f"Items stand twice: {list_words(twice)}.", "Give each item its own id."),
        (
            bool(outside),
            "favorable",
            f"These codes are not on the scale: {list_words(outside)}.",
            f"Use codes from {low} to {high}, as they are after reversing.",
        ),
        (
            not 0 < instrument.answered_share <= 1,
            "answered_share",
            f"{instrument.answered_share:g} is not a share of the items.",
            "Write a number above 0, at most 1.",
        ),
    ]
    return [Problem(f"{label}: {key}", what, fix) for wrong, key, what, fix in found if wrong]
