"""The warm process: imports the libraries once, then forks a fresh, real ipykernel for each request.

Each connection to its socket asks for one kernel. Its owner, the process that started it, opened the socket,
so one can ask at once, and is answered when all is imported. Whoever asked holds the connection: when it
closes, the kernel's whole process group is killed, so no kernel outlives the run it belongs to. The warm
process itself ends when its owner ends, however that ends: it watches a pipe whose other end the owner holds.
It then removes the folder that was made for its socket, with what kernels left in it.

The package itself is imported before the fork, too, and forgotten again in a kernel that begins after one
of its files was changed, so a change reaches the next kernel.
"""

import argparse
import builtins
import contextlib
import ctypes
import gc
import json
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import struct
import sys
import traceback
import types
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rpeval.kernels.client import DEBUGGER

PRELOAD = (
    "numpy", "scipy.stats", "scipy.optimize", "scipy.linalg", "scipy.sparse.linalg", "pandas", "pyarrow",
    "matplotlib.figure", "matplotlib.backends.backend_svg", "seaborn", "statsmodels.api",
    "statsmodels.formula.api", "pydantic", "yaml", "jinja2.sandbox", "IPython.display", "ipykernel.ipkernel",
    "ipykernel.kernelapp", "IPython.core.debugger", "IPython.core.oinspect", "IPython.core.completerlib",
    "IPython.core.logger", "IPython.extensions.storemagic", "sqlite3", "psutil", "tornado.platform.asyncio",
    "tornado.queues", "pandas.io.formats.html", "pandas.io.formats.csvs", "pandas.io.formats.string",
    "pandas.core.reshape.reshape", "pyarrow.pandas_compat",
)  # fmt: skip
PACKAGES = ("rpeval.findings", "rpeval.inputs", "rpeval.methods")  # what notebooks import
INLINE = "module://matplotlib_inline.backend_inline"
LARGEST = 1 << 16
PARENT_DEATH = 1  # Linux's number for the wish to hear of it, PR_SET_PDEATHSIG


def main() -> None:
    """Import, listen, and fork until the owner is gone."""
    words = argparse.ArgumentParser()
    words.add_argument("--folder", required=True)
    words.add_argument("--owner", type=int, required=True)
    words.add_argument("--listener", type=int, required=True)
    given = words.parse_args()
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
    made = package_state()
    gc.disable()  # while everything is imported there is nothing to collect
    import_libraries()
    gc.enable()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on it ends when its owner lets go of the pipe
    Server(given.folder, given.owner, socket.socket(fileno=given.listener), made).serve()


def import_libraries() -> None:
    """Import what notebooks need, as a kernel would see it, and draw once, which finds the fonts."""
    os.environ.setdefault("MPLBACKEND", INLINE)  # what ipykernel sets before a notebook imports matplotlib
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    # pandas asks at import whether it is in a notebook, and prints more columns there
    builtins.get_ipython = lambda: types.SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    try:
        for name in PRELOAD:
            __import__(name)
        _import_package()
    finally:
        del builtins.get_ipython  # type: ignore[attr-defined]
    _draw_once()
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise SystemExit(f"{threads} threads are running; a process with threads cannot be forked safely")
    gc.collect()
    gc.freeze()


def _import_package() -> None:
    for name in PACKAGES:
        for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
            import_module(module.name)
    import_module("rpeval.reports.draft")


def package_state() -> dict[str, tuple[int, int]]:
    """Say of every file of the package when it was changed and how long it is."""
    folders = (place for place in os.walk(Path(__file__).parents[1]) if not place[0].endswith("__pycache__"))
    files = (os.path.join(folder, name) for folder, _, names in folders for name in names)
    return {path: (seen.st_mtime_ns, seen.st_size) for path in files if (seen := os.stat(path))}


def _draw_once() -> None:
    import io

    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "rpeval"}):
        figure = Figure(figsize=(2, 2), layout="constrained")
        figure.subplots().set_title("A", fontweight="bold")
        FigureCanvasSVG(figure).print_svg(io.StringIO())


