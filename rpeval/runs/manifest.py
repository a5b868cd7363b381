"""What a report was made from: every input, notebook, line of code and version, and every file that came out.

Two runs on one machine with the same inputs and code give the same manifest but for the part named "when".
"""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import rpeval
from rpeval.errors import Problem, RunError
from rpeval.findings.store import dump, write_whole
from rpeval.runs.kernel import THREADS
from rpeval.runs.measure import count_cells
from rpeval.runs.notebook import hash_code
from rpeval.runs.room import Room, hash_file

NAME = "manifest.json"
SCHEMA = "rpeval/manifest/1"
PACKAGE = Path(rpeval.__file__).parent


def write_manifest(
    folder: Path, *, room: Room, params: Any, notebooks: tuple[str, ...], when: Mapping[str, str]
) -> None:
    """Write the manifest of a finished report: last, and whole or not at all.

    folder    : the report, complete but for the manifest
    room      : the clean room it was made in
    params    : the study's params
    notebooks : names of the notebooks that ran, in order
    when      : start and end, the only part that differs between equal runs
    """
    content = {
        "schema": SCHEMA,
        "study": params.study,
        "simulated": params.simulated,
        "seed": params.seed,
        "params": {"text": room.inputs[0].place.read_text(encoding="utf-8"), "resolved": params.resolved()},
        "inputs": [_input(item) for item in room.inputs],
        "notebooks": [_notebook(room.root / "notebooks" / f"{name}.ipynb") for name in notebooks],
        "code": describe_code(params.root),
        "machine": describe_machine(),
        "outputs": list_outputs(folder),
        "when": dict(when),
    }
    write_whole(folder / NAME, dump(content))


def _input(item: Any) -> dict[str, Any]:
    rows, columns = count_cells(item.place)
    return {"key": item.key, "path": item.path, "sha256": item.sha256, "bytes": item.bytes_n, "rows": rows,
            "columns": columns}  # fmt: skip


def _notebook(path: Path) -> dict[str, str]:
    return {"name": path.stem, "code_sha256": hash_code(path)}


def describe_code(root: Path) -> dict[str, Any]:
    """Say which code made the report: the package, its commit, the lock file and the libraries."""
    lock = root / "requirements.lock"
    return {
        "rpeval": {"version": rpeval.__version__, "sha256": hash_tree(PACKAGE)},
        "reference_sha256": hash_tree(root / "data" / "reference"),
        "git": describe_commit(root),
        "lock_sha256": hash_file(lock) if lock.is_file() else None,
        "python": platform.python_version(),
        "packages": list_packages(),
    }


def hash_tree(folder: Path) -> str:
    """Hash every file below a folder with its path; compiled and hidden files left out."""
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("."):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def describe_commit(root: Path) -> dict[str, Any] | None:
    """Name the commit of the project, and whether its files differ from it; None where git does not know."""
    commit, status = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    if commit is None or status is None:
        return None
    return {"commit": commit.strip(), "clean": not status.strip()}


def _git(root: Path, *words: str) -> str | None:
    if not (root / ".git").exists():
        return None
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, env=quiet, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def list_packages() -> dict[str, str]:
    """List the direct dependencies with their installed versions, by name."""
    try:
        lines = importlib.metadata.requires("rpeval") or []
    except importlib.metadata.PackageNotFoundError:
        lines = []
    names = {re.match(r"[\w.-]+", line).group() for line in lines if "extra ==" not in line}  # type: ignore[union-attr]
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def describe_machine() -> dict[str, Any]:
    """Describe what can move the last digits: platform, linear algebra, threads."""
    import numpy

    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "implementation": sys.implementation.name,
        "blas": {"name": blas.get("name"), "version": blas.get("version")},
        "threads": dict.fromkeys(THREADS, 1),
    }


def list_outputs(folder: Path) -> list[dict[str, Any]]:
    """List every file of a report but the manifest itself, by path."""
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [
        {"path": name, "sha256": hash_file(folder / name), "bytes": (folder / name).stat().st_size}
        for name in files if name != NAME
    ]  # fmt: skip


def open_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a report; refuses (RunError) a folder that is no finished report."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if content["schema"] == SCHEMA:
            return content
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise RunError(Problem(str(folder), "This is no finished report.", "Run the study first: rpeval run."))


def is_finished(folder: Path) -> bool:
    """Say whether a folder is a finished report."""
    try:
        open_manifest(folder)
    except RunError:
        return False
    return True


def check_outputs(folder: Path, content: Mapping[str, Any]) -> None:
    """Refuse (RunError) a report whose findings or tables were changed after the run."""
    kept = [o for o in content["outputs"] if o["path"].startswith(("findings", "tables/", "notebooks/"))]
    changed = [
        Problem(f"{folder.name}/{o['path']}", "This file is not as the run left it.", "Run the study again.")
        for o in kept
        if not (folder / o["path"]).is_file() or hash_file(folder / o["path"]) != o["sha256"]
    ]
    if changed:
        raise RunError(changed)


def renew_manifest(folder: Path, content: Mapping[str, Any], rendered: str) -> None:
    """Write a manifest again after its report was rendered again: outputs, and when and by which code."""
    code = {**content["code"], "rendered_sha256": hash_tree(PACKAGE)}
    when = {**content["when"], "rendered": rendered}
    write_whole(folder / NAME, dump({**content, "code": code, "outputs": list_outputs(folder), "when": when}))
