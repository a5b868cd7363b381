"""The logic model: how the program is meant to work, from data/reference/logic_model.yml."""

from collections.abc import Collection
from pathlib import Path
from typing import Self

import pandas as pd
from pydantic import Field, model_validator

from rpeval.errors import ParamsError
from rpeval.inputs.schema.forms import fill
from rpeval.inputs.schema.values import Form, Text, Texts, refuse
from rpeval.inputs.schema.yaml_text import read_yaml
from rpeval.inputs.words import quote

LOGIC_MODEL = "data/reference/logic_model.yml"
COLUMNS = ["part", "label", "text", "claims", "seen"]


class Stage(Form):
    """A stage: its boxes, the sources that show it, and the claims on the arrow to the next stage."""

    label: Text
    holds: Texts = Field(min_length=1)
    seen_in: Texts = ()
    claims: Texts = ()


class Side(Form):
    """What may happen beside the chain, behind a stage: a worry of the register."""

    after: Text
    label: Text
    says: Text
    claims: Texts = ()


class LogicModel(Form):
    """Stages in order, and what may happen beside them."""

    stages: dict[Text, Stage] = Field(min_length=2)
    side: tuple[Side, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        for number, one in enumerate(self.side):
            if one.after not in self.stages:
                what = f"There is no stage {quote(one.after)}."
                raise refuse(what, "Name one of the stages.", at=f"side.{number}.after")
        return self


def read_logic_model(root: Path, *, sources: Collection[str]) -> pd.DataFrame:
    """Read the logic model as rows in reading order, and say which stages a study's files show.

    Use for the drawing and the table of it in the report.

    root : the project's folder; sources : names of the study's sources ("panel", "survey")
    Returns part (box, arrow, side), label (the stage's, for a side what it is), text (of the box; for an
    arrow the stage that it leads to), claims ("C02, C28"), seen ("yes" or "no"; empty for arrows and sides):
    all text.
    Refuses (ParamsError, all at once) a file that is missing or does not fit.

    >>> rows = read_logic_model(Path("."), sources=["panel"])
    >>> rows.loc[rows["seen"] == "yes", "label"].unique().tolist()
    ['Removals from class']
    """
    model, problems = fill(LogicModel, read_yaml(root / LOGIC_MODEL, name=LOGIC_MODEL), name=LOGIC_MODEL)
    if model is None:
        raise ParamsError(problems)
    rows, names = [], list(model.stages)
    for name, following in zip(names, [*names[1:], None], strict=True):
        stage = model.stages[name]
        seen = "yes" if set(stage.seen_in) & set(sources) else "no"
        rows += [("box", stage.label, text, "", seen) for text in stage.holds]
        if following:
            rows.append(("arrow", stage.label, model.stages[following].label, ", ".join(stage.claims), ""))
        beside = [one for one in model.side if one.after == name]
        rows += [("side", one.label, one.says, ", ".join(one.claims), "") for one in beside]
    return pd.DataFrame(rows, columns=COLUMNS)
