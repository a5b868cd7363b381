"""Reporting checklists: what a guideline asks, in our words, and which findings of a study show it."""

from pydantic import Field

from rpeval.inputs.schema.claims import Patterns
from rpeval.inputs.schema.values import Form, Text


class Item(Form):
    """One thing that a guideline asks a report to tell.

    asks     : what, in our words
    shown_by : findings or tables that tell it, each needed; none where only a person can tell
    only_if  : the item applies only to a study with one of these
    """

    asks: Text
    shown_by: Patterns = ()
    only_if: Patterns = ()


class Checklist(Form):
    """One guideline.

    source  : who published it
    only_if : the whole list applies only to a study with one of these findings; empty: to every study
    items   : by the guideline's own numbers
    """

    title: Text
    source: Text
    only_if: Patterns = ()
    items: dict[Text, Item] = Field(min_length=1)
