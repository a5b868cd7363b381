"""Read a params file: one study, checked whole, every problem told at once with its fix."""

import os
from pathlib import Path
from typing import Any

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.agreement import Written, check_agreement
from rpeval.inputs.forms import fill, place
from rpeval.inputs.project import find_root, show_path
from rpeval.inputs.schema import Params
from rpeval.inputs.words import nearest, quote
from rpeval.inputs.yaml_text import read_yaml

__all__ = ["Params", "find_root", "read_params"]

SUFFIXES = (".yml", ".yaml")


def read_params(source: str | Path | dict[str, Any], root: str | Path | None = None) -> Params:
    """Read the params of a study and check them against the project.

    Use first in every notebook: opened by hand, run by papermill (-p with a path, -f with the file) or by
    `rpeval run`, the same params give the same study.

    source : a params file, relative to the working directory or to the project; or its content, with or
             without the outer `params`. In content, ids must be text already.
    root   : the project's folder; found by walking up from the file, then from the working directory
    Returns the frozen Params; paths in it are below `root`.
    Refuses (ParamsError, all problems at once, each "file: key", what and fix; lists count from one):
    unknown and missing keys, values of the wrong kind, parts that contradict each other, files, layouts,
    instruments and measures that are not there.

    >>> read_params("lakeshore")
    Traceback (most recent call last):
        ...
    rpeval.errors.ParamsError: 1 problem in the params:
     1. lakeshore: This is not the name of a params file.
        Write its path, like params/lakeshore.yml.
    """
    root = Path(os.path.abspath(root)) if root is not None else None
    if isinstance(source, str | Path):
        path = _find_file(str(source), root)
        root = root or _root_of(path)
        return _check(read_yaml(path, name=show_path(path, root)), show_path(path, root), root, path.stem)
    if isinstance(source, dict):
        content = source if "params" in source else {"params": source}
        return _check(content, "params", root or find_root(), None)
    raise ParamsError(
        Problem(
            "params",
            f"{quote(source)} is neither a params file nor its content.",
            "Write the path of a params file, like params/lakeshore.yml.",
        )
    )


def _check(whole: dict[str, Any], name: str, root: Path, stem: str | None) -> Params:
    content, problems = _take_inner(whole, name)
    params = None
    if content is not None:
        params, wrong = fill(Params, content, name=name)
        told = {problem.where for problem in wrong}
        agreement = check_agreement(Written(content, name, root, stem))
        problems += wrong + [problem for problem in agreement if problem.where not in told]
    if problems or params is None:
        raise ParamsError(problems)
    params._root = root
    return params


def _take_inner(whole: dict[str, Any], name: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Take what stands under the one top-level key `params`, and tell what stands beside it."""
    if "params" not in whole:
        meant = next(
            (key for key in whole if isinstance(whole[key], dict) and nearest(str(key), ["params"])), None
        )
        fix = "Write `params:` on the first line, and indent everything else below it."
        if meant is not None:
            fix = f"Write `params:` instead of `{meant}:`."
        return None, [Problem(name, "The top-level key `params:` is missing.", fix)]
    problems = [
        Problem(
            place(name, [str(key)]), "It stands beside `params:`, not below it.", "Indent it, or delete it."
        )
        for key in whole
        if key != "params"
    ]
    content = whole["params"]
    if isinstance(content, dict):
        return content, problems
    what = "Nothing stands below `params:`." if content is None else "No keys stand below `params:`."
    return None, [
        *problems,
        Problem(name, what, "Write the study's keys below it, each indented by two spaces."),
    ]


def _find_file(source: str, root: Path | None) -> Path:
    """Find a params file: from the root where one is given, else from here or from the project here."""
    if not source.endswith(SUFFIXES):
        example = f"params/{Path(source).stem or 'lakeshore'}.yml"
        what = "This is not the name of a params file."
        raise ParamsError(Problem(quote(source).strip('"'), what, f"Write its path, like {example}."))
    places = [root, Path.cwd()] if root else [Path.cwd(), _project_here()]
    candidates = [Path(os.path.abspath(folder / source)) for folder in places if folder]
    for path in candidates:
        if os.path.isfile(path):
            return path
    folder = next((path.parent for path in candidates if path.parent.is_dir()), None)
    names = sorted(p.name for suffix in SUFFIXES for p in folder.glob(f"*{suffix}")) if folder else []
    meant = nearest(Path(source).name, names)
    fix = f"Write {quote((Path(source).parent / meant).as_posix())} instead." if meant else "Check its path."
    raise ParamsError(Problem(quote(source).strip('"'), "There is no such file.", fix))


def _project_here() -> Path | None:
    try:
        return find_root()
    except ParamsError:
        return None


def _root_of(path: Path) -> Path:
    try:
        return find_root(path.parent)
    except ParamsError:
        return find_root()
