"""Knowing that a kernel is ready, without waiting for silence."""

import asyncio
import os
import time
from functools import cache
from queue import Empty
from typing import Any

BOUND = 10.0  # seconds that a kernel may take to open its sockets before it is talked to all the same
LOOK = 0.004  # seconds between two looks


@cache
def client_class() -> type:
    """Give the client of our kernels: the stock one, which goes on as soon as the kernel has said "idle".

    The stock one listens on for a fifth of a second in which nothing comes, for every notebook. It also
    connects before the kernel has opened its sockets, tries again after a tenth of a second, and may by then
    have missed what the kernel said.
    """
    from jupyter_client.asynchronous.client import AsyncKernelClient

    class PromptClient(AsyncKernelClient):
        """A client that takes the kernel's own word for being ready."""

        async def start_channels(self, **wanted: bool) -> None:  # type: ignore[override]
            """Connect to the kernel as soon as its sockets are there."""
            until = time.monotonic() + BOUND
            while not self._are_bound() and time.monotonic() < until and await self.is_alive():
                await asyncio.sleep(LOOK)
            super().start_channels(**wanted)

        def _are_bound(self) -> bool:
            """Say whether the sockets are files that exist; of ports nobody can tell."""
            ports = (self.shell_port, self.control_port, self.stdin_port, self.iopub_port, self.hb_port)
            return self.transport != "ipc" or all(os.path.exists(f"{self.ip}-{port}") for port in ports)

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Ask the kernel about itself until it has answered and is idle; RuntimeError when it died."""
            until = None if timeout is None else time.monotonic() + timeout
            while True:
                asked = self.kernel_info()
                try:
                    answer = await self.shell_channel.get_msg(timeout=1)
                    while not _is_idle(await self.iopub_channel.get_msg(timeout=0.2), asked):
                        pass
                    return self._handle_kernel_info_reply(answer)
                except Empty:  # busy still, or the second channel is not connected yet: ask again
                    pass
                if not await self.is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info")
                if until is not None and time.monotonic() > until:
                    raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    return PromptClient


def _is_idle(message: dict[str, Any], asked: str) -> bool:
    """Say whether a message is the kernel's "idle" after a question; all that it told before has come."""
    state = message["content"].get("execution_state")
    return state == "idle" and message["parent_header"].get("msg_id") == asked