class Server:
    """Accepts requests, forks kernels, tells who asked how they ended."""

    def __init__(self, folder: str, owner: int, listener: socket.socket, made: dict[str, tuple[int, int]]):
        self.folder, self.owner, self.listener, self.made = folder, owner, listener, made
        self.process = os.getpid()
        self.kernels: dict[socket.socket, tuple[int, int]] = {}  # connection to process and its descriptor
        self.waiting = selectors.DefaultSelector()
        self.waiting.register(self.listener, selectors.EVENT_READ, self._accept)
        self.waiting.register(owner, selectors.EVENT_READ, self._end)

    def serve(self) -> None:
        """Answer until the owner is gone."""
        while self.listener.fileno() >= 0:
            for key, _ in self.waiting.select():
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        self.waiting.register(connection, selectors.EVENT_READ, self._request)

    def _request(self, connection: socket.socket) -> None:
        self.waiting.unregister(connection)
        try:
            request, descriptors = receive(connection)
        except (OSError, ValueError):
            connection.close()
            return
        process = os.fork()
        if process == 0:
            self._become_kernel(request, descriptors, connection)
        for descriptor in descriptors:
            os.close(descriptor)
        watched = os.pidfd_open(process)
        self.kernels[connection] = (process, watched)
        self._tell(connection, {"process": process})
        self.waiting.register(watched, selectors.EVENT_READ, lambda _: self._ended(connection))
        self.waiting.register(connection, selectors.EVENT_READ, self._left)

    def _ended(self, connection: socket.socket) -> None:
        """A kernel has ended: say how."""
        process, watched = self.kernels.pop(connection)
        _, status = os.waitpid(process, 0)
        self.waiting.unregister(watched)
        os.close(watched)
        with contextlib.suppress(KeyError):
            self.waiting.unregister(connection)
        self._tell(connection, {"code": os.waitstatus_to_exitcode(status)})
        connection.close()

    def _left(self, connection: socket.socket) -> None:
        """Who asked has left: its kernel goes, with all that it started."""
        with contextlib.suppress(OSError):
            if connection.recv(LARGEST):
                return
        self.waiting.unregister(connection)
        self._kill(self.kernels[connection][0])

    def _end(self, _: Any) -> None:
        for process, _ in self.kernels.values():
            self._kill(process)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.listener.close()

    def _kill(self, process: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    def _tell(self, connection: socket.socket, what: dict[str, int]) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps(what).encode() + b"\n")

    def _become_kernel(self, request: dict[str, Any], descriptors: list[int], own: socket.socket) -> None:
        """In the forked process: let go of everything that is the server's, and run the kernel; no return."""
        code = 1
        try:
            die_with(self.process)
            self.waiting.close()
            for other in (self.listener, own, *self.kernels):
                other.close()
            os.close(self.owner)
            run_kernel(request, descriptors, stale=package_state() != self.made)
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies; end it where that has happened already.

    ipykernel looks itself, once a second, whether its parent is there; it looks for one that was there when
    it began, so a kernel whose warm process died in that instant would live on for ever. Where the system's
    own library cannot be called, that look is all there is.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Read one request: its length, JSON, and the descriptors of standard output and error with it."""
    data, descriptors, _, _ = socket.recv_fds(connection, LARGEST, 2)
    if len(data) < 4:
        raise ValueError("no request")
    length = struct.unpack("!I", data[:4])[0]
    while len(data) < 4 + length:
        more = connection.recv(LARGEST)
        if not more:
            raise ValueError("half a request")
        data += more
    return json.loads(data[4:]), list(descriptors)


def run_kernel(request: dict[str, Any], descriptors: list[int], *, stale: bool) -> None:
    """Be a stock kernel from here on: own session, environment, folder, streams and random numbers.

    stale : the package was changed since it was imported, so it is imported anew
    """
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for place, descriptor in enumerate([nothing, *descriptors]):
        os.dup2(descriptor, place)
        if descriptor > 2:
            os.close(descriptor)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environment"], JPY_PARENT_PID=str(os.getppid()))
    os.environ.setdefault("MPLBACKEND", INLINE)
    os.chdir(request["folder"])
    sys.modules["numpy"].random.seed()  # or every kernel would draw the same numbers
    # it ties itself to the running notebook when it is imported
    forgotten = ("matplotlib_inline", "rpeval") if stale else ("matplotlib_inline",)
    for name in [name for name in sys.modules if name.split(".")[0] in forgotten]:
        del sys.modules[name]
    if os.environ.get(DEBUGGER) == "off":  # importing it takes as long as all else of a kernel's start
        sys.modules["debugpy"] = None  # type: ignore[assignment]
    owned = f"--IPKernelApp.parent_handle={os.getppid()}"  # read from the environment at import: too early
    sys.argv = [str(find_spec("ipykernel_launcher").origin), *request["words"], owned]
    kernelapp = import_module("ipykernel.kernelapp")
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
