"""What takes long says how far it is, on the terminal alone, from whatever process it goes on in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import ROOT, run_gate
from tests.programs import run_module

_QUICK = """
import atexit, threading
from harness.run import progress
progress.FIRST_SECONDS, progress.NEXT_SECONDS, progress.LOOK_SECONDS = 0.2, 0.2, 0.05
atexit.register(lambda: print("threads:", sorted(thread.name for thread in threading.enumerate())))
"""
_OWN = """
import threading, time_machine, pytest
@pytest.mark.ai_suite("smoke")
def test_own(capfd):
    print("the test's own output")
    with time_machine.travel(0, tick=False):
        threading.Event().wait(2)
    assert capfd.readouterr().out == "the test's own output\\n"
    print("printed last")
"""
_LATENCY = re.compile(
    r"^  smoke/test_answer\.py::test_latency: (\d of at most 6 requests, )?\d+ s so far", re.MULTILINE
)
_LINE = re.compile(r"(smoke|validation|adversarial)/\S+: .*so far")


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    """The URL of a service that takes 0.4 s for an answer."""
    with ReferenceProcess(ServiceSettings(latency_ms=400)) as server:
        yield f"--ai-endpoint={server.url}"


def test_a_slow_service_is_waited_for_with_a_word(slow: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_QUICK)
    (tmp_path / "test_own.py").write_text(_OWN)
    junit = ("--junitxml=junit.xml", "-ojunit_logging=all")
    outcome = run_gate(tmp_path, slow, "--ai-protocol=openai_chat", "test_own.py", "-k", "latency or own", "-v", *junit)
    assert _LATENCY.search(outcome.out), outcome.out
    assert re.search(r"^  test_own\.py::test_own: \d s so far", outcome.out, re.MULTILINE), outcome.out
    assert outcome.check("test_own")["verdict"] == "PASS", "capturing is as it is without progress"
    assert "aiharness-progress" not in outcome.out.rpartition("threads:")[2]
    text = (tmp_path / "junit.xml").read_text()
    assert "printed last" in text
    assert not _LINE.search(text)


def test_quiet_is_quiet(slow: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_QUICK)
    outcome = run_gate(tmp_path, slow, "--ai-protocol=openai_chat", "-k", "latency", "-q")
    assert outcome.check("test_latency")["verdict"] == "PASS"
    assert not _LINE.search(outcome.out), outcome.out


def test_workers_are_heard(slow: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_QUICK)
    outcome = run_gate(tmp_path, slow, "--ai-protocol=openai_chat", "-k", "latency", "-n2")
    assert outcome.check("test_latency")["verdict"] == "PASS"
    assert _LATENCY.search(outcome.out), outcome.out
    assert "aiharness-progress" not in outcome.out.rpartition("threads:")[2]


def test_the_forked_gate_says_where_it_is(slow: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_QUICK)
    options = (slow, "--ai-suite=smoke", "--ai-protocol=openai_chat", "--ai-run-dir=run", "-k", "latency")
    done = run_module("harness", "gate", *options, cwd=tmp_path, timeout=90)
    assert _LATENCY.search(done.stdout), done.stdout + done.stderr


def test_attacks_and_rows_are_counted(tmp_path: Path) -> None:
    lines = (ROOT / "examples" / "digits_heldout.csv").read_text().splitlines()[:41]
    (tmp_path / "rows.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    (tmp_path / "aiharness.toml").write_text(
        '[data]\nfile = "rows.csv"\n[adversarial]\neps = 1.0\nlow = 0\nhigh = 16\ninputs = 5\nbudget = 10\n'
        '[[objective]]\nsuite = "adversarial"\nmetric = "robust_accuracy"\nlimit = ">= 20%"\n'
        '[[objective]]\nsuite = "validation"\nmetric = "accuracy"\nlimit = ">= 20%"\n'
    )
    (tmp_path / "conftest.py").write_text(_QUICK)
    options: tuple[str, ...] = ("--ai-model=digits", "-k", "square or accuracy")
    with ReferenceProcess(ServiceSettings(latency_ms=250)) as server:
        options = (f"--ai-endpoint={server.url}", *options)
        outcome = run_gate(tmp_path, *options, suite="adversarial,validation", timeout=120)
    assert re.search(r"^  adversarial/square: [1-9]\d* of at most \d+ rows, \d+ s so far", outcome.out, re.MULTILINE)
    assert re.search(r"^  validation/accuracy: .*\d+ s so far", outcome.out, re.MULTILINE), outcome.out
