"""The processes of this machine that listen at a port: how long they ran, and how long they waited for a processor.

Linux only, and only for processes that this user may look at; elsewhere there are none.

Tested in tests/io/test_local_process.py.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_LISTENS = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def find_listeners(ports: Iterable[int]) -> set[int]:
    """The ids of the processes that listen at one of these ports."""
    links = {f"socket:[{inode}]" for port in ports for inode in _find_sockets(port)}
    if not links:
        return set()
    names = filter(str.isdigit, _list_names(_PROC))
    return {pid for pid in map(int, names) if not links.isdisjoint(_list_open_files(pid))}


def list_family(pids: Iterable[int]) -> set[int]:
    """These processes, with their children and the children of those."""
    family: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in family:
            family.add(pid)
            waiting += _list_children(pid)
    return family


def read_threads(pids: Iterable[int]) -> dict[int, tuple[float, float]]:
    """For each thread of these processes the seconds that it ran and waited for a processor, since its start."""
    times = {}
    for pid in pids:
        for thread in _list_names(_PROC / str(pid) / "task"):
            with contextlib.suppress(OSError, ValueError):
                ran, waited = (_PROC / str(pid) / "task" / thread / "schedstat").read_text().split()[:2]
                times[int(thread)] = int(ran) / 1e9, int(waited) / 1e9
    return times


def _find_sockets(port: int) -> set[str]:
    """The inodes of the sockets that listen at this port."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes


def _list_open_files(pid: int) -> set[str]:
    folder = _PROC / str(pid) / "fd"
    files = set()
    for name in _list_names(folder):
        with contextlib.suppress(OSError):
            files.add(os.readlink(folder / name))
    return files


def _list_children(pid: int) -> list[int]:
    children: list[int] = []
    for thread in _list_names(_PROC / str(pid) / "task"):
        with contextlib.suppress(OSError, ValueError):
            children += map(int, (_PROC / str(pid) / "task" / thread / "children").read_text().split())
    return children


def _list_names(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []
