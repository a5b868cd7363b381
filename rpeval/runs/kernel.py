"""The kernel a notebook runs in: this interpreter's own, undisturbed by the user's settings, surely ended."""

import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rpeval.inputs.kept import KEPT as INPUTS
from rpeval.kernels.client import DEBUGGER, SOCKET, THREADS
from rpeval.reports.drawing import KEPT as FIGURES
from rpeval.runs.ready import client_class

KERNEL, PROVISIONER = "python3", "rpeval-warm"
DISTURBING = ("PYTHONSTARTUP", "MPLBACKEND", "JUPYTER_PATH")
LONGEST = 80  # characters of a folder for sockets: systems allow about a hundred for the whole path

_kernels: list[Any] = []
_said: list[Any] = []


@cache
def open_papermill() -> Any:
    """Import papermill without the parts of JupyterLab that nothing here needs, and silence its log.

    `rfc3987_syntax` builds parsers when it is imported, which costs about a second; jsonschema does without.
    Papermill reports a fault in its log as well as by raising; only what is raised reaches the user.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill

    for name in ("papermill", "asyncio", "traitlets"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return papermill


@cache
def kernel_class() -> type:
    """Give the manager of our kernels: this interpreter, sockets of our own, known to `end_kernels`.

    A kernel is forked from the warm process where there is one (see rpeval.kernels), else started as usual.
    """
    open_papermill()
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import validate

    class OwnSpec(KernelSpec):
        """The stock kernel of this interpreter, started by forking where that can be done."""

        @validate("metadata")
        def _forked(self, proposal: Any) -> dict[str, Any]:
            return {**proposal["value"], "kernel_provisioner": {"provisioner_name": PROVISIONER}}

    class OwnKernel(AsyncKernelManager):
        """A kernel of this interpreter that is surely ended."""

        def __init__(self, **settings: Any):
            # without folders to look in, only this interpreter's own is left, whatever the user installed
            specs = KernelSpecManager(kernel_dirs=[], kernel_spec_class=OwnSpec)
            settings |= {"kernel_spec_manager": specs, "client_factory": client_class()}
            self.folder = tempfile.mkdtemp(prefix="rpeval-", dir=_warm_folder())
            super().__init__(transport_encryption="auto", **settings, **_sockets(self.folder))
            _kernels.append(self)

        async def _async_launch_kernel(self, kernel_cmd: list[str], **settings: Any) -> None:
            _said[:] = [tempfile.TemporaryFile()]  # noqa: SIM115  (it is read when the kernel has ended)
            await super()._async_launch_kernel(kernel_cmd, **{"stderr": _said[0], **settings})

    return OwnKernel


def _warm_folder() -> str | None:
    """Give the folder of the warm process, which is gone when a run is, however it ends; None without one."""
    folder = os.path.dirname(os.environ.get(SOCKET, ""))
    return folder if os.path.isdir(folder) else None


def _sockets(folder: str) -> dict[str, str]:
    """Choose what a kernel is talked to by: files in a folder that only this user can enter.

    Ports of the network, the usual way, are found free and then let go until the kernel takes them, so that
    of many kernels which start at once two may want the same one. They are used where there is no other way.
    """
    if os.name != "posix" or len(folder) > LONGEST:
        return {"connection_file": f"{folder}/kernel.json"}
    return {"connection_file": f"{folder}/kernel.json", "transport": "ipc", "ip": f"{folder}/socket"}


def last_words() -> str:
    """Give the last line that the kernel which was started last wrote to its own standard error.

    Cells' output does not go there: it is what the kernel says when it cannot start, or is killed.
    """
    if not _said:
        return ""
    _said[0].seek(0)
    lines = _said[0].read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def kernel_groups() -> list[int]:
    """Give the process groups of the kernels that were started here and have not been ended."""
    groups = [getattr(kernel.provisioner, "pgid", None) for kernel in list(_kernels)]
    return [group for group in groups if group]


def end_kernels() -> None:
    """Kill every kernel started here, with the processes it started in turn."""
    while _kernels:
        kernel = _kernels.pop()
        group = getattr(kernel.provisioner, "pgid", None)
        if group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        shutil.rmtree(kernel.folder, ignore_errors=True)


@contextlib.contextmanager
def kernel_environment(home: Path) -> Iterator[None]:
    """Set what a kernel inherits while one notebook runs; on leaving, end its processes.

    home : a folder for the kernel's own files, so that the user's IPython settings and start-up files do not
           reach it
    Linear algebra gets one thread, so that sums are made in the same order on any machine.
    """
    home.mkdir(parents=True, exist_ok=True)
    ours: dict[str, str | None] = {**dict.fromkeys(THREADS, "1"), **dict.fromkeys(DISTURBING)}
    ours |= {"JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": str(home), DEBUGGER: "off"}
    ours |= {FIGURES: str(kept_figures(home)), INPUTS: str(kept_inputs(home))}
    before = {name: os.environ.get(name) for name in ours}
    _set_environment(ours)
    try:
        yield
    finally:
        end_kernels()
        _set_environment(before)


def kept_figures(home: Path) -> Path:
    """Give the folder in which kernels that have this home keep the figures they draw."""
    return home / "figures"


def kept_inputs(home: Path) -> Path:
    """Give the folder in which they keep what they read of the study's files."""
    return home / "inputs"


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
