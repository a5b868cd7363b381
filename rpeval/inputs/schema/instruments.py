"""Survey instruments: which items a scale has, how they are answered, and which are turned around."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.schema.forms import read_named
from rpeval.inputs.schema.project import INSTRUMENTS
from rpeval.inputs.schema.values import Form, Number, Switch, Text, Texts, Whole
from rpeval.inputs.words import list_words, quote


class Item(Form):
    """One question of an instrument.

    id        : name of its column
    wording   : as students read it, where it may be printed
    unchecked : wording that may be printed but was not yet compared with its source; never shown
    label     : our own short paraphrase, where the wording may not be printed or is not certain
    reverse   : True where a high code means less of the construct
    """

    id: Text
    wording: Text | None = None
    unchecked: Text | None = None
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
                        file), none (keys only: its owner has not released the wording)
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

        @property
        def both_ways(self) -> bool:
            """Whether some items are turned round and others not, so that one answer to all is careless."""
            return len({item.reverse for item in self.items}) == 2


def read_instrument(name: str, root: Path) -> Instrument:
    """Read an instrument from data/reference/instruments/<name>.yml.

    root : the project's folder
    Refuses (ParamsError, all at once): no such instrument; a file that does not fit; categories, codes and
    favorable codes that contradict each other; an item twice.
    """
    instrument = read_named(Instrument, name, folder=INSTRUMENTS, root=root)
    found, where = _contradictions(instrument, name), f"{INSTRUMENTS}/{name}.yml"
    if problems := [Problem(f"{where}: {key}", what, fix) for key, what, fix in found]:
        raise ParamsError(problems)
    return instrument


def _contradictions(told: Instrument, name: str) -> Iterator[tuple[str, str, str]]:
    """Tell what does not agree inside an instrument: key, what, fix."""
    yield from _wordings(told)
    low, high, ids = told.min, told.max, told.item_ids
    if told.id != name:
        yield "id", f"The id is {quote(told.id)}.", f"Write {quote(name)}."
    if len(told.categories) != high - low + 1:
        what = f"{len(told.categories)} categories stand for the codes {low} to {high}."
        yield "categories", what, "Name each code once, lowest first."
    twice = sorted({item for item in ids if ids.count(item) > 1})
    if twice:
        yield "items", f"Items stand twice: {list_words(twice)}.", "Give each item its own id."
    outside = [code for code in told.favorable if not low <= code <= high]
    if outside:
        what = f"These codes are not on the scale: {list_words(outside)}."
        yield "favorable", what, f"Use codes from {low} to {high}, as they are after reversing."
    if not 0 < told.answered_share <= 1:
        what = f"{told.answered_share:g} is not a share of the items."
        yield "answered_share", what, "Write a number above 0, at most 1."


def _wordings(told: Instrument) -> Iterator[tuple[str, str, str]]:
    """Tell where the items show more, or less, than `wording` promises."""
    printed = [item.id for item in told.items if item.wording]
    drafts = [item.id for item in told.items if item.unchecked]
    bare = [item.id for item in told.items if not item.wording]
    if told.wording in ("none", "unchecked") and printed:
        fix = "Take it away; once compared with its source and free to print, write `wording: checked`."
        yield "items", f"`wording` is {told.wording}, but these have it: {list_words(printed)}.", fix
    if told.wording != "unchecked" and drafts:
        fix = "Write `wording: unchecked`, or take them away."
        yield "items", f"Unchecked wording stands at {list_words(drafts)}.", fix
    if told.wording == "checked" and bare:
        fix = "Write the wording of every item, or `wording: none`."
        yield "items", f"`wording` is checked, but these have none: {list_words(bare)}.", fix
