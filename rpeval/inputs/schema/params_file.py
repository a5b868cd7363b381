"""What every params file is, whatever it declares: named like its file, and at home in a project."""

from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationInfo, field_validator

from rpeval.inputs.schema.values import Form, refuse
from rpeval.inputs.words import quote

ROOM = ".rpeval-room"  # marks a clean room: a copy of the project that holds only what one run declares
SIMULATED = "(simulated)"


class ParamsFile(Form):
    """Base of a params file: of one study, or of one synthesis. `study` names the folder of its report."""

    _root: Path = PrivateAttr(default_factory=Path.cwd)

    @field_validator("study", "synthesis", check_fields=False)
    @classmethod
    def _named_like_its_file(cls, name: str, info: ValidationInfo) -> str:
        stem, kind = info.context and info.context.stem, info.field_name
        if stem is not None and name != stem:
            what = f"The file is named {quote(stem)}, but the {kind} {quote(name)}."
            raise refuse(what, f"Write `{kind}: {stem}`, or rename the file.")
        return name

    @property
    def root(self) -> Path:
        """The project's folder, from which every path starts."""
        return self._root

    @property
    def folder(self) -> Path:
        """The folder that the notebooks write to: a draft, unless the project is a clean room."""
        return self._root / "reports" / (f"{self.study}.draft" if self.draft else self.study)

    @property
    def draft(self) -> bool:
        """Whether that folder is a draft: the notebooks are run by hand, or by papermill's own command."""
        return not (self._root / ROOM).exists()

    def resolved(self) -> dict[str, Any]:
        """Give the whole content, defaults included, as plain JSON-able values in a fixed order.

        Reading it again gives equal params; it is what a run passes to its notebooks.
        """
        return self.model_dump(mode="json", exclude_none=True)
