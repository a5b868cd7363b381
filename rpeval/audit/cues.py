"""What changed since a run: params, seed, data, notebooks, package, reference data, environment."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpeval.errors import RpevalError
from rpeval.inputs.synthesis import ABOUT
from rpeval.runs.manifest import is_as_recorded, params_reader
from rpeval.runs.measure import count_cells
from rpeval.runs.notebook import code_cells, first_line, hash_cells, read_notebook
from rpeval.runs.software import describe_code, describe_machine

KINDS = ("params", "seed", "data", "notebooks", "package", "reference", "environment")
GONE = "It is not there any more."


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing that is not as it was when the report was made.

    kind : one of KINDS; name : file, key, or library; what : what changed, as a sentence
    """

    kind: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Present:
    """The project as it is now, beside what a manifest recorded.

    root    : the project's folder; package : that of the installed package
    code    : what `describe_code` says of it now
    machine : what `describe_machine` says now
    key     : the key to the report's keyed hashes, or None
    """

    root: Path
    package: Path
    code: Mapping[str, Any]
    machine: Mapping[str, Any]
    key: bytes | None


def look(root: Path, *, package: Path, key: bytes | None) -> Present:
    """Describe the project, the package and the machine as they are now."""
    return Present(root, package, describe_code(root, package), describe_machine(), key)


def find_cues(record: Mapping[str, Any], present: Present) -> tuple[Cue, ...]:
    """List everything that changed since a run, in the order of KINDS.

    record  : the report's manifest
    present : what `look` gives
    A keyed data file cannot be judged without its key; `unknown_data` lists those.
    """
    code, now = record["code"], present.code
    return (
        *_params(record, present.root),
        *_data(record, present),
        *_notebooks(record, present.root),
        *_files("package", "rpeval/", code["rpeval"]["modules"], now["rpeval"]["modules"]),
        *_files("reference", "data/reference/", code["reference"]["files"], now["reference"]["files"]),
        *_environment(record, present),
    )


def unknown_data(record: Mapping[str, Any], present: Present) -> tuple[str, ...]:
    """List the data files of which nobody can say here whether they are the recorded ones."""
    return tuple(
        item["path"]
        for item in record["inputs"]
        if is_as_recorded(present.root / item["path"], item, present.key) is None
    )


def find_params(root: Path, name: str) -> Path | None:
    """Find a params file in a project: at the recorded place, or below its folder."""
    path = root / name
    return path if path.is_file() else next(iter(sorted(path.parent.rglob(path.name))), None)


def _params(record: Mapping[str, Any], root: Path) -> Iterator[Cue]:
    """Tell which keys of the params changed; the seed is a kind of its own."""
    name = record["inputs"][0]["path"]
    path = find_params(root, name)
    if path is None:
        if not record["params"]["text"].startswith(ABOUT):  # that synthesis was told without a file
            yield Cue("params", name, GONE)
        return
    name = path.relative_to(root).as_posix()
    if path.read_bytes() == record["params"]["text"].encode():
        return
    try:
        now = flatten(json.loads(json.dumps(params_reader(record)(path, root=root).resolved())))
    except RpevalError as error:
        yield Cue("params", name, f"It cannot be read any more: {error.problems[0]}")
        return
    was = flatten(record["params"]["resolved"])
    changed = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    for key in changed:
        told = f"{key}: {show(was.get(key))} is now {show(now.get(key))}."
        yield Cue("seed" if key == "seed" else "params", name, told)
    if not changed:
        yield Cue("params", name, "It is written otherwise and says the same.")


def flatten(values: Any, above: str = "") -> dict[str, Any]:
    """Give nested values by dotted key; lists count from one.

    >>> flatten({"a": {"b": [1, 2]}, "c": None})
    {'a.b.1': 1, 'a.b.2': 2, 'c': None}
    """
    pairs = values.items() if isinstance(values, Mapping) else ()
    if isinstance(values, list):
        pairs = ((str(place), value) for place, value in enumerate(values, start=1))
    found = {k: v for key, value in pairs for k, v in flatten(value, f"{above}{key}.").items()}
    return found or ({above.rstrip("."): values} if above else {})


def show(value: Any) -> str:
    """Write a value as params hold it.

    >>> show(None), show(True), show("x"), show(0.5)
    ('not set', 'true', '"x"', '0.5')
    """
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _data(record: Mapping[str, Any], present: Present) -> Iterator[Cue]:
    """Tell which data files changed, and whether rows or columns came or went."""
    for item in record["inputs"][1:]:
        path = present.root / item["path"]
        if not path.is_file():
            yield Cue("data", item["path"], GONE)
        elif is_as_recorded(path, item, present.key) is False:
            yield Cue("data", item["path"], _shape(item, count_cells(path)))


def _shape(item: Mapping[str, Any], now: tuple[int | None, int | None]) -> str:
    if item["rows"] is None or None in now:
        return "Its content is another."
    changes = [
        f"{item[what]} {what} are now {count}"
        for what, count in zip(("rows", "columns"), now, strict=True)
        if item[what] != count
    ]
    return f"{', '.join(changes)}." if changes else "It has the same rows and columns with other content."


def _notebooks(record: Mapping[str, Any], root: Path) -> Iterator[Cue]:
    """Tell which cells of the notebooks that ran changed, came or went."""
    for told in record["notebooks"]:
        name = f"notebooks/{told['name']}.ipynb"
        if not (root / name).is_file():
            yield Cue("notebooks", name, GONE)
            continue
        was, now = told["cells"], hash_cells(root / name)
        lines = {c.get("id"): first_line(c) for _, c in code_cells(read_notebook(root / name))}
        changed = [id for id in now if was.get(id) != now[id]]
        for id in changed:
            how = "changed" if id in was else "is new"
            yield Cue("notebooks", name, f"Cell {id} {how}: `{lines.get(id, '')}`.")
        gone = [id for id in was if id not in now]
        if gone:
            yield Cue("notebooks", name, f"Removed: cell {', '.join(gone)}.")
        if not changed and not gone and list(was) != list(now):
            yield Cue("notebooks", name, "Its cells stand in another order.")


def _files(kind: str, folder: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Cue]:
    """Tell which files of a folder changed, came or went."""
    for path in sorted({*was, *now}):
        if was.get(path) != now.get(path):
            how = "It changed." if path in was and path in now else GONE if path in was else "It is new."
            yield Cue(kind, f"{folder}{path}", how)


def _environment(record: Mapping[str, Any], present: Present) -> Iterator[Cue]:
    """Tell which versions and which parts of the machine are others."""
    pairs = {
        "Python": (record["code"]["python"], present.code["python"]),
        "requirements.lock": (record["code"]["lock_sha256"], present.code["lock_sha256"]),
    }
    was, now = record["code"]["packages"], present.code["packages"]
    pairs |= {name: (was.get(name), now.get(name)) for name in sorted({*was, *now})}
    before, today = flatten(record["machine"]), flatten(dict(present.machine))
    pairs |= {name: (before.get(name), today.get(name)) for name in {**before, **today}}
    for name, (old, new) in pairs.items():
        if old != new:
            told = (
                "It changed."
                if name == "requirements.lock"
                else f"{old or 'absent'} is now {new or 'absent'}."
            )
            yield Cue("environment", name, told)
