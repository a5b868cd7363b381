"""Signals that stop a run, told to real processes."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

CODE = """
import signal
from rpeval.runs.interrupt import interruptible
signal.signal(signal.SIGHUP, signal.SIG_{handler})
try:
    with interruptible():
        print("in", flush=True)
        input()
    print("went on")
except KeyboardInterrupt:
    signal.raise_signal(signal.SIGTERM)  # handled as before the run
    print("lives on")
"""


def ends(number, handler="DFL"):
    code = CODE.format(handler=handler)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout.readline() == "in\n"
        run.send_signal(number)
        told, _ = run.communicate("\n", timeout=20)
    return told, run.returncode


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_stops_a_run_and_handlers_are_put_back(number):
    assert ends(getattr(signal, number)) == ("", -signal.SIGTERM)


def test_a_run_under_nohup_goes_on_when_the_terminal_closes():
    assert ends(signal.SIGHUP, handler="IGN") == ("went on\n", 0)
    assert ends(signal.SIGTERM, handler="IGN") == ("", -signal.SIGTERM)
