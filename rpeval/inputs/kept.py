"""What was read of a study's files, kept while its run lasts: they are read once, not by every notebook."""

import contextlib
import functools
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from rpeval.inputs.plan import fingerprint

KEPT = "RPEVAL_INPUTS"  # the folder in which a run keeps what it read
REFERENCE = "data/reference"
# this room's files as they were when they were imported: what older code read is not taken by newer code
CODE = sorted((path.name, path.stat().st_mtime_ns) for path in Path(__file__).parent.rglob("*.py"))

Read = TypeVar("Read", bound=Callable[..., Any])


def kept(read: Read) -> Read:
    """Let a function that reads a study's files do so once in a run.

    read : takes the study's params, then at most what other such functions gave
    Where no run named a folder, as in JupyterLab, it always reads. Else it gives what was read before by the
    same code from the same params, files and reference data (by their hashes) and with the same arguments
    (by their content). What is kept was kept before anybody could change it, and each call gives a copy.
    """

    @functools.wraps(read)
    def once(params: Any, *others: object) -> Any:
        folder = os.environ.get(KEPT)
        if not folder:
            return read(params, *others)
        place = Path(folder, f"{read.__name__}-{_mark(params, others)}")
        with contextlib.suppress(OSError):
            return pickle.loads(place.read_bytes())
        found = read(params, *others)
        with contextlib.suppress(OSError):  # where it cannot be kept, the next notebook reads again
            _keep(place, pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
        return found

    return once  # type: ignore[return-value]


@contextlib.contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Keep in a folder what is read in this process meanwhile."""
    os.environ[KEPT] = str(folder)
    try:
        yield
    finally:
        del os.environ[KEPT]


def _keep(place: Path, content: bytes) -> None:
    """Write a file that is whole as soon as it is there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    part.write_bytes(content)
    part.replace(place)


def _mark(params: Any, others: tuple[object, ...]) -> str:
    """Hash everything that decides what is read."""
    reference = {p.relative_to(params.root).as_posix(): p for p in (params.root / REFERENCE).rglob("*.*")}
    seen = {name: path for name, path in reference.items() if "/." not in name}  # hidden ones are not read
    files = {name: _hash(path) for name, path in sorted({**seen, **params.source_paths()}.items())}
    mark = hashlib.sha256()
    _tell([CODE, params.resolved(), files, others], mark.update)
    return mark.hexdigest()


def _hash(path: Path) -> str:
    """Hash a file once, as long as its size and time stay the same; what cannot be read has no hash."""
    try:
        now = path.stat()
        return _hashed(path, now.st_size, now.st_mtime_ns)
    except OSError:
        return ""


@functools.lru_cache(512)
def _hashed(path: Path, size: int, changed: int) -> str:
    return fingerprint(path)


def _cells(frame: pd.DataFrame) -> bytes:
    try:
        return pd.util.hash_pandas_object(frame).to_numpy().tobytes()
    except (TypeError, ValueError):  # a cell holds a list
        return frame.to_csv().encode()


def _tell(value: object, to: Callable[[bytes], None]) -> None:
    """Tell a value's content: of a frame its cells, of what holds other values those."""
    if isinstance(value, pd.DataFrame | pd.Series):
        frame = pd.DataFrame(value)
        to(f"{type(value).__name__} {frame.shape} {frame.dtypes.to_dict()} {frame.index.names}".encode())
        to(_cells(frame))
    elif is_dataclass(value):
        _tell({field.name: getattr(value, field.name) for field in fields(value)}, to)
    elif isinstance(value, Mapping):
        _tell([*value.items()], to)
    elif isinstance(value, list | tuple):
        to(f"{len(value)}:".encode())
        for each in value:
            _tell(each, to)
    else:
        to(f"{type(value).__name__} {value!r};".encode())
