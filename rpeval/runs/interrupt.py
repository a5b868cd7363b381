"""Ctrl-C, a polite kill, a closed terminal: each stops a run at once, none disturbs its cleaning up."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none
SIGNALS = [number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal to stop into KeyboardInterrupt and ignore the ones after it.

    Only the main thread can listen to signals; elsewhere this does nothing. Who started the run with nohup
    wants it to go on when the terminal closes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    if before.get(HANGUP) == signal.SIG_IGN:
        del before[HANGUP]

    def stop(number: int, frame: Any) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
