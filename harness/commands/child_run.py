"""Work in a child process whose end cannot be mistaken for a success: `os._exit(0)` in it is no exit status of ours.

Tested in tests/plugin/test_exit_agrees.py.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from harness.core.gate import Exit

_KEPT = (Exit.INTERRUPTED, Exit.INTERNAL, Exit.USAGE)


def run_in_child(work: Callable[[], int]) -> int:
    """Do this work in a forked process and return the exit status that it returned, in both processes.

    A child that ends before the work has returned is an ERROR, whatever its exit status. SIGINT and SIGTERM are passed
    on to the child; if this process dies, the child gets SIGTERM.
    """
    results, sender = os.pipe()
    lifeline, watched_end = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    child = os.fork()
    if child == 0:
        os.close(results)
        os.close(watched_end)
        threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
        worker = os.getpid()
        status = work()
        if os.getpid() == worker:  # not a fork of it, which a test has made
            os.write(sender, str(status).encode())
        return status
    os.close(sender)
    os.close(lifeline)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: os.kill(child, number))
    _, ending = os.waitpid(child, 0)
    os.set_blocking(results, False)  # a process that a test left behind may hold the other end
    try:
        text = os.read(results, 16)
    except BlockingIOError:
        text = b""
    if text:
        return int(text)
    return _judge_early_end(os.waitstatus_to_exitcode(ending))


def _judge_early_end(exit_code: int) -> int:
    how = f"exit status {exit_code}"
    if exit_code < 0:
        how = f"signal {-exit_code} ({signal.strsignal(-exit_code)})"
    print(f"aiharness gate: the process of the tests ended with {how} before the run had ended", file=sys.stderr)
    return exit_code if exit_code in _KEPT else int(Exit.ERROR)


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # nobody writes: it returns when the parent is gone
    os.kill(os.getpid(), signal.SIGTERM)
