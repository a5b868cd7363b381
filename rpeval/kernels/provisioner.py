"""A kernel provisioner that forks kernels from the warm process, and launches the stock one otherwise.

Jupyter finds it by the entry point `rpeval-warm` (jupyter_client.kernel_provisioners), which a kernelspec
names; papermill, nbval and JupyterLab then all start warm.
"""

import asyncio
import contextlib
import functools
import os
import subprocess
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from rpeval.kernels.client import Forked, UnavailableError

NAME = "rpeval-warm"


class WarmProvisioner(LocalProvisioner):
    """Starts a kernel by forking; on any trouble, and outside Linux, in the ordinary way."""

    async def launch_kernel(self, cmd: list[str], **settings: Any) -> Any:
        """Start the kernel that `cmd` would start, and give its connection."""
        folder = str(settings.get("cwd") or os.getcwd())
        opened: list[int] = []
        try:
            streams = (_stream(settings.get("stdout"), 1, opened), _stream(settings.get("stderr"), 2, opened))
            environment = dict(settings.get("env") or os.environ)
            words = cmd[cmd.index("-f") :]
            ask = functools.partial(Forked, environment=environment, folder=folder, streams=streams)
            self.process = await asyncio.to_thread(ask, words)  # the first waits for the libraries
        except (UnavailableError, OSError, ValueError) as error:
            self.log.debug("A stock kernel instead of a warm one: %s", error)
            return await super().launch_kernel(cmd, **settings)
        finally:
            for descriptor in opened:
                os.close(descriptor)
        self.pid = self.pgid = self.process.pid
        self.cwd = Path(folder)
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel and see it end; who asked would else look again only after a tenth of a second."""
        await super().kill(restart)
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)


def _stream(given: Any, usual: int, opened: list[int]) -> int:
    """Give the descriptor that a stream of the kernel shall write to."""
    if given == subprocess.DEVNULL:
        opened.append(os.open(os.devnull, os.O_WRONLY))
        return opened[-1]
    return given.fileno() if hasattr(given, "fileno") else usual
