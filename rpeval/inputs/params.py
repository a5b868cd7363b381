"""Read a params file: one study, checked whole, every problem told at once with its fix."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from rpeval.errors import ParamsError, Problem
from rpeval.inputs.claims import claimed
from rpeval.inputs.measures import read_measures
from rpeval.inputs.schema.forms import fill, place
from rpeval.inputs.schema.project import Project, find_root, show_path
from rpeval.inputs.schema.study import Params
from rpeval.inputs.schema.yaml_text import read_yaml
from rpeval.inputs.words import nearest, quote

__all__ = ["Params", "find_root", "read_params"]

SUFFIXES = (".yml", ".yaml")
EXAMPLE = "like params/lakeshore.yml."


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
        path = find_file(str(source), root)
        root = root or _try_root(path.parent) or find_root()
        return _check(read_yaml(path, name=show_path(path, root)), show_path(path, root), root, path.stem)
    if isinstance(source, dict):
        content = source if "params" in source else {"params": source}
        return _check(content, "params", root or find_root(), None)
    what = f"{quote(source)} is neither a params file nor its content."
    raise ParamsError(Problem("params", what, f"Write the path of a params file, {EXAMPLE}"))


def _check(whole: dict[str, Any], name: str, root: Path, stem: str | None) -> Params:
    content, problems = take_inner(whole, name)
    params, measures = None, None
    if content is not None:
        try:
            measures = tuple(read_measures(root))
        except ParamsError as error:
            problems += error.problems
        simulated = {"true": True, "false": False}.get(str(content.get("simulated")).strip().lower())
        context = Project(root, stem, simulated, measures, partial(claimed, root))
        params, wrong = fill(Params, content, name=name, context=context)
        problems += wrong
    if problems or params is None:
        raise ParamsError(problems)
    params._root = root
    return params


def take_inner(whole: dict[str, Any], name: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Take what stands under the one top-level key `params`, and tell what stands beside it."""
    if "params" not in whole:
        near = [key for key in whole if isinstance(whole[key], dict) and nearest(str(key), ["params"])]
        fix = "Write `params:` on the first line, and indent everything else below it."
        if near:
            fix = f"Write `params:` instead of `{near[0]}:`."
        return None, [Problem(name, "The top-level key `params:` is missing.", fix)]
    what, fix = "It stands beside `params:`, not below it.", "Indent it, or delete it."
    problems = [Problem(place(name, [str(key)]), what, fix) for key in whole if key != "params"]
    content = whole["params"]
    if isinstance(content, dict):
        return content, problems
    what = "Nothing stands below `params:`." if content is None else "No keys stand below `params:`."
    fix = "Write the study's keys below it, each indented by two spaces."
    return None, [*problems, Problem(name, what, fix)]


def find_file(source: str, root: Path | None) -> Path:
    """Find a params file: from the root where one is given, else from here or from the project here."""
    name = quote(source).strip('"')
    if not source.endswith(SUFFIXES):
        fix = f"Write its path, like params/{Path(source).stem or 'lakeshore'}.yml."
        raise ParamsError(Problem(name, "This is not the name of a params file.", fix))
    places = [root, Path.cwd()] if root else [Path.cwd(), _try_root(Path.cwd())]
    candidates = [Path(os.path.abspath(folder / source)) for folder in places if folder]
    for path in candidates:
        if os.path.isfile(path):
            return path
    folder = next((path.parent for path in candidates if path.parent.is_dir()), None)
    names = sorted(p.name for suffix in SUFFIXES for p in folder.glob(f"*{suffix}")) if folder else []
    meant = nearest(Path(source).name, names)
    fix = f"Write {quote((Path(source).parent / meant).as_posix())} instead." if meant else "Check its path."
    raise ParamsError(Problem(name, "There is no such file.", fix))


def _try_root(start: Path) -> Path | None:
    try:
        return find_root(start)
    except ParamsError:
        return None
