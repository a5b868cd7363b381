"""Which studies need not be run again, because everything that made their report is as it was."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rpeval.errors import RunError
from rpeval.inputs.params import read_params
from rpeval.runs.manifest import describe_notebook, is_as_recorded, list_outputs, open_manifest, read_key
from rpeval.runs.notebook import read_notebook
from rpeval.runs.room import Room, name_inputs
from rpeval.runs.software import describe_code, describe_machine
from rpeval.runs.study import at_place, choose_steps, failed_folder
from rpeval.runs.swap import drop_failure

Record = dict[str, Any]


def why_again(params_path: Path, *, elsewhere: bool = False) -> tuple[Path, str]:
    """Give a study's report folder, and why the study must be run ("" when it need not).

    elsewhere : other machines run it, so that this one's kind is no reason
    A report stands when its manifest and every output are as the run left them, and params, plan, inputs,
    notebooks, package, reference data, libraries and machine are those of the manifest. A commit of the
    project is no reason, nor is another model of processor for which linear algebra runs the same code.
    What a crash left around the report is put in order on the way.
    Raises what reading the params raises, and RunError when another run holds the place.
    """
    params = read_params(params_path)
    target = params.root / "reports" / params.study
    with at_place(target):
        why = _find_change(params, params_path, target, elsewhere)
        if not why:
            drop_failure(failed_folder(target))
    return target, why


def _find_change(params: Any, params_path: Path, target: Path, elsewhere: bool) -> str:
    if not target.exists():
        return "no report"
    try:
        record = open_manifest(target)
    except RunError:
        return "another version of rpeval made the report"
    looks: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: _changed_outputs(target, record),
        lambda: _changed_decisions(params, target),
        lambda: _changed_inputs(params, params_path, record, read_key(target)),
        lambda: _changed_notebooks(params, target, record),
        lambda: _changed_code(params, record, elsewhere),
    )
    return next((why for look in looks for why in look()), "")


def _changed_outputs(target: Path, record: Record) -> Iterator[str]:
    kept = {o["path"]: o for o in record["outputs"]}
    now = {o["path"]: o for o in list_outputs(target, simulated=record["simulated"])}
    for path in sorted({*kept, *now}):
        if kept.get(path) != now.get(path):
            yield f"the report's {path} is not as the run left it"


def _changed_inputs(params: Any, params_path: Path, record: Record, key: bytes | None) -> Iterator[str]:
    files = name_inputs(params, params_path)
    kept = {i["key"]: i for i in record["inputs"]}
    for name in sorted({*files, *kept}, key=lambda name: (name != "params", name)):
        if name not in kept or name not in files:
            yield f"{_called(name)} {'removed' if name in kept else 'added'}"
        elif (same := is_as_recorded(files[name], kept[name], key)) is not True:
            yield f"{_called(name)} {'changed' if same is False else 'cannot be compared: its key is gone'}"


def _changed_decisions(params: Any, target: Path) -> Iterator[str]:
    """The decision log is no input: the run copies it into the report."""
    log, copy = params.root / "params" / f"{params.study}.decisions.json", target / "decisions.json"
    if log.is_file() != copy.is_file() or (log.is_file() and log.read_bytes() != copy.read_bytes()):
        yield "the log of decisions changed"


def _called(name: str) -> str:
    plain = {"params": "params", "lock": "the locked plan", "lock.key": "the key of the locked plan"}
    return plain.get(name, f"data of {name}")


def _changed_notebooks(params: Any, target: Path, record: Record) -> Iterator[str]:
    """Compare code by the manifest, and text with the executed copies, which show it."""
    folder = params.root / "notebooks"
    chosen = [step.name for step in choose_steps(Room(params.root, params.study, target, (), {}), params)]
    kept = {n["name"]: n for n in record["notebooks"]}
    if list(kept) != chosen:
        yield "other notebooks run"
    for name in chosen:
        path = folder / f"{name}.ipynb"
        shown = _texts(target / "notebooks" / path.name)
        if describe_notebook(path) != kept[name] or _texts(path) != shown:
            yield f"notebook {name} changed"


def _texts(path: Path) -> list[str]:
    cells = read_notebook(path)["cells"]
    return [c["source"] for c in cells if "injected-parameters" not in c["metadata"].get("tags", [])]


def _changed_code(params: Any, record: Record, elsewhere: bool) -> Iterator[str]:
    kept, now = record["code"], describe_code(params.root)
    package = now["rpeval"]["sha256"]
    if package != kept["rpeval"]["sha256"] or kept.get("rendered_sha256", package) != package:
        yield "the package changed"
    if kept["reference"]["sha256"] != now["reference"]["sha256"]:
        yield "the reference data changed"
    if any(kept[name] != now[name] for name in ("lock_sha256", "python", "packages")):
        yield "Python or a library changed"
    if not elsewhere and {**record["machine"], "cpu": None} != {**describe_machine(), "cpu": None}:
        yield "another kind of machine made the report"
