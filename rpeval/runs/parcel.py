"""A study in a parcel: its declared files go to another machine, its report comes back, both by hash."""

import dataclasses
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from rpeval.errors import Problem, RunError
from rpeval.findings.store import dump, write_whole
from rpeval.inputs.plan import fingerprint, key_path, lock_files
from rpeval.runs.batch import Batch
from rpeval.runs.manifest import NAME, choose_key, is_as_recorded, list_outputs, open_manifest, read_key
from rpeval.runs.progress import Lines
from rpeval.runs.room import hash_or_none, list_visible, name_inputs, tell_change
from rpeval.runs.software import PACKAGE, describe_commit, describe_python, hash_files, hash_tree
from rpeval.runs.study import failed_folder, replacing
from rpeval.runs.swap import drop_failure
from rpeval.runs.task import MADE, Limits, Outcome, failed

_crew = threading.local()

Files = dict[str, bytes]
SHARED = ("notebooks", "data/reference")
LARGE = 64 * 2**20  # bytes; a scheduler holds what it passes on in memory, for each study that is sent
SCRATCH = "rpeval-study-"
DAMAGED = "What arrived is not what was sent."


@dataclasses.dataclass(frozen=True, slots=True)
class Large:
    """A file too large to be sent, which a worker has to see where it lies here.

    place   : its whole path
    sha256  : hash of its content
    bytes_n : its size
    """

    place: str
    sha256: str
    bytes_n: int


@dataclasses.dataclass(frozen=True, slots=True)
class Parcel:
    """Everything a study needs to be run elsewhere.

    study    : its name
    files    : every declared file by its path from the project's folder; with them notebooks, reference data
    seal     : what `seal` gives for the files
    software : what must be the same there
    """

    study: str
    files: dict[str, bytes | Large]
    seal: str
    software: dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Returned:
    """What comes back.

    outcome : what became of the study
    files   : its report's files by their path in reports/, or those of a failed run
    seal    : what `seal` gave for the files where they were made
    """

    outcome: Outcome
    files: Files
    seal: str


def seal(files: Mapping[str, bytes | Large]) -> str:
    """Hash files with their paths as one.

    >>> seal({"a": b"1"}) == seal({"a": b"2"}), seal({"a": b"1"}) == seal({"b": b"1"})
    (False, False)
    """
    return hash_tree(
        {path: sha256(f).hexdigest() if isinstance(f, bytes) else f.sha256 for path, f in files.items()}
    )


def describe_software() -> dict[str, Any]:
    """Say which package and which libraries run here; where they differ, numbers could."""
    return {"rpeval": hash_tree(hash_files(PACKAGE)), **describe_python()}


def pack_study(params: Any, params_path: Path) -> Parcel:
    """Gather what a run of this study reads, and nothing else.

    params      : the study's params; params_path : their file
    A declared file that is not there is left out: the run says so, as it would here. The key of a real
    study's marks goes along, so that they can be compared with those of an earlier report.
    """
    paths = [path for name in SHARED for path in list_visible(params.root / name)]
    paths += params.source_paths().values()
    paths += [params.root / "params" / f"{params.study}.decisions.json", params.root / "requirements.lock"]
    places = {Path(os.path.relpath(path, params.root)).as_posix(): path for path in paths if path.is_file()}
    places[f"params/{params.study}.yml"] = params_path
    places |= {f"params/{path.name}": path for path in lock_files(params).values()}
    files = {path: _take(place) for path, place in sorted(places.items())}
    if not params.simulated:
        files[f"params/{key_path(params).name}"] = choose_key(params)
    return Parcel(params.study, files, seal(files), describe_software())


def _take(path: Path) -> bytes | Large:
    size = path.stat().st_size
    return path.read_bytes() if size <= LARGE else Large(os.path.abspath(path), fingerprint(path), size)


def run_parcel(
    parcel: Parcel, limits: Limits, debug: bool, *, wanted: Callable[[], bool], scratch: str | None = None
) -> Returned:
    """Run the study of a parcel on this machine, in a folder that is gone afterwards.

    limits  : what the study may take; debug : tell the traceback of a fault of rpeval
    wanted  : says whether anybody still waits for it; when not, everything is ended and KeyboardInterrupt
              raised
    scratch : folder for the files of the run; the system's own where None
    The processes that run studies stay, for the next parcel: as on one machine, libraries are imported once.
    """
    if problems := _compare(parcel):
        return Returned(failed(parcel.study, RunError(problems)), {}, seal({}))
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=scratch, ignore_cleanup_errors=True) as folder:
        root = unpack(parcel.files, Path(folder))
        outcome = _run_here(root / "params" / f"{parcel.study}.yml", limits, debug, wanted)
        names = (parcel.study, failed_folder(Path(parcel.study)).name)
        made = [path for name in names for path in sorted((root / "reports" / name).rglob("*"))]
        files = {p.relative_to(root / "reports").as_posix(): p.read_bytes() for p in made if p.is_file()}
    return Returned(outcome, files, seal(files))


