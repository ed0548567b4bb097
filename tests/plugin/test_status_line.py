"""The line at the bottom of a real terminal: drawn over, taken off, quiet in CI, gone after Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases

_QUICK = """
from harness.run import progress
progress.LOOK_SECONDS = 0.05
"""
_OWN = """
import time, pytest
@pytest.mark.ai_suite("smoke")
@pytest.mark.parametrize("n", range(8))
def test_own(n):
    print("captured")
    time.sleep(0.3)
@pytest.mark.ai_suite("smoke")
def test_long():
    open("begun", "w").close()
    time.sleep(LONG)
"""
_LIVE = re.compile(r"smoke · \d+/\d+ checks")


class Screen:
    """What a terminal of so many columns shows: the few sequences that pytest and the line use."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.unknown: list[str] = []

    def feed(self, text: str) -> None:
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+|\x1b", text):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif part.startswith("\x1b"):
                self._move(part)
            else:
                self._print(part)

    def _move(self, part: str) -> None:
        number = int(re.sub(r"\D", "", part) or 1)
        if part.endswith("A"):
            self.row = max(0, self.row - number)
        elif part.endswith("C"):
            self.column += number
        elif part == "\x1b[2K":
            self.lines[self.row] = ""
        elif not part.endswith("m"):
            self.unknown.append(part)

    def _print(self, text: str) -> None:
        for character in text:
            if self.column == self.columns:
                self.feed("\r\n")
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ReferenceProcess(ServiceSettings()) as server:
        yield server.url


def run_on_terminal(
    folder: Path,
    *command: str,
    columns: int = 100,
    act: Callable[[str, int], None] | None = None,
    environment: Mapping[str, str] = {},
) -> tuple[int, str, Screen]:
    """The exit status, all bytes that came, and the screen at the end; `act` sees what came and the terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "TERM", "NO_COLOR", "COLUMNS")}
    child = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, env={**env, "TERM": "xterm", **dict(environment)},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    text, ends = "", time.monotonic() + 180
    while time.monotonic() < ends:
        try:
            if select.select([ours], [], [], 0.1)[0]:
                text += os.read(ours, 65536).decode(errors="replace")
        except OSError:  # the last one who had it open is gone
            break
        if act is not None:
            act(text, ours)
    os.close(ours)
    if child.poll() is None and time.monotonic() >= ends:
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait(60)
    screen = Screen(columns)
    screen.feed(text)
    return status, text, screen


def prepare(folder: Path, long: float = 0.5) -> None:
    (folder / "conftest.py").write_text(_QUICK)
    (folder / "test_own.py").write_text(_OWN.replace("LONG", str(long)))


def options(url: str, *more: str) -> tuple[str, ...]:
    return ("--ai-suite=smoke", f"--ai-endpoint={url}", "--ai-protocol=openai_chat", "--ai-run-dir=run",
            "-p", "no:cacheprovider", "-k", "own or long or latency", *more)  # fmt: skip


@pytest.mark.slow(15)
@pytest.mark.parametrize("more", [("-v",), ("-n2",)])
def test_the_line_is_drawn_and_leaves_nothing(more: tuple[str, ...], url: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    status, text, screen = run_on_terminal(tmp_path, "pytest", "test_own.py", *options(url, *more))
    assert status == 20, text  # most checks are left out
    drawn = set(re.findall(r"smoke · (\d+)/\d+ checks", text))
    assert len(drawn) > 2, "it is drawn again while checks end"
    assert not screen.unknown
    shown = "\n".join(screen.lines)
    assert not _LIVE.search(shown), shown
    assert "AI release gate" in shown
    if more == ("-v",):
        assert sum(" PASSED" in line for line in screen.lines) >= 9, shown
    assert "captured" not in shown


@pytest.mark.slow(15)
@pytest.mark.parametrize("columns", sample_cases([24, 31], 24))
def test_a_narrow_terminal_is_not_broken(columns: int, url: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    status, text, screen = run_on_terminal(tmp_path, "pytest", "test_own.py", *options(url), columns=columns)
    assert status == 20, text
    assert bool(_LIVE.search(text)) is (columns >= 30)
    assert not any(_LIVE.search(line) for line in screen.lines)
    assert "Traceback" not in text


@pytest.mark.slow(15)
@pytest.mark.parametrize(
    ("environment", "more"),
    sample_cases([({"CI": "true"}, ()), ({"TERM": "dumb"}, ()), ({}, ("-q",))], ({"CI": "true"}, ()), ({}, ("-q",))),
)
def test_it_is_quiet_where_it_should_be(
    environment: dict[str, str], more: tuple[str, ...], url: str, tmp_path: Path
) -> None:
    prepare(tmp_path)
    status, text, _ = run_on_terminal(tmp_path, "pytest", "test_own.py", *options(url, *more), environment=environment)
    assert status == 20, text
    assert not _LIVE.search(text)
    assert "\x1b[1A" not in text


@pytest.mark.slow(20)
@pytest.mark.parametrize("command", ["gate", "prove"])
def test_ctrl_c_takes_it_off_and_is_the_exit_status(command: str, url: str, tmp_path: Path) -> None:
    prepare(tmp_path, 120 if command == "gate" else 1)
    pressed: list[int] = []

    def press(text: str, terminal: int) -> None:
        is_due = (tmp_path / "begun").exists() and bool(_LIVE.search(text))
        if command == "prove":
            is_due = "are asked again under mutations" in text
        if is_due and not pressed:
            pressed.append(os.write(terminal, b"\x03"))  # to every process of the terminal

    given = ("--suite=smoke", *options(url)[1:])
    if command == "gate":
        given = ("test_own.py", *given)
    status, text, screen = run_on_terminal(tmp_path, "harness", command, *given, act=press)
    assert pressed, text
    assert status == 2, text
    shown = "\n".join(screen.lines)
    assert not _LIVE.search(shown), shown
    assert "Traceback" not in shown
    assert {"gate.json", "report.html", "junit.xml"} <= {path.name for path in (tmp_path / "run").iterdir()}
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["run"]["verdict"] != "PASS"
