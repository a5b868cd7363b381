"""What a run recorded, brought back: from the commit it names, or from its executed notebooks."""

import ast
import csv
import functools
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.audit.cues import Cue, Present
from rpeval.runs.manifest import is_as_recorded
from rpeval.runs.notebook import hash_cells, read_notebook
from rpeval.runs.software import ask_git, hash_files, hash_tree

HELD = ("rpeval", "notebooks", "data/reference")
SHOWN = 5  # rows, columns or functions named in one sentence


@dataclass(frozen=True)
class Past:
    """What can be brought back of a run; anything whose hash is not the recorded one is not.

    record : the report's manifest
    folder : the report
    root   : the project, whose git may know the recorded commit
    place  : a folder for what is brought back
    key    : the key to keyed hashes, or None
    """

    record: Mapping[str, Any]
    folder: Path
    root: Path
    place: Path
    key: bytes | None

    @functools.cached_property
    def commit(self) -> str | None:
        """The recorded commit, where git has it."""
        git = self.record["code"]["git"]
        known = git and ask_git(self.root, "cat-file", "-e", f"{git['commit']}^{{commit}}") is not None
        return git["commit"] if known else None

    @functools.cached_property
    def tree(self) -> Path | None:
        """The recorded commit's package, reference data and notebooks, unpacked; None where git lacks it."""
        if self.commit is None:
            return None
        listed = ask_git(self.root, "ls-tree", "--name-only", self.commit, *HELD) or b""
        made = ask_git(self.root, "archive", "--format=tar", self.commit, *listed.decode().split())
        if made is None:
            return None
        with tarfile.open(fileobj=io.BytesIO(made)) as packed:
            packed.extractall(self.place / "commit", filter="data")
        return self.place / "commit"

    def package(self) -> Path | None:
        """Give the recorded package's folder, or None."""
        return self._checked("rpeval", self.record["code"]["rpeval"]["sha256"])

    def reference(self) -> Path | None:
        """Give the recorded reference data's folder, or None."""
        return self._checked("data/reference", self.record["code"]["reference"]["sha256"])

    def _checked(self, name: str, mark: str) -> Path | None:
        if self.tree is None or not (self.tree / name).is_dir():
            return None
        return self.tree / name if hash_tree(hash_files(self.tree / name)) == mark else None

    def notebooks(self, *, executed: bool) -> Path | None:
        """Give a folder of the recorded notebooks: from the commit or, if asked, from their executed copies.

        An executed copy holds the code that ran beside a cell of injected params, which is taken out.
        """
        if self.tree is not None and self._are_recorded(self.tree / "notebooks"):
            return self.tree / "notebooks"
        if not executed or not (self.folder / "notebooks").is_dir():
            return None
        target = self.place / "executed"
        target.mkdir(exist_ok=True)
        for told in self.record["notebooks"]:
            source = self.folder / "notebooks" / f"{told['name']}.ipynb"
            if source.is_file():
                (target / source.name).write_text(json.dumps(strip(read_notebook(source))), encoding="utf-8")
        return target if self._are_recorded(target) else None

    def _are_recorded(self, folder: Path) -> bool:
        return all(
            (path := folder / f"{told['name']}.ipynb").is_file() and hash_cells(path) == told["cells"]
            for told in self.record["notebooks"]
        )

    def data(self, path: str) -> Path | None:
        """Give the recorded form of a data file, where the commit holds it; else None."""
        item = next(item for item in self.record["inputs"] if item["path"] == path)
        body = ask_git(self.root, "show", f"{self.commit}:{path}") if self.commit else None
        if body is None:
            return None
        target = self.place / "data" / path.replace("../", "beside/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        return target if is_as_recorded(target, item, self.key) else None

    def detail(self, cue: Cue, present: Present) -> Cue:
        """Say more exactly what changed, where the recorded form is at hand: rows and columns, functions."""
        now = (present.package.parent if cue.kind == "package" else self.root) / cue.name
        if cue.kind == "data" and now.is_file() and (was := self.data(cue.name)) is not None:
            told = changed_cells(was.read_bytes(), now.read_bytes())
        elif cue.kind == "package" and now.suffix == ".py" and now.is_file() and self.package() is not None:
            was = self.package().parent / cue.name  # type: ignore[union-attr]
            told = changed_functions(was.read_text(), now.read_text()) if was.is_file() else ""
        else:
            return cue
        return Cue(cue.kind, cue.name, f"{cue.what} {told}".strip())


def strip(executed: Mapping[str, Any]) -> dict[str, Any]:
    """Take injected params and outputs out of an executed notebook."""
    kept = [c for c in executed["cells"] if "injected-parameters" not in c["metadata"].get("tags", [])]
    for cell in kept:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return {**executed, "cells": kept}


def changed_cells(was: bytes, now: bytes) -> str:
    """Say where two tables of text differ: order, rows, columns; nothing of what they hold.

    >>> changed_cells(b"a,b\\n1,2\\n3,4\\n", b"a,b\\n1,2\\n3,5\\n")
    'Row 2 changed, in b.'
    >>> changed_cells(b"a\\n1\\n2\\n", b"a\\n2\\n1\\n")
    'The same rows stand in another order.'
    """
    try:
        old, new = (list(csv.reader(io.StringIO(body.decode("utf-8-sig")))) for body in (was, now))
    except (UnicodeDecodeError, csv.Error):
        return ""
    if not old or not new:
        return ""
    if old[0] != new[0]:
        return f"Columns changed: {_some(sorted({*old[0]} ^ {*new[0]}) or ['their order'])}."
    if sorted(old) == sorted(new):
        return "The same rows stand in another order." if old != new else ""
    if len(old) != len(new):
        kept = {tuple(row) for row in old}
        return f"{sum(tuple(row) not in kept for row in new)} rows are new or changed."
    rows = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    names = {old[0][c] for i in rows for c, (a, b) in enumerate(zip(old[i], new[i], strict=False)) if a != b}
    return f"Row{'s' * (len(rows) > 1)} {_some([str(i) for i in rows])} changed, in {_some(sorted(names))}."


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def changed_functions(was: str, now: str) -> str:
    """Name the functions and classes whose code differs between two states of a module.

    >>> changed_functions("def f(): return 1\\ndef g(): return 1", "def f(): return 2\\ndef g():  return 1")
    'Changed: f.'
    """
    try:
        old, new = _definitions(was), _definitions(now)
    except SyntaxError:
        return "It is no valid Python."
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return f"Changed: {_some(names)}." if names else "Only comments or layout changed."


def _definitions(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        name = getattr(node, "name", "code outside of functions")
        found[name] = found.get(name, "") + ast.dump(node)
    return found