def _compare(parcel: Parcel) -> list[Problem]:
    """Say what keeps a study from being run on this machine."""
    if seal(parcel.files) != parcel.seal:
        return [Problem(parcel.study, DAMAGED, "Run it again.")]
    here = describe_software()
    if differs := [name for name in here if here[name] != parcel.software.get(name)]:
        what = f"A worker has another {' and another '.join(map(_called, differs))}."
        return [Problem(parcel.study, what, "Install the same rpeval and requirements.lock there.")]
    large = {path: file for path, file in parcel.files.items() if isinstance(file, Large)}
    return [problem for path, file in large.items() if (problem := _look(path, file))]


def _look(path: str, large: Large) -> Problem | None:
    """Say why a file that was not sent cannot be used on this machine."""
    there = hash_or_none(Path(large.place))
    if there == large.sha256:
        return None
    sees = "does not see it" if there is None else "sees another one"
    size = f"{large.bytes_n / 1e6:,.0f} MB"
    what = f"With {size} it is too large to be sent, and a worker {sees} at {large.place}."
    fix = "Put it on a disk that all machines see under the same path, or run this study without --scheduler."
    return Problem(path, what, fix)


def _called(name: str) -> str:
    return {"rpeval": "version of rpeval", "python": "Python", "packages": "version of a library"}[name]


def unpack(files: Mapping[str, bytes | Large], folder: Path) -> Path:
    """Write a parcel's files below a folder; give the project's folder, deep enough for paths that leave it.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = unpack({"../beside.csv": b"a", "params/x.yml": b"b"}, Path(folder))
    ...     (root / "../beside.csv").read_bytes(), root.is_relative_to(folder)
    (b'a', True)
    """
    depth = max([path.split("/").count("..") for path in files], default=0)
    root = folder.joinpath(*["up"] * depth, "project")
    _lay(files, root, within=folder)
    return root


def _lay(files: Mapping[str, bytes | Large], start: Path, *, within: Path) -> None:
    """Write files by their paths from a folder; refuses (RunError) one that would not lie within another.

    To a file that was not sent goes a link.
    """
    for path, body in files.items():
        place = Path(os.path.normpath(start / path))
        if not place.is_relative_to(within):
            raise RunError(Problem(path, "This path leaves the folder of the run.", "Run it again."))
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body, Large):
            place.symlink_to(body.place)
        else:
            place.write_bytes(body)


def _run_here(path: Path, limits: Limits, debug: bool, wanted: Callable[[], bool]) -> Outcome:
    """Run a study with the processes of this thread, which are started when there are none that fit."""
    kept: Batch | None = getattr(_crew, "kept", None)
    manner = {"resume": False, "debug": debug}
    if kept is None or (kept.limits, kept.manner) != (limits, manner):
        if kept:
            kept.close()
        kept = _crew.kept = Batch(1, limits, manner, lasting=True)
    try:
        return kept.run([path], Wanted(wanted))[0]
    except BaseException:
        kept.close()
        _crew.kept = None
        raise


class Wanted(Lines):
    """Hears how a study goes on elsewhere: tells nobody, and ends it when nobody waits for it."""

    def __init__(self, wanted: Callable[[], bool]):
        super().__init__(_nobody, _nobody, number=2, near=Path)
        self.wanted = wanted

    def tick(self) -> None:
        """Look whether somebody waits."""
        if not self.wanted():
            raise KeyboardInterrupt


def _nobody(text: str) -> None:
    pass


def take_in(returned: Returned, params: Any, params_path: Path) -> Outcome:
    """Put what came back in its place here: the report, or what a failed run left to look at.

    Call it while holding the place. Raises RunError when a file is not as its run left it, when an input was
    changed meanwhile, and what writing raises; an earlier report then stays as it was.
    """
    target = params.root / "reports" / params.study
    if seal(returned.files) != returned.seal:
        raise RunError(Problem(f"reports/{params.study}", DAMAGED, "Run it again with --resume."))
    outcome = dataclasses.replace(returned.outcome, params=str(params_path))
    if outcome.state != MADE:
        _write(returned.files, failed_folder(target))
        return outcome
    with replacing(target) as folder:
        _write(returned.files, folder)
        _check(folder, params, params_path)
    drop_failure(failed_folder(target))
    return dataclasses.replace(outcome, folder=str(target))


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of one folder in reports/, which replaces what stood there."""
    own = {path.partition("/")[2]: body for path, body in files.items() if path.startswith(f"{folder.name}/")}
    if own:
        shutil.rmtree(folder, ignore_errors=True)
    _lay(own, folder, within=folder)


def _check(folder: Path, params: Any, params_path: Path) -> None:
    """Hold a report against its manifest, and the manifest's inputs against the files here."""
    content, key = open_manifest(folder), read_key(folder)
    where = f"reports/{params.study}"
    if list_outputs(folder, simulated=content["simulated"]) != content["outputs"]:
        raise RunError(Problem(where, DAMAGED, "Run it again with --resume."))
    places = name_inputs(params, params_path)
    for record in content["inputs"]:
        place = places.get(record["key"])
        if place is not None and is_as_recorded(place, record, key) is False:
            raise RunError(tell_change(record["path"], "was changed"))
    content["code"]["git"] = describe_commit(params.root)  # the commit of the files that were sent
    write_whole(folder / NAME, dump(content))
