"""When a kernel is talked to."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

from rpeval.runs.ready import client_class

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


@pytest.fixture
def connect(tmp_path, monkeypatch):
    """Connect to a kernel that opens its sockets meanwhile; give what stood in the folder at that moment."""

    def told(alive, **settings):
        seen = []

        async def is_alive(_):
            return alive

        async def kernel():
            for port in range(1, len(PORTS) + 1):
                await asyncio.sleep(0.01)
                (tmp_path / f"socket-{port}").touch()

        monkeypatch.setattr(AsyncKernelClient, "is_alive", is_alive)
        monkeypatch.setattr(
            AsyncKernelClient,
            "start_channels",
            lambda _, **wanted: seen.append((os.listdir(tmp_path), wanted)),
        )
        ports = {name: port for port, name in enumerate(PORTS, start=1)}
        client = client_class()(**{"transport": "ipc", "ip": str(tmp_path / "socket"), **ports, **settings})

        async def both():
            await asyncio.gather(client.start_channels(stdin=False), kernel())

        with ThreadPoolExecutor() as threads:  # tests of pages may have left a loop running in this one
            threads.submit(asyncio.run, both()).result()
        return seen

    return told


def test_a_client_connects_when_the_kernel_has_opened_every_socket(connect):
    [(there, wanted)] = connect(alive=True)
    assert sorted(there) == [f"socket-{port}" for port in range(1, 6)]
    assert wanted == {"stdin": False}


@pytest.mark.parametrize(
    "settings", [{"alive": False}, {"alive": True, "transport": "tcp", "ip": "127.0.0.1"}]
)
def test_a_client_does_not_wait_for_a_dead_kernel_nor_for_ports(connect, settings):
    assert connect(**settings) == [([], {"stdin": False})]
