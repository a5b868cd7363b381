"""One audit at work: the record, the project as it is now, and what a re-run is made from."""

import functools
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rpeval.audit.cues import GONE, Cue, Present
from rpeval.audit.recorded import Past
from rpeval.audit.rerun import Failed, Say, Sources, make_again
from rpeval.findings import Collected, open_findings
from rpeval.findings.compare import Comparison, compare

CODE = ("notebooks", "package", "reference")  # what the recorded commit can bring back


@dataclass(frozen=True, slots=True)
class Attempt:
    """One re-run.

    back    : what was put back beyond the recorded params and commit, as candidates
    made    : what it found, or how it failed
    seconds : how long it took
    outputs : how many of the report's files came out equal to the byte, and of how many
    """

    back: tuple[str, ...]
    made: Collected | Failed
    seconds: float
    outputs: tuple[int, int]


@dataclass(frozen=True)
class Case:
    """What an audit knows.

    record : the report's manifest; folder : the report; found : its findings
    present, past, cues : the project now, what can be brought back, and what changed
    place  : a folder to work in
    """

    record: Mapping[str, Any]
    folder: Path
    present: Present
    past: Past
    cues: tuple[Cue, ...]
    place: Path
    say: Say

    @functools.cached_property
    def found(self) -> Collected:
        """The findings of the report."""
        return open_findings(self.folder)

    def changed(self, kind: str) -> tuple[Cue, ...]:
        """Give the cues of one kind."""
        return tuple(cue for cue in self.cues if cue.kind == kind)

    @functools.cached_property
    def from_commit(self) -> tuple[str, ...]:
        """Kinds of changed code that the first re-run takes from the recorded commit."""
        ways = {"notebooks": functools.partial(self.past.notebooks, executed=False),
                "package": self.past.package, "reference": self.past.reference}  # fmt: skip
        return tuple(kind for kind in CODE if self.changed(kind) and ways[kind]() is not None)

    @functools.cached_property
    def candidates(self) -> tuple[str, ...]:
        """What is not as recorded in the first re-run: kinds of code, data files, the environment."""
        kinds = [k for k in CODE if self.changed(k) and k not in self.from_commit]
        files = dict.fromkeys(self._whole(cue.name) for cue in self.changed("data"))
        return (*files, *kinds, *(["environment"] if self.changed("environment") else []))

    def can_go_back(self, candidate: str) -> bool:
        """Say whether a candidate can be put back as it was."""
        if candidate == "notebooks":
            return self.past.notebooks(executed=True) is not None
        paths = [item["path"] for item in self.record["inputs"] if self._whole(item["path"]) == candidate]
        return bool(paths) and all(self.past.data(path) is not None for path in paths)

    def _whole(self, path: str) -> str:
        """Give what a data file changes with: the report that it is of, in a synthesis; else itself."""
        folders = self.record["params"]["resolved"]["sources"].get("reports") or ()
        return next((folder for folder in folders if path.startswith(f"{folder}/")), path)

    @property
    def missing(self) -> tuple[str, ...]:
        """Data files that are not there."""
        return tuple(cue.name for cue in self.changed("data") if cue.what == GONE)

    def sources(self, back: tuple[str, ...] = ()) -> Sources:
        """Say what a re-run is made from; `back` names the candidates that are put back as they were."""
        root, past = self.present.root, self.past
        older = past.notebooks(executed="notebooks" in back) if self.changed("notebooks") else None
        use = self.from_commit
        return Sources(
            study=self.record["study"], place=self.record["inputs"][0]["path"],
            params=self.record["params"]["text"],
            notebooks=(root / "notebooks", *([older] if older else [])),
            reference=_given(past.reference() if "reference" in use else None, root / "data/reference"),
            package=_given(past.package() if "package" in use else None, self.present.package),
            inputs={
                item["path"]: _given(past.data(item["path"]) if self._whole(item["path"]) in back else None,
                                     root / item["path"])
                for item in self.record["inputs"][1:]
            },
        )  # fmt: skip

    def attempt(self, back: tuple[str, ...] = ()) -> Attempt:
        """Make the report again with some candidates put back."""
        begun, place = time.monotonic(), Path(tempfile.mkdtemp(dir=self.place))
        made = make_again(self.sources(back), place, say=self.say)
        seconds = time.monotonic() - begun
        if isinstance(made, Failed):
            return Attempt(back, made, seconds, (0, 0))
        found = replace(open_findings(made), folder=self.folder)
        attempt = Attempt(back, found, seconds, self._equal_outputs(made))
        shutil.rmtree(place, ignore_errors=True)
        return attempt

    def _equal_outputs(self, made: Path) -> tuple[int, int]:
        from rpeval.runs.manifest import is_as_recorded

        plain = [output for output in self.record["outputs"] if not output["keyed"]]
        equal = sum(bool(is_as_recorded(made / output["path"], output, None)) for output in plain)
        return equal, len(plain)

    def compare(self, attempt: Attempt) -> Comparison | None:
        """Compare a re-run with the report; None where the run failed."""
        return None if isinstance(attempt.made, Failed) else compare(self.found, attempt.made)


def _given(first: Path | None, otherwise: Path) -> Path:
    return first if first is not None else otherwise
