"""Signals that end a process, as an exception: what is done can be written before it ends."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
IMPATIENT = 3  # signals that mean it: the rows are not waited for

log = logging.getLogger(__name__)


class Stopped(KeyboardInterrupt):
    """A signal ended the process; `exit_code` is what shells expect: 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP raise `Stopped` in the main thread, once; in other threads nothing changes.

    Further signals are ignored while the rows are written, but for the third. A signal that the process ignores, as
    SIGHUP under nohup, stays ignored. Blocks may be nested.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) in (1, IMPATIENT):
            raise Stopped(number)
        log.warning("writing what is done; once more to give that up")

    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]
    for number in mine:
        signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt as error:
        if came and not isinstance(error, Stopped):  # extensions such as Ray's raise their own where a handler raises
            raise Stopped(came[0]) from error
        raise
    finally:
        for number in mine:
            signal.signal(number, before[number])
