"""Asking the warm process for a kernel: start it once per process, or use the one a parent started."""

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

SOCKET = "RPEVAL_WARM"  # where a process that this one started finds the warm process; "off" for none
DEBUGGER = "RPEVAL_DEBUGGER"  # "off" in a kernel's environment: nobody will step through its cells
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
NAME = "warm"  # of the socket in the warm process's folder
PATIENCE = 60.0  # seconds that importing may take on a slow machine
QUEUE = 64  # kernels that may be asked for at a time


class UnavailableError(Exception):
    """There is no warm process, so the stock kernel has to do."""


class WarmProcess:
    """The warm process that this process owns; it ends with this process, however that ends."""

    def __init__(self) -> None:
        if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
            raise UnavailableError(f"no warm kernels on {sys.platform}")
        self.folder = tempfile.mkdtemp(prefix="rpeval-")
        self.path, self.owner = os.path.join(self.folder, NAME), os.getpid()
        theirs, self.pipe = os.pipe()
        try:
            self.process = self._start(theirs)
        except OSError:
            os.close(self.pipe)
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            os.close(theirs)
        atexit.register(self.close)

    def _start(self, theirs: int) -> subprocess.Popen:
        """Start it with a socket that is open already: who asks while it still imports waits in its queue."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(self.path)
            listener.listen(QUEUE)
            told = ["--folder", self.folder, "--owner", str(theirs), "--listener", str(listener.fileno())]
            return subprocess.Popen(
                [sys.executable, "-m", "rpeval.kernels.server", *told], env=_alone(), cwd=self.folder,
                pass_fds=(theirs, listener.fileno()), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def close(self) -> None:
        """End it, and every kernel it forked; a process forked from the owner leaves it alone."""
        pipe, self.pipe = self.pipe, -1
        if os.getpid() != self.owner or pipe < 0:
            return
        os.close(pipe)
        self.process.terminate()  # heeded while it imports; later it ends its kernels first
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _alone() -> dict[str, str]:
    """Give an environment without threads, of linear algebra or pyarrow's memory: so forking is safe."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    environment["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
    environment.pop("MPLBACKEND", None)
    return environment


_own: WarmProcess | None = None
_starting = threading.Lock()


def share() -> WarmProcess:
    """Give the warm process that all of this process share; started where there is none or it was closed.

    Raises UnavailableError where there are no warm kernels, OSError where it cannot be started.
    """
    global _own
    with _starting:
        if _own is None or _own.owner != os.getpid() or _own.pipe < 0:
            _own = WarmProcess()
        return _own


def start() -> None:
    """Start the warm process in the background, so that it is ready when the first kernel is needed."""
    if not os.environ.get(SOCKET):
        with contextlib.suppress(UnavailableError, OSError):
            share()


def find() -> str:
    """Give the socket of the warm process; raises UnavailableError or OSError where there is none."""
    told = os.environ.get(SOCKET)
    if told == "off":
        raise UnavailableError(f"{SOCKET} is off")
    return told or share().path


class Forked:
    """A kernel forked from the warm process, with the part of subprocess.Popen that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(
        self, words: Sequence[str], *, environment: Mapping[str, str], folder: str, streams: tuple[int, int]
    ):
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._heard, self._orphan = b"", False
        request = {"words": list(words), "environment": dict(environment), "folder": folder}
        body = json.dumps(request).encode()
        try:
            self._connection.settimeout(PATIENCE)
            self._connection.connect(find())
            socket.send_fds(self._connection, [struct.pack("!I", len(body))], list(streams))
            self._connection.sendall(body)
            self.pid = self._hear()["process"]
            self._connection.settimeout(None)
        except (OSError, KeyError) as error:
            self._connection.close()
            raise UnavailableError(f"the warm process did not answer: {error}") from error

    def _hear(self) -> dict[str, Any]:
        """Read one line of the warm process; empty when it is gone."""
        while b"\n" not in self._heard:
            data = self._connection.recv(4096)
            if not data:
                return {}
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def poll(self) -> int | None:
        """Give the exit code, or None while the kernel runs."""
        if self.returncode is None and not self._orphan and select.select([self._connection], [], [], 0)[0]:
            try:
                told = self._hear()
            except OSError:
                told = {}
            self._connection.close()
            self.returncode, self._orphan = told.get("code"), "code" not in told
        if self.returncode is None and self._orphan:  # the warm process is gone: watch the kernel itself
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the kernel has ended."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
            if self._orphan:
                time.sleep(0.02)
            else:
                select.select([self._connection], [], [], 0.1)
        return self.returncode or 0

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the kernel."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)
