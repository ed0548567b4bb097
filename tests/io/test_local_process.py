"""Who listens at a port of this machine, and how its threads waited for a processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.io.local_process import find_listeners, list_family, read_threads

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="needs Linux's /proc")

SERVER = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.2", 0))
if not os.fork():
    print(server.getsockname()[1], os.getpid(), flush=True)
    server.close()
time.sleep(60)
"""


@pytest.fixture
def server() -> Iterator[tuple[int, int, int]]:
    """The port, the process that listens, and its child, which does not."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        port, child = map(int, process.stdout.readline().split())
        yield port, process.pid, child
        os.killpg(process.pid, 9)


def test_a_listener_is_found_with_its_children(server: tuple[int, int, int]) -> None:
    port, pid, child = server
    assert find_listeners([port]) == {pid}
    assert list_family([pid]) == {pid, child}
    times = read_threads({pid, child})
    assert times.keys() == {pid, child}
    assert all(ran > 0 and waited >= 0 for ran, waited in times.values())


def test_where_nobody_listens_there_is_no_process() -> None:
    assert find_listeners([1]) == set()
    assert read_threads([2**30]) == {}
    assert list_family([]) == set()
