"""Which code and which machine make a report: package, commit, libraries, what moves the last digits."""

import ctypes
import functools
import importlib.metadata
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
from rpeval.inputs.plan import fingerprint
from rpeval.runs.kernel import THREADS

PACKAGE = Path(rpeval.__file__).parent
LOCK = "requirements.lock"


def describe_code(root: Path, package: Path = PACKAGE) -> dict[str, Any]:
    """Say which code makes a report: the package, its commit, the reference data, lock file and libraries."""
    lock, modules = root / LOCK, hash_files(package)
    reference = hash_files(root / "data" / "reference")
    return {
        "rpeval": {"version": rpeval.__version__, "sha256": hash_tree(modules), "modules": modules},
        "reference": {"sha256": hash_tree(reference), "files": reference},
        "git": describe_commit(root),
        "lock_sha256": fingerprint(lock) if lock.is_file() else None,
        **describe_python(),
    }


def describe_python() -> dict[str, Any]:
    """Say which Python runs, and with which libraries."""
    return {"python": platform.python_version(), "packages": dict(list_packages())}


def hash_files(folder: Path) -> dict[str, str]:
    """Hash every file below a folder, by path; compiled and hidden files left out."""
    return {
        path.relative_to(folder).as_posix(): fingerprint(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }


def hash_tree(files: Mapping[str, str]) -> str:
    """Hash a folder: the paths and hashes of its files as one.

    >>> hash_tree({"a": "1"}) == hash_tree({"b": "1"})
    False
    """
    return sha256("".join(f"{path}\0{mark}\n" for path, mark in sorted(files.items())).encode()).hexdigest()


def describe_commit(root: Path) -> dict[str, Any] | None:
    """Name the commit of the project, and whether its files differ from it; None where git does not know."""
    commit, status = ask_git(root, "rev-parse", "HEAD"), ask_git(root, "status", "--porcelain")
    if commit is None or status is None:
        return None
    return {"commit": commit.decode().strip(), "clean": not status.strip()}


def ask_git(root: Path, *words: str) -> bytes | None:
    """Ask git about a project; None where it is no repository or git does not answer."""
    if not (root / ".git").exists():
        return None
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(["git", *words], cwd=root, env=quiet, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@functools.cache
def list_packages() -> Mapping[str, str]:
    """List every installed library that rpeval stands on, directly or not, with its version, by name.

    They are listed once: what is installed later is not what this process has loaded.
    """
    found: dict[str, str] = {}
    waiting = ["rpeval"]
    while waiting:
        name = _same_name(waiting.pop())
        if name in found:
            continue
        try:
            record = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or another Python
        found[name] = record.version
        lines = [line for line in record.requires or () if not re.search(r"\bextra *==", line)]
        waiting += [re.match(r"[\w.-]+", line).group() for line in lines]  # type: ignore[union-attr]
    return {name: found[name] for name in sorted(found) if name != "rpeval"}


def _same_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def describe_machine() -> dict[str, Any]:
    """Describe what can move the last digits: platform, processor, linear algebra, threads."""
    import numpy

    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "system": platform.system(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "processor": platform.machine(),
        "cpu": _cpu(),
        "implementation": sys.implementation.name,
        "blas": {"name": blas.get("name"), "version": blas.get("version"), "core": blas_core()},
        "threads": dict.fromkeys(THREADS, 1),
    }


def _cpu() -> str | None:
    """Give the processor's model in words, where the system tells it."""
    try:
        told = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        told = None
    return told.group(1).strip() if told else platform.processor() or None


@functools.cache
def blas_core() -> str | None:
    """Give the processor type for which numpy's linear algebra runs ("Haswell"); None where it does not tell.

    OpenBLAS chooses its code by the processor, or by OPENBLAS_CORETYPE; the choice moves the 14th digit.
    """
    import numpy

    libraries = Path(numpy.__file__).parents[1] / "numpy.libs"
    for path in sorted(
        [*libraries.glob("*openblas*"), *Path(numpy.__file__).parent.glob(".dylibs/*openblas*")]
    ):
        try:
            tell = ctypes.CDLL(str(path)).scipy_openblas_get_corename64_
        except (OSError, AttributeError):
            continue
        tell.restype = ctypes.c_char_p
        return tell().decode()
    return None
